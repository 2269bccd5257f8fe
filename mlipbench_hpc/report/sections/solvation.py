"""Solvation of ions: coordination against height, layers, stays and snapshots, for each such study."""

from mlipbench_hpc.report.draw.solvation import against_height, snapshots
from mlipbench_hpc.report.section import Block, Content, Gallery
from mlipbench_hpc.report.solvation import cautions, numbers, paper, sentence, solvated, table
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.solvation import STUDY

NOTHING = "No ions: no run of this study has ions above a surface."


def _content(part: Part) -> Content:
    """Figures and tables of one study."""
    every = solvated(part)
    figure, beside = against_height(part.name, every), paper(part, every)
    shells = [shell for own in every if (shell := snapshots(part.name, own))]
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        *([Gallery(shells, "", wide=True)] if shells else []),
        table(part, every),
        *([beside] if beside else []),
    ]
    return Content(blocks, {"runs": numbers(every)}, [[sentence(part, every)]], cautions(part, every))


SECTION = section(STUDY, 35, _content)
