"""Averages of the reference potential and of every model side by side, with both errors."""

from dataclasses import asdict
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, Comparison, Control
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report import convergence, crosscheck, layers
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Number, alpha, numbered, reached
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.layers import conditional
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.series import control
from mlipbench_hpc.report.significance import PrimaryTest, primary, quantities
from mlipbench_hpc.report.starts import common_past
from mlipbench_hpc.report.stationary import drift, drift_words, state
from mlipbench_hpc.report.temperatures import unclear
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus, with_error

CAPTION = (
    "Mean ± SE (standard error, sampling) ± α·σ (training error: standard deviation σ over the members of "
    "the committee times its calibration factor α, without α times Student's t; not determined where std(h) "
    "exceeds 2 kT, fewer than 30 independent effective frames are left, no run is reweighted to the other "
    "members, or these differ by no more than sampling noise). "
    "Differs: Welch's t test gives p ≤ 0.05 after Holm's correction over the primary table: the differences "
    "that the campaign declares under `analysis.comparisons`, by default all cells. Against the reference, "
    "whose own sampling error counts, the committee's mean is tested with √(α² + 1/M) times the upper limit "
    "of σ, model against model with σ/√M of each; where reweighting does not reach the members, the driving "
    "member alone, with sampling errors alone. Unresolved: p > 0.05. Withheld: a run is not stationary, too "
    "short to tell, or off its temperature. Other cells are not tested. Drift: change of the mean between "
    "halves of the runs, where it exceeds the standard error and twice its own. Control: where more windows "
    "of the reference, one statistical inefficiency apart, differ from its other windows than chance allows "
    "(binomial, p ≤ 0.05), the test is too liberal for runs so short; then the standard deviation of the "
    "windows' means over √(number of the model's runs) counts as its sampling error where that is larger."
)
TESTS = (
    "Primary table: differences declared before there were numbers. ± after the difference: its standard "
    "error; 95 % interval of the difference; t: difference over standard error; p of Welch's t, where each "
    "source of error brings its degrees of freedom (Cochran: Σ e² t_ν(p)/Σ e² = t); degrees of freedom: "
    "those with which Student's t gives this p; Holm: p corrected for the number of differences in the "
    "table, withheld ones included, of which no p is stated; last, the same without the runs of which a "
    "temperature is off its target, and how many are left of both."
)


def table(group: Group) -> Table | None:
    """Table with one row for each line; None where there is nothing to compare."""
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
    known = [quantity.definition for quantity in compared if quantity.definition]
    caption = " ".join([CAPTION, *known])
    return Table(caption, header, rows)


def tests(group: Group) -> Table | None:
    """One row for each difference of the primary table in this group; None without any."""
    rows = [
        [
            f"{test.subject} against {_other(group, test)} ({test.line.about()})",
            test.quantity.heading,
            test.verdict,
            plus_minus(test.whole.difference, test.whole.error),
            *(_tested(test) if test.verdict in ("differs", "unresolved") else [NOTHING] * 5),
        ]
        for test in primary(group)
    ]
    header = ["compared (committee, training, MD)", "observable", "verdict", "difference", "95 % interval",
              "t (degrees of freedom)", "p", "Holm p (tests)", "Holm p at temperature"]  # fmt: skip
    return Table(TESTS, header, rows, words=3) if rows else None


def _tested(test: PrimaryTest) -> list[str]:
    """Interval, t with its degrees of freedom, p, corrected p, and p without runs off their temperature."""
    whole = test.whole
    ends = [number(whole.difference + side * whole.interval) for side in (-1, 1)]
    corrected = f"{number(test.p, 2)} ({test.family})"
    t = f"{number(whole.t, 2)} ({number(whole.dof, 2)})"
    return [" to ".join(ends), t, number(whole.p, 2), corrected, _at_temperature(test)]


def _at_temperature(test: PrimaryTest) -> str:
    """`0.03 (3 and 2 runs)`, `same` where all runs are at their temperature."""
    if (part := test.at_temperature) is None:
        return "same"
    _, own, its = part
    return f"{number(test.p_at_temperature, 2)} ({own} and {count(its, 'run')})"


