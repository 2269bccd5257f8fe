"""Foundation models: errors and MD of a model trained on much else beside specific ones, for each study."""

from mlipbench_hpc.report.draw.overlay import overlay
from mlipbench_hpc.report.foundation import (
    Beside,
    beside,
    compared,
    errors,
    numbers,
    others,
    paper,
    sentence,
    table,
)
from mlipbench_hpc.report.groups import Group
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Gallery,
    cautions,
)
from mlipbench_hpc.report.sections import md
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.foundation import STUDY

NOTHING = "No figure: the study's run is not analysed."


def _content(part: Part) -> Content:
    """Figure of averages, tables of errors and differences."""
    found = compared(part)
    every = [two for group in found for two in beside(part, group)]
    around = part.beside(others(part))
    figures = [figure for group in found if (figure := overlay(around, group, f"{part.name}-"))]
    tables = [errors(part), table(part, every), paper(part, every)]
    blocks: list[Block] = [
        Gallery(figures, NOTHING, wide=True),
        *(block for block in tables if block),
        Folded("Every run", [md.table(part.results)]),
    ]
    said = [[sentence(part, every)]]
    return Content(blocks, {"against": numbers(every)}, said, _cautions(part, found, every))


def _cautions(part: Part, found: list[Group], every: list[Beside]) -> list[Caution]:
    """A warning for each run that is excluded, of another system or temperature, or has not run."""
    excluded = {line.name: line.left_out for group in found for line in group.lines if not line.runs}
    there = {two.other.name for two in every} | {line.name for group in found for line in group.drawn}
    words = [
        f"{name} is not compared: its runs are excluded, {'; '.join(excluded[name])}."
        if excluded.get(name)
        else f"{name} is not compared: it has not run, or is of other atoms, another cell or temperature."
        for name in others(part)
        if name not in there
    ]
    return cautions(part.name, f"Study {part.name}", words, Consequence.LIMITED)


SECTION = section(STUDY, 35, _content)
