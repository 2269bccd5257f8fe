"""First screen of the page: conclusions, a picture of the cell, and the table of models and observables."""

from mlipbench_hpc.report import conclusions, heights, summary_table
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.cell import cell
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.section import Block, Columns, Content, Gallery, Points, Section


def build(results: Results) -> Content:
    """Content of the first screen; empty where neither a run has started nor potentials are compared."""
    sentences = [*conclusions.sentences(results), *heights.sentences(groups(results))]
    table = summary_table.table(groups(results))
    picture = cell(results)
    words: list[Block] = [Points(sentences)] if sentences else []
    pictures: list[Block] = [Gallery([picture], "")] if picture else []
    blocks: list[Block] = [Columns(words, pictures)] if words and pictures else words + pictures
    return Content([*blocks, *([table] if table else [])], verdict=[[sentence] for sentence in sentences])


SECTION = Section("overview", "Overview", 0, build)
