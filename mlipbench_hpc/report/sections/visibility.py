"""Visibility and locality: what models see of the ions, and the locality floor, for each such study."""

from mlipbench_hpc.report.draw.visibility import floors as draw_floors
from mlipbench_hpc.report.draw.visibility import shares
from mlipbench_hpc.report.floors import composed
from mlipbench_hpc.report.section import Block, Content, Gallery
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.report.visibility import (
    beside,
    cautions,
    floors,
    numbers,
    paper,
    sentence,
    sights,
    table,
    water_errors,
)
from mlipbench_hpc.studies.visibility import STUDY

NOTHING = "No ions: no frame of these data has ions above a metal under water."


def _content(part: Part) -> Content:
    """Figures and tables of one study."""
    seen, own = sights(part), composed(part)
    errors = water_errors(part, own, seen) if own else []
    figures = [shares(part.name, seen), draw_floors(part.name, own, errors) if own else None]
    literature = paper(part, seen)
    blocks: list[Block] = [
        Gallery([figure for figure in figures if figure], NOTHING),
        table(part, seen),
        *([floors(part, own), beside(part, own, errors)] if own and own.kinds else []),
        *([literature] if literature else []),
    ]
    return Content(blocks, numbers(seen, own, errors), [[sentence(part, seen, own)]], cautions(part, own))


SECTION = section(STUDY, 36, _content)
