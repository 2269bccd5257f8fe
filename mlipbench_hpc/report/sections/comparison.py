"""Models and the reference potential side by side, for each system that several of them ran."""

from dataclasses import replace

from mlipbench_hpc.report import (
    charge,
    comparison,
    convergence,
    crosscheck,
    heights,
    layers,
    references,
    stationary,
)
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.overlay import overlay
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Gallery,
    Heading,
    Paragraph,
    Points,
    Section,
    Table,
    cautions,
)
from mlipbench_hpc.report.significance import primary, quantities, unmatched
from mlipbench_hpc.report.starts import close_replicas, common_past, one_structure
from mlipbench_hpc.report.text import COLUMNS, wrapped


def build(results: Results) -> Content:
    """Figures, agreement and tests of reweighting for each group of runs."""
    compared = groups(results)
    blocks = [block for group in compared for block in _blocks(results, group)]
    blocks += [table for table in [convergence.table(compared)] if table]
    blocks += [Paragraph(words, "caption") for words in [stationary.account(compared)] if words]
    return Content(
        blocks,
        {"comparisons": comparison.numbers(results), "stationarity": stationary.numbers(compared)},
        [convergence.verdict(group) for group in compared],
        [*_cautions(compared), *_unmatched(results)],
        summary=[line for group in compared for line in ["", *_summary(group)]],
    )


def _cautions(compared: list[Group]) -> list[Caution]:
    """Criteria of convergence that lines fail, lines with different constraints, and runs left out."""
    every: list[Caution] = []
    for group in compared:
        for line in group.drawn:
            about = f"MD {line.name}, {line.title(group.drawn)} ({line.about()})"
            for failed in convergence.remaining(line, group.interface):
                sentence, worst = f"{failed.sentence}.", failed.consequence
                every.append(Caution(line.name, about, sentence, worst, failed.kind, failed.value))
            shared = [*_shared_pasts(group, line), *([f"{one}."] if (one := one_structure(line)) else [])]
            every += cautions(line.name, about, shared, Consequence.ERROR_UNKNOWN)
        every += cautions(group.title, group.title, group.unlike, Consequence.WRONG)
        every += cautions(group.title, group.title, references.apart(group), Consequence.ERROR_UNKNOWN)
        every += cautions(group.title, group.title, group.left_out, Consequence.WRONG)
    return every


def _shared_pasts(group: Group, line: Line) -> list[str]:
    """Sentences on close starts of a line's replicas, and of its runs and those it is compared with."""
    others = {test.other.name: test.other for test in primary(group) if test.line is line}
    every = [close_replicas(line), *(common_past(line, other) for other in others.values())]
    return [f"{past.sentence}." for past in every if past]


def _unmatched(results: Results) -> list[Caution]:
    """A warning for each declared comparison that no runs of the report are for."""
    sentences = [
        f"no test of {declared}: correct `analysis.comparisons`, or run what it lacks."
        for declared in unmatched(results)
    ]
    place = "analysis.comparisons"
    return cautions(place, f"{place} (no model, no MD)", sentences, Consequence.LIMITED)


def _blocks(results: Results, group: Group) -> list[Block]:
    drawn = [overlay(results, group), *crosscheck.figures(group)]
    blocks: list[Block] = [
        Heading(group.title, convergence.state(group), open=not convergence.converged(group)),
        Gallery([figure for figure in drawn if figure], "All runs are excluded.", wide=True),
    ]
    blocks += [Paragraph(words) for words in [charge.sentence(group)] if words]
    if agreements := comparison.agreements(group):
        blocks.append(Points(agreements))
    if table := comparison.table(group):
        blocks.append(_two_lines(table))
    if tests := comparison.tests(group):
        blocks.append(tests)
    blocks += [ions for ions in (layers.table(group), heights.table(group)) if ions]
    if (sentences := crosscheck.sentences(group)) and (checked := crosscheck.table(group)):
        blocks += [Points(sentences), checked]
    return blocks


def _two_lines(table: Table) -> Table:
    """Table whose numbers have the result of their test below them, so that all columns fit the page."""
    rows = [[first, *(cell.replace(", ", "\n") for cell in cells)] for first, *cells in table.rows]
    return replace(table, rows=rows, open=True)


def _summary(group: Group) -> list[str]:
    """Heading with the state of convergence, then a block for each line."""
    worth = convergence.state(group)
    title = group.title + worth.rjust(max(len(worth) + 2, COLUMNS - len(group.title)))
    lines = [title, "-" * COLUMNS]
    checked = [
        text for sentence in crosscheck.sentences(group) for text in wrapped(sentence, "    ", first="  ")
    ]
    if not quantities(group):
        return [*lines, *(text for line in group.drawn for text in _heading(group, line)), *checked]
    for line in group.drawn:
        lines += [*_heading(group, line), *_numbers(group, line)]
    if group.drawn:
        lines += wrapped(comparison.definition(group), first="  ")
    return [*lines, *checked]


def _heading(group: Group, line: Line) -> list[str]:
    return wrapped(f"{line.title(group.drawn)}: {line.about()}", indent="    ", first="  ")


def _numbers(group: Group, line: Line) -> list[str]:
    compared = quantities(group)
    wide = max(len(quantity.heading) for quantity in compared)
    return [
        text
        for quantity in compared
        for text in _fitting(f"    {quantity.heading.ljust(wide)}  ", comparison.cell(group, line, quantity))
    ]


def _fitting(name: str, cell: str) -> list[str]:
    """A name with a cell on one line, or what stands behind the number on a second one."""
    value, _, remarks = cell.partition(", ")
    if len(name + cell) <= COLUMNS or not remarks:
        return [name + cell]
    return [f"{name}{value},", *wrapped(remarks, " " * len(name), first=" " * len(name))]


SECTION = Section("comparison", "Models and reference", 10, build)
