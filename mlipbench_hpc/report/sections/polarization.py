"""Polarization: slab dipole and electrode potential against P_z, for each such study."""

from mlipbench_hpc.report.draw.polarization import against_orientation
from mlipbench_hpc.report.polarization import frames, numbers, paper, sentence, table
from mlipbench_hpc.report.section import Block, Content, Gallery
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.polarization import STUDY

NOTHING = "No dipoles: no frame of these datasets has metal, water and a dipole."


def _content(part: Part) -> Content:
    """Figure and tables of one study."""
    every = frames(part)
    figure, beside = against_orientation(part.name, every), paper(part, every)
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        table(part, every),
        *([beside] if beside else []),
    ]
    return Content(blocks, {"slopes": numbers(every)}, [[sentence(part, every)]])


SECTION = section(STUDY, 34, _content)
