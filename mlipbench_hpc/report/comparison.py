"""Averages of the reference potential and of every model side by side, with both errors."""

from dataclasses import asdict
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, Control, holm
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report import convergence, crosscheck
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Number, alpha, control, numbered, reached
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, listed, number, plus_minus

CAPTION = (
    "Mean ± SE (standard error, sampling) ± α·σ (training error: standard deviation σ over the members of "
    "the committee times its calibration factor α, without α times Student's t; in parentheses, and ignored, "
    "where std(h) exceeds 2 kT or fewer than 30 independent effective frames are left). Differs: Welch's t "
    "test against the reference potential, with the sampling errors of both and √(α² + 1) times the upper "
    "limit of σ (α = 1 without calibration), gives p ≤ 0.05 after Holm's correction over all cells of this "
    "table; otherwise the difference is unresolved."
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
    """`−0.29 ± 0.03 ± 0.05, unresolved`."""
    own = numbered(line, quantity.name)
    resolved = {True: ", differs", False: ", unresolved", None: ""}[differs(group, line, quantity)]
    return with_errors(own) + resolved if own.known else NOTHING


def with_errors(own: Number) -> str:
    """Mean ± SE ± training error, the latter in parentheses where it is unusable."""
    value = plus_minus(own.mean, own.se)
    if own.training is None:
        return value
    training = number(own.training, 2)
    return f"{value} ± {training}" if own.usable else f"{value} ± ({training})"


@remembered
def tests(group: Group) -> dict[tuple[str, str], float]:
    """p by names of line and quantity, of every model against the reference, Holm-corrected over the table.

    The campaign fixes the table, its runs and its quantities, before there are numbers. NaN where one of the
    two has no value or no error; empty without a reference.
    """
    reference = group.reference
    if reference is None:
        return {}
    pairs = [
        (line, quantity.name)
        for line in group.drawn
        if not line.potential.reference
        for quantity in quantities(group)
    ]
    p = np.array([numbered(line, name).against(numbered(reference, name)).p for line, name in pairs])
    adjusted = holm(p)
    return {(line.name, name): float(adjusted[place]) for place, (line, name) in enumerate(pairs)}


def differs(group: Group, line: Line, quantity: Observable) -> bool | None:
    """Whether a line's number is resolved from the reference's; None where that cannot be said."""
    p = tests(group).get((line.name, quantity.name), float("nan"))
    return None if np.isnan(p) else p <= LEVEL


def agreements(group: Group) -> list[str]:
    """For each model, which numbers differ from the reference's, which differences are unresolved."""
    sentences = []
    for line in group.drawn:
        judged = [(quantity.phrase, differs(group, line, quantity)) for quantity in quantities(group)]
        resolved = [words for words, differing in judged if differing]
        unresolved = [words for words, differing in judged if differing is False]
        if resolved or unresolved:
            sentences.append(_agreement(group, line, resolved, unresolved))
    return sentences


def _agreement(group: Group, line: Line, resolved: list[str], unresolved: list[str]) -> str:
    name = f"{line.title(group.drawn)} ({line.about()})"
    errors = "" if reached(line) else " (sampling errors alone, training band unusable)"
    parts = [f"differs from the reference in {listed(resolved)}"] * bool(resolved)
    parts += [f"the difference is unresolved for {listed(unresolved)}"] * bool(unresolved)
    parts += [sentence] if (sentence := _about_control(group, line)) else []
    return f"{name}: {'; '.join(parts)}{errors}."


@remembered
def controls(group: Group) -> dict[tuple[str, str], Control]:
    """By line and quantity, how often the reference as short as the line's run differs from its own rest."""
    reference = group.reference
    if reference is None:
        return {}
    lines = [line for line in group.drawn if not line.potential.reference]
    pairs = {
        (line.name, quantity.name): control(reference.runs[0], line.runs[0], quantity.name)
        for line in lines
        for quantity in quantities(group)
    }
    return {pair: checked for pair, checked in pairs.items() if checked is not None}


def _about_control(group: Group, line: Line) -> str:
    """A sentence part on the control of one line; empty where the reference is too short for any."""
    checked = {
        quantity.phrase: controls(group).get((line.name, quantity.name)) for quantity in quantities(group)
    }
    shares = [f"{own.failed} of {own.windows} for {words}" for words, own in checked.items() if own]
    return (
        f"windows of the reference as long as this run that differ from its rest: {listed(shares)}"
        if shares
        else ""
    )


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
        "driver": line.potential.name,
        "about": line.about(),
        "replicas": [int(run.md.subject["replica"]) for run in line.runs],
        "alpha": alpha(line),
        "not_converged": convergence.reasons(line, group.interface),
        "numbers": {
            quantity.name: {
                "mean": own.mean, "se": own.se, "training": own.training, "training_usable": own.usable,
                "differs_from_reference": differs(group, line, quantity),
                "p_holm": None if np.isnan(p) else p,
                "control": asdict(checked) if checked else None,
            }
            for quantity in quantities(group)
            for own in [numbered(line, quantity.name)]
            for p in [tests(group).get((line.name, quantity.name), float("nan"))]
            for checked in [controls(group).get((line.name, quantity.name))]
        },
    }  # fmt: skip
