"""Roughness of the potential energy surface: scans of one water or ion, for each such study."""

from mlipbench_hpc.report.draw.roughness import curves, points
from mlipbench_hpc.report.roughness import cautions, numbers, paper, scanned, sentence, table
from mlipbench_hpc.report.section import Block, Content, Gallery
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.roughness import STUDY

NOTHING = "No scans: none of this study has run."


def _content(part: Part) -> Content:
    """Figures and tables of one study."""
    every = scanned(part)
    drawn, rough, beside = curves(part.name, every), points(part.name, every), paper(part, every)
    blocks: list[Block] = [
        Gallery([drawn] if drawn else [], NOTHING, wide=True),
        *([Gallery([rough], "")] if rough else []),
        table(part, every),
        *([beside] if beside else []),
    ]
    return Content(blocks, {"scans": numbers(every)}, [[sentence(part, every)]], cautions(part, every))


SECTION = section(STUDY, 37, _content)
