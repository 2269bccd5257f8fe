"""Averages of the reference potential and of every model side by side, with both errors."""

from typing import Any

from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report import convergence, crosscheck
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Number, alpha, numbered, reached
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, listed, number, plus_minus

CAPTION = (
    "Mean ± SE (standard error, sampling) ± α·σ (training error: standard deviation σ over the members of "
    "the committee times its calibration factor α; in parentheses, and ignored, where std(h) exceeds 2 kT). "
    "In: the reference value lies within the combined uncertainty, |difference|² ≤ (2 SE)² of model and "
    "reference + (α·σ)²; out: it does not."
)


def quantities(group: Group) -> list[Observable]:
    """The observables of a group that are single numbers."""
    return [observable for observable in group.observables if observable.path]


def table(group: Group) -> Table | None:
    """One row for each line; None where there is nothing to compare."""
    compared = quantities(group)
    if not compared:
        return None
    header = ["committee, training, MD", *(quantity.heading for quantity in compared)]
    rows = [
        [
            f"{line.title(group.drawn)}: {line.about()}",
            *(cell(group, line, quantity) for quantity in compared),
        ]
        for line in group.drawn
    ]
    caption = " ".join([CAPTION, *(quantity.definition for quantity in compared if quantity.definition)])
    return Table(caption, header, rows)


def cell(group: Group, line: Line, quantity: Observable) -> str:
    """`−0.29 ± 0.03 ± 0.05, in`."""
    own = numbered(line, quantity.name)
    inside = {True: ", in", False: ", out", None: ""}[reference_inside(group, line, quantity)]
    return with_errors(own) + inside if own.known else NOTHING


def with_errors(own: Number) -> str:
    """Mean ± SE ± training error, the latter in parentheses where it is unusable."""
    value = plus_minus(own.mean, own.se)
    if own.training is None:
        return value
    training = number(own.training, 2)
    return f"{value} ± {training}" if own.usable else f"{value} ± ({training})"


def reference_inside(group: Group, line: Line, quantity: Observable) -> bool | None:
    """Whether the reference's number lies inside both bands of the line; None where that cannot be said."""
    reference = group.reference
    if reference is None or line.potential.reference:
        return None
    return numbered(line, quantity.name).holds(numbered(reference, quantity.name))


def agreements(group: Group) -> list[str]:
    """For each model, which reference values lie inside its bands."""
    sentences = []
    for line in group.drawn:
        judged = [
            (quantity.phrase, reference_inside(group, line, quantity)) for quantity in quantities(group)
        ]
        inside = [words for words, holds in judged if holds]
        outside = [words for words, holds in judged if holds is False]
        if inside or outside:
            sentences.append(_agreement(group, line, inside, outside))
    return sentences


def _agreement(group: Group, line: Line, inside: list[str], outside: list[str]) -> str:
    name = f"{line.title(group.drawn)} ({line.about()})"
    bands = "its bands" if reached(line) else "its sampling band (training band unusable)"
    where = [f"inside {bands} for {listed(inside)}"] * bool(inside)
    where += [f"outside{'' if inside else f' {bands}'} for {listed(outside)}"] * bool(outside)
    return f"{name}: the reference lies {', '.join(where)}."


def numbers(results: Results) -> dict[str, Any]:
    """What results.json says of each group."""
    return {
        group.title: {
            "species": group.species,
            "cell_A": group.cell,
            "temperature_K": group.temperature,
            "converged": convergence.converged(group),
            "lines": {line.name: _line_numbers(group, line) for line in group.drawn},
            "reweighting_checks": crosscheck.numbers(group),
            "left_out": {line.name: line.left_out for line in group.lines if line.left_out},
        }
        for group in groups(results)
    }


def _line_numbers(group: Group, line: Line) -> dict[str, Any]:
    return {
        "driven_by": line.potential.name,
        "about": line.about(),
        "replicas": [int(run.md.subject["replica"]) for run in line.runs],
        "alpha": alpha(line),
        "not_converged": convergence.reasons(line, group.interface),
        "numbers": {
            quantity.name: {
                "mean": own.mean, "se": own.se, "training": own.training, "training_usable": own.usable,
                "holds_reference": reference_inside(group, line, quantity),
            }
            for quantity in quantities(group)
            for own in [numbered(line, quantity.name)]
        },
    }  # fmt: skip
