"""First screen of the page: conclusions, a picture of the cell, and the table of models and observables."""

from mlipbench_hpc.report import conclusions, heights, summary_table
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.cell import cell
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.section import Block, Columns, Content, Folded, Gallery, Points, Section


def build(results: Results) -> Content:
    """Content of the first screen; empty where neither a run has started nor potentials are compared."""
    own, more = conclusions.conclusions(results), heights.sentences(groups(results))
    reserved = [conclusion.reservations for conclusion in own if conclusion.reservations]
    table = summary_table.table(groups(results))
    picture = cell(results)
    statements = [
        f"{conclusion.statement} Reservations: {conclusion.brief}."
        if conclusion.brief
        else conclusion.statement
        for conclusion in own
    ]
    words: list[Block] = [Points([*statements, *more])] if own else []
    words += [Folded("Reservations in full", [Points(reserved)])] if reserved else []
    pictures: list[Block] = [Gallery([picture], "")] if picture else []
    blocks: list[Block] = [Columns(words, pictures)] if words and pictures else words + pictures
    return Content(
        [*blocks, *([table] if table else [])],
        verdict=[[sentence] for sentence in [*(conclusion.sentence for conclusion in own), *more]],
    )


SECTION = Section("overview", "Overview", 0, build)
