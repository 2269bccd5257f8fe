"""The report in eighty columns: what is printed when a run ends."""

import textwrap

from mlipbench_hpc.report import comparison, convergence, crosscheck, words
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.comparison import QUANTITIES
from mlipbench_hpc.report.groups import Group, Line, groups

COLUMNS = 80


def summary(results: Results) -> str:
    """The verdict, then each group's numbers; no line is longer than 80 characters."""
    lines = [results.document["name"], "=" * len(results.document["name"])]
    for first, *points in words.verdict(results):
        lines += _wrapped(first)
        lines += [text for point in points for text in _wrapped(point, indent="    ", first="  - ")]
    for group in groups(results):
        lines += ["", *_group(group)]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: str = "  ", first: str = "") -> list[str]:
    return textwrap.wrap(
        text.replace("\u00a0", " "),
        COLUMNS,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _group(group: Group) -> list[str]:
    """Heading with what it is worth, then a block for each line."""
    worth = "converged" if convergence.converged(group) else "not converged"
    title = group.title + worth.rjust(max(len(worth) + 2, COLUMNS - len(group.title)))
    lines = [title, "-" * COLUMNS]
    checked = [text for one in crosscheck.sentences(group) for text in _wrapped(one, "    ", first="  ")]
    if not group.interface:
        return [*lines, *(text for line in group.drawn for text in _heading(group, line)), *checked]
    for line in group.drawn:
        lines += [*_heading(group, line), *_numbers(group, line)]
    if group.drawn:
        lines += _wrapped(
            "value ± SE (sampling) ± α·σ (training); in, out: the reference lies inside, outside", first="  "
        )
    return [*lines, *checked]


def _heading(group: Group, line: Line) -> list[str]:
    return _wrapped(f"{line.title(group.drawn)}: {line.about()}", indent="    ", first="  ")


def _numbers(group: Group, line: Line) -> list[str]:
    wide = max(len(quantity.heading) for quantity in QUANTITIES)
    return [
        f"    {quantity.heading.ljust(wide)}  {comparison.cell(group, line, quantity)}"
        for quantity in QUANTITIES
    ]