def _other(group: Group, test: PrimaryTest) -> str:
    return "the reference" if test.other.potential.reference else test.other.title(group.drawn)


def cell(group: Group, line: Line, quantity: Observable) -> str:
    """`−0.29 ± 0.03 ± 0.05, unresolved`, `…, differs from dp` where models are tested against each other."""
    own = numbered(line, quantity.name)
    if not own.known:
        return NOTHING
    value = with_error(own.mean, own.se) if line.potential.reference else with_errors(own)
    verdicts = [
        f"{test.verdict}{_from(group, test)}"
        for test in primary(group)
        if test.line is line and test.quantity.name == quantity.name and test.verdict != "unknown"
    ]
    remarks = [drift_words(line, quantity.name), *verdicts, state(line, quantity.name)]
    return ", ".join([value, *(remark for remark in remarks if remark)])


def _from(group: Group, test: PrimaryTest) -> str:
    """The other line of a test in words; empty for the reference."""
    return "" if test.other.potential.reference else f" from {test.other.title(group.drawn)}"


def definition(group: Group) -> str:
    """What the verdicts beside a group's numbers are of, in words."""
    other = "from the reference" if group.reference else "models against each other, no reference ran"
    return (
        f"mean ± SE (sampling) ± training error; differs, unresolved: {other}, p ≤ 0.05 (Welch, "
        "Holm-corrected) or above"
    )


def with_errors(own: Number) -> str:
    """Mean of a model ± SE ± training error, where reweighting reaches the members and they differ."""
    value, training = with_error(own.mean, own.se), own.training if own.usable else None
    return f"{value} ± {'not determined' if training is None else number(training, 2)}"


def against_reference(group: Group, line: Line, quantity: Observable) -> PrimaryTest | None:
    """The primary table's test of a line's number against the reference's; None where it has none."""
    return next(
        (
            test
            for test in primary(group)
            if test.line is line and test.other.potential.reference and test.quantity.name == quantity.name
        ),
        None,
    )


def differs(group: Group, line: Line, quantity: Observable) -> bool | None:
    """True where a line's number is resolved from the reference's; None where not tested or withheld."""
    test = against_reference(group, line, quantity)
    return {"differs": True, "unresolved": False}.get(test.verdict) if test else None


def agreements(group: Group) -> list[str]:
    """Sentences on each pair of the primary table: numbers that differ, are unresolved, or are withheld."""
    tests: dict[tuple[str, str], list[PrimaryTest]] = {}
    for test in primary(group):
        tests.setdefault((test.line.name, test.other.name), []).append(test)
    return [sentence for own in tests.values() if (sentence := _agreement(group, own))]


def _agreement(group: Group, tests: list[PrimaryTest]) -> str:
    """One sentence on a line against another; empty where nothing could be tested."""
    line, other = tests[0].line, tests[0].other
    truth = other.potential.reference
    what = _other(group, tests[0])
    resolved = [test.phrase for test in tests if test.verdict == "differs"]
    unresolved = [test.phrase for test in tests if test.verdict == "unresolved"]
    withheld = {test.withheld.sentence for test in tests if test.withheld}
    parts = [f"differs from {what} in {listed(resolved)}"] * bool(resolved)
    parts += [f"the difference from {what} is unresolved for {listed(unresolved)}"] * bool(unresolved)
    parts += [f"conclusions on {what} are withheld: {listed(sorted(withheld))}"] * bool(withheld)
    if not parts:
        return ""
    parts += [sentence] if truth and (sentence := _about_control(group, line)) else []
    parts += [condition] if (condition := _condition(line, other)) else []
    parts += [past.sentence] if (past := common_past(line, other)) else []
    both = reached(line) and (truth or reached(other))
    errors = "" if both else " (sampling errors alone, training band not determined)"
    return f"{line.title(group.drawn)} ({line.about()}): {'; '.join(parts)}{errors}."


