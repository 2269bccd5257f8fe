"""Primary table: differences that the campaign declares, tested and Holm-corrected together."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, Comparison, holm_of_table
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Number, numbered
from mlipbench_hpc.report.groups import Group, Line, Run, groups
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.series import control
from mlipbench_hpc.report.stationary import Withholding, withheld
from mlipbench_hpc.report.temperatures import of_run
from mlipbench_hpc.report.text import NOTHING, listed, plus_minus

Verdict = Literal["differs", "unresolved", "withheld", "unknown"]


@dataclass(frozen=True)
class PrimaryTest:
    """One difference of a line to another in one quantity; p: Holm-corrected, NaN where it was not tested.

    at_temperature: the comparison without runs off their temperature, and how many are left of both; None
    where all are on. p_at_temperature: its corrected p, NaN where no run is left.
    withheld: why it was not; None where it was, or where there is no number or no error. family: number of
    differences in the primary table, for which p is corrected.
    """

    line: Line = field(repr=False)
    other: Line = field(repr=False)
    quantity: Observable
    whole: Comparison
    withheld: Withholding | None = None
    p: float = np.nan
    p_at_temperature: float = np.nan
    family: int = 1
    at_temperature: tuple[Comparison, int, int] | None = None

    @property
    def cool(self) -> Comparison:
        """The comparison of the runs at their temperature, which may be all."""
        return self.at_temperature[0] if self.at_temperature else self.whole

    @property
    def verdict(self) -> Verdict:
        """Result of the test: differs at p ≤ 0.05; withheld and unknown state nothing on the difference."""
        if self.withheld:
            return "withheld"
        if np.isnan(self.p):
            return "unknown"
        return "differs" if self.p <= LEVEL else "unresolved"

    @property
    def phrase(self) -> str:
        """`mean P_z (by −1.9 ± 0.4)`."""
        return f"{self.quantity.phrase} (by {plus_minus(self.whole.difference, self.whole.error)})"

    @property
    def subject(self) -> str:
        """`member 0 of mace` where it alone is tested, else `committee mean of mace`."""
        potential, other = self.line.potential, self.other
        if potential.reference:
            return potential.title
        name = self.quantity.name
        both = other.potential.reference or numbered(other, name).reached
        if numbered(self.line, name).reached and both:
            return f"committee mean of {potential.name}"
        return f"member {potential.member} of {potential.name}"


def _at_temperature(line: Line, other: Line, quantity: Observable) -> tuple[Comparison, int, int] | None:
    """The comparison without runs off their temperature, and how many are left; None where all are on.

    Of temperatures of the runs by themselves, of all atoms and of each species; NaN where no run is left.
    """
    sides = [replace(side, runs=[run for run in side.runs if _on(run, side)]) for side in (line, other)]
    own, its = (len(side.runs) for side in sides)
    if (own, its) == (len(line.runs), len(other.runs)):
        return None
    nothing = Comparison(np.nan, np.nan, np.nan)
    return tested(sides[0], sides[1], quantity) if own and its else nothing, own, its


def _on(run: Run, line: Line) -> bool:
    """True where no temperature of a run is off its target."""
    return not any(own.off for own in of_run(run.analysis, line.temperature))


def quantities(group: Group) -> list[Observable]:
    """The observables of a group that are single numbers."""
    return [observable for observable in group.observables if observable.path]


@remembered
def primary(group: Group) -> list[PrimaryTest]:
    """Tests of a group in the primary table, corrected over the whole of it.

    The campaign declares the differences before there are numbers; without a declaration every model is
    tested against the reference in every number of every group. What is withheld or has no error counts in
    the number of tests, as with p = 1: how many there are must not depend on the data.
    """
    every = [test for member in group.every or [group] for test in _tests(member)]
    # What matches no run counts too: how many tests there are must not depend on the data.
    known = {(test.line.name, test.other.name, test.quantity.name) for test in every}
    declared = [(c["run"], c["against"], name) for c in group.comparisons for name in c["observables"]]
    absent = [np.nan] * sum(difference not in known for difference in declared)
    adjusted = holm_of_table(np.array([*(np.nan if own.withheld else own.whole.p for own in every), *absent]))
    cold = holm_of_table(np.array([*(np.nan if own.withheld else own.cool.p for own in every), *absent]))
    own = {(test.line.name, test.other.name, test.quantity.name) for test in _tests(group)}
    return [
        replace(test, p=float(p), p_at_temperature=float(at), family=len(adjusted))
        for test, p, at in zip(every, adjusted[: len(every)], cold[: len(every)], strict=True)
        if (test.line.name, test.other.name, test.quantity.name) in own and test.line in group.drawn
    ]


def direction(difference: float, p: float, above: str, below: str) -> str:
    """Word for a difference above or below 0 at p ≤ 0.05, else `unresolved`; a dash for an untested one."""
    if np.isnan(p):
        return NOTHING
    if p > LEVEL:
        return "unresolved"
    return above if difference > 0 else below


@remembered
def _tests(group: Group) -> list[PrimaryTest]:
    """Tests of a group before the correction."""
    return [_test(line, other, quantity) for line, other, quantity in _declared(group)]


def _declared(group: Group) -> list[tuple[Line, Line, Observable]]:
    by_name = {quantity.name: quantity for quantity in quantities(group)}
    lines, reference = {line.name: line for line in group.drawn}, group.reference
    if not group.comparisons:
        models = [line for line in group.drawn if not line.potential.reference]
        return [(line, reference, one) for line in models for one in by_name.values()] if reference else []
    return [
        (lines[comparison["run"]], lines[comparison["against"]], by_name[name])
        for comparison in group.comparisons
        if {comparison["run"], comparison["against"]} <= set(lines)
        for name in comparison["observables"]
        if name in by_name
    ]


@remembered
def unmatched(results: Results) -> list[str]:
    """Declared comparisons without any test, each with the reason, in words."""
    compared = groups(results)
    sentences = []
    for declared in results.document["campaign"]["analysis"].get("comparisons", []):
        pair = declared["run"], declared["against"]
        names = [
            {quantity.name for quantity in quantities(group)}
            for group in compared
            if set(pair) <= {line.name for line in group.drawn}
        ]
        absent = [name for name in declared["observables"] if not any(name in known for known in names)]
        if absent:
            reason = f"no {listed(absent)} in both" if names else _apart(compared, pair)
            sentences.append(f"{pair[0]} against {pair[1]} ({reason})")
    return sentences


def _apart(compared: list[Group], pair: tuple[str, str]) -> str:
    """Reason why two lines are in no common group, in words."""
    systems = {
        name: [group.title for group in compared if name in {line.name for line in group.drawn}]
        for name in pair
    }
    if absent := [name for name, own in systems.items() if not own]:
        return f"no run of {listed(absent)} can be averaged at an interface"
    return f"different systems: {'; '.join(f'{name} ran {listed(own)}' for name, own in systems.items())}"


def tested(line: Line, other: Line, quantity: Observable) -> Comparison:
    """Difference of a line's number to another's with its error: to a truth, or between models."""
    own, its = controlled(line, other, quantity.name), numbered(other, quantity.name)
    return own.against(its) if other.potential.reference else own.versus(its)


def controlled(line: Line, other: Line, name: str) -> Number:
    """Number of a line that is tested against another.

    Where the control of the reference fails, errors of runs so short are too small: then the scatter of its
    windows counts where it is larger.
    """
    own = numbered(line, name)
    checked = control(line, name) if other.potential.reference else None
    return own.widened(checked.error(len(line.runs))) if checked and checked.fails else own


def _test(line: Line, other: Line, quantity: Observable) -> PrimaryTest:
    reason = withheld(line, quantity.name) or withheld(other, quantity.name)
    cool = _at_temperature(line, other, quantity)
    return PrimaryTest(line, other, quantity, tested(line, other, quantity), reason, at_temperature=cool)
