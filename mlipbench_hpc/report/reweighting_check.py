"""One study's runs reweighted to another committee, beside the MD of that committee."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.crosscheck import AGREES, Check, Pair, checks, withheld_words
from mlipbench_hpc.report.exclusion import excluded
from mlipbench_hpc.report.groups import Group, Line, Run, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, with_error
from mlipbench_hpc.studies.reweighting_check import entry_name

SYSTEMS = (
    "The paper (Fig. S2, no numbers): 2 ns of specific models with three Na⁺, reweighted to mixed models; "
    "similar to MD of the mixed models, with peaks exaggerated in some cases. Here: the models and runs of "
    "this campaign. Systems differ."
)


@dataclass(frozen=True)
class Checked:
    """One case of a study in one group of runs of equal atoms, cell and temperature."""

    case: str
    group: Group
    pair: Pair


def checked(part: Part) -> list[Checked]:
    """Every case whose runs and reweighting are done."""
    return [own for case in part.spec.cases for own in _of_case(part, case)]


def _of_case(part: Part, case: str) -> Iterator[Checked]:
    names = part.spec.cases[case]
    for group in groups(part.with_runs([names.run, names.against])):
        lines = {line.name: line for line in group.drawn}
        if {names.run, names.against} <= set(lines):
            driven = _reweighted(part, case, lines[names.run])
            if driven.runs:
                yield Checked(case, group, Pair(driven, lines[names.against], group.observables))


def _reweighted(part: Part, case: str, line: Line) -> Line:
    """The line with its runs reweighted to the other committee; those that are not are left out."""
    items = {item.subject["replica"]: item for item in reweightings(part, case) if item.done}
    runs: list[Run] = [
        replace(run, spread=items[run.replica])
        for run in line.runs
        if run.replica in items and "skipped" not in items[run.replica].values
    ]
    return replace(line, runs=runs)


def reweightings(part: Part, case: str) -> list[Item]:
    """Tasks that reweight the replicas of a case."""
    return part.results.of("reweight", reweighting=entry_name(part.name, case))


def skipped(part: Part) -> list[str]:
    """A sentence for each replica that could not be reweighted."""
    return [
        f"case {case}, replica {item.subject['replica']}: {item.values['skipped']}."
        for case in part.spec.cases
        for item in reweightings(part, case)
        if "skipped" in item.values
    ]


def paper(part: Part, every: list[Checked]) -> Table | None:
    """Highest peaks of ions, reweighted over the other committee's own; None without ions."""
    rows = [
        [f"highest {check.observable.symbol}, reweighted / MD, {own.case}", "exaggerated in some cases",
         with_error(*highest(check)) if check.concluded else check.words, NOTHING]
        for own in every
        for check in checks(own.pair)
        if check.observable.species
    ]  # fmt: skip
    header = ["quantity", "paper", "here", "here / paper"]
    return Table(f"{part.name}, beside the paper. {SYSTEMS}", header, rows, open=True) if rows else None


def highest(check: Check) -> tuple[float, float]:
    """Greatest value of the reweighted average over that of the MD, with the sampling error of both bins."""
    places = [(side, int(np.nanargmax(side.mean))) for side in (check.reweighted, check.own)]
    (value, error), (its, other) = ((float(side.mean[at]), float(side.se[at])) for side, at in places)
    ratio = value / its
    return ratio, abs(ratio) * float(np.hypot(error / value, other / its))


def missing(part: Part, every: list[Checked]) -> dict[str, str]:
    """By case that is not done the reason: runs that do not count, or what has not run."""
    done, reasons = {own.case for own in every}, {}
    for case, names in part.spec.cases.items():
        if case in done:
            continue
        results = part.with_runs([names.run, names.against])
        lost = {
            f"{name}, replica {run.subject['replica']}, {why}": None
            for name in (names.run, names.against)
            for run in results.of("md", md=name)
            if (why := excluded(results, run))
        }
        reasons[case] = "; ".join(lost) or "its reweighting has not run, or could not be made"
    return reasons


def members(part: Part) -> dict[str, Any]:
    """Quality of the reweighting to every member of the other committee, by case and replica."""
    return {
        case: {str(item.subject["replica"]): item.values.get("members") for item in reweightings(part, case)}
        for case in part.spec.cases
    }


def sentence(part: Part, every: list[Checked]) -> str:
    """How many cases are done, and how many of their observables agree within sampling."""
    cases = len({own.case for own in every})
    state = f"Study {part.name} (reweighting check): {cases} of {count(len(part.spec.cases), 'case')} done."
    state += "".join(f" Case {case}: {why}." for case, why in missing(part, every).items())
    for own in every:
        if not own.pair.testable:
            state += f" Case {own.case} cannot be tested: {own.pair.reach}; {own.pair.outcome[1]}."
    known = [check for own in every for check in checks(own.pair) if check.testable]
    if reasons := withheld_words(known):
        state += f" Withheld in {count(sum(bool(own.withheld) for own in known), 'observable')}: {reasons}."
    outcomes = [check.inside >= AGREES for check in known if check.concluded]
    if not outcomes:
        return state
    return (
        f"{state} {sum(outcomes)} of {count(len(outcomes), 'observable')} show no difference beyond sampling "
        "error between frames reweighted to the other committee and its own MD."
    )