def _condition(line: Line, other: Line) -> str:
    """What a comparison of two lines is conditional on: where ions began, temperatures that are not known."""
    every = [(own.name, reason) for own in (line, other) for reason in (conditional(own), unclear(own))]
    reasons = [f"{name}: {reason}" for name, reason in every if reason]
    return f"conditional on where ions began and on temperatures ({'; '.join(reasons)})" if reasons else ""


@remembered
def controls(group: Group) -> dict[tuple[str, str], Control]:
    """Control of the reference by line and quantity, with windows as long as a run of the line."""
    pairs = {
        (line.name, quantity.name): control(line, quantity.name)
        for line in group.drawn
        for quantity in quantities(group)
    }
    return {pair: checked for pair, checked in pairs.items() if checked is not None}


def _about_control(group: Group, line: Line) -> str:
    """A sentence part on the control of one line; empty where the reference is too short for any."""
    named = {quantity.name: quantity.phrase for quantity in quantities(group)}
    own = {named[name]: checked for (run, name), checked in controls(group).items() if run == line.name}
    if not own:
        return ""
    shares = [f"{checked.failed} of {checked.windows} for {words}" for words, checked in own.items()]
    failing = [
        f"{named[name]} ({scatter_words(line, name, checked)})"
        for (run, name), checked in controls(group).items()
        if run == line.name and checked.fails
    ]
    return (
        f"control, windows of the reference as long as a run of {line.name} that differ from its others at "
        f"p ≤ {LEVEL}: {listed(shares)}"
    ) + f", more than chance allows for {listed(failing)}" * bool(failing)


def scatter_words(line: Line, name: str, checked: Control) -> str:
    """`their scatter is worth ± 0.011 for the mean of 4 runs, these have ± 0.019: the larger counts`."""
    scatter, own = checked.error(len(line.runs)).error, numbered(line, name).se
    return (
        f"their scatter is worth ± {number(scatter, 2)} for the mean of {count(len(line.runs), 'run')}, "
        f"which has ± {number(own, 2)}: the larger counts"
    )


def numbers(results: Results) -> dict[str, Any]:
    """Numbers of each group for results.json."""
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
        "not_converged": [own.sentence for own in convergence.reasons(line, group.interface)],
        "conditional": conditional(line) or None,
        "ions": layers.numbers(line),
        "tests": [_test_numbers(test) for test in primary(group) if test.line is line],
        "numbers": {
            quantity.name: {
                "mean": own.mean, "se": own.se, "training": own.training if own.usable else None,
                "training_usable": own.usable if own.training is not None else None,
                "differs_from_reference": differs(group, line, quantity),
                "p_holm": None if test is None or np.isnan(test.p) else test.p,
                "drift": _drift_numbers(drift(line, quantity.name)),
                "control": _control_numbers(checked) if checked else None,
            }
            for quantity in quantities(group)
            for own in [numbered(line, quantity.name)]
            for test in [against_reference(group, line, quantity)]
            for checked in [controls(group).get((line.name, quantity.name))]
        },
    }  # fmt: skip


def _drift_numbers(own: Comparison | None) -> dict[str, float] | None:
    return {"change": own.difference, "error": own.error} if own else None


def _control_numbers(checked: Control) -> dict[str, Any]:
    return asdict(checked) | {"expected": checked.expected, "p_binomial": checked.p, "fails": checked.fails}


def _test_numbers(test: PrimaryTest) -> dict[str, Any]:
    whole = test.whole
    values = {"difference": whole.difference, "error": whole.error, "p_holm": test.p}
    result = {"t": whole.t, "dof": whole.dof, "p": whole.p, "interval_95": whole.interval}
    if test.verdict not in ("differs", "unresolved"):
        result = dict.fromkeys(result, np.nan)
    elif part := test.at_temperature:
        result |= {"p_at_temperature": part[0].p, "p_holm_at_temperature": test.p_at_temperature}
    values |= result
    return {
        "compared": test.subject,
        "against": test.other.name,
        "observable": test.quantity.name,
        "verdict": test.verdict,
        "tests": test.family,
        "withheld": test.withheld.sentence if test.withheld else None,
        "cause": test.withheld.cause.name.lower() if test.withheld else None,
        **{name: None if np.isnan(value) else value for name, value in values.items()},
    }
