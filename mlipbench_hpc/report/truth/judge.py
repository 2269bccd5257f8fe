"""Numbers of `truth` from compact results: pure functions, the same for a report and for joined parts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.coverage import Coverage, Deviation, OwnRuns, coverage, deviation, own_runs
from mlipbench_hpc.analysis.inference import (
    LEVEL,
    Comparison,
    ErrorTerm,
    committee_error,
    holm_of_table,
    mean_error,
    welch,
)
from mlipbench_hpc.data.formulas import atoms_in
from mlipbench_hpc.report.combine import degrees, pooled
from mlipbench_hpc.studies.truth import Truth, run_name

COSINE = "cosine"
Compact = dict[str, Any]


@dataclass(frozen=True)
class Average:
    """Number of the reference's runs: mean, standard error, its degrees of freedom, number of runs."""

    mean: float
    se: float
    dof: float
    runs: int


@dataclass(frozen=True)
class Judgement:
    """A declared difference. against: a committee, or the reference; withheld: why it is not judged, or "".

    p: corrected over all declared differences of all studies, withheld ones counted.
    """

    study: str
    committee: str
    against: str
    number: str
    comparison: Comparison | None
    withheld: str = ""
    p: float = float("nan")

    @property
    def verdict(self) -> str:
        """`differs`, `unresolved`, `withheld`, or `no numbers`."""
        if self.withheld:
            return "withheld"
        if self.comparison is None or not np.isfinite(self.p):
            return "no numbers"
        return "differs" if self.p <= LEVEL else "unresolved"


@dataclass(frozen=True)
class Study:
    """One study with all compact results; kelvin: temperature of its runs."""

    name: str
    spec: Truth
    compact: Compact

    def stable(self, run: str) -> list[dict[str, Any]]:
        """Replicas of a run that completed and were analysed."""
        replicas = self.compact["runs"].get(run, {}).values()
        return [own for own in replicas if own.get("outcome") == "completed" and own.get("numbers")]

    def unstable(self, committee: str) -> int:
        """Number of runs of a committee that were unstable."""
        names = [run_name(self.name, committee, member) for member in range(self.spec.members)]
        every = [own for name in names for own in self.compact["runs"].get(name, {}).values()]
        return sum(own.get("outcome") == "unstable" for own in every)

    def reference(self, number: str, run: str = "") -> Average | None:
        """Number of the reference's runs, or of another `run` of it; None where there is none."""
        rows = np.array([_row(own, number) for own in self.stable(run or self.spec.reference)])
        if not len(rows) or not np.isfinite(rows).all():  # the runs that happen to have it are no fair choice
            return None
        weights = np.ones(len(rows))
        mean, se = pooled(rows[:, 0], rows[:, 1], weights)
        dof = degrees(rows[:, 1], weights, float(se), rows[:, 2].tolist())
        return Average(float(mean), float(se), dof, len(rows))

    def members(self, committee: str) -> list[dict[str, Any]]:
        """Stable runs of its members, one each."""
        names = [run_name(self.name, committee, member) for member in range(self.spec.members)]
        return [own for name in names for own in self.stable(name)]

    def own(self, committee: str, number: str) -> OwnRuns | None:
        """Mean over members' own runs; None for fewer than two, or where one of them lacks the number."""
        rows = np.array([_row(run, number) for run in self.members(committee)]).reshape(-1, 3)
        return own_runs(*rows.T) if len(rows) > 1 and np.isfinite(rows).all() else None

    def missing(self, committee: str) -> str:
        """`4 of 6 runs of dp-mixed are there`, where some are not; unstable ones are."""
        there = len(self.members(committee)) + self.unstable(committee)
        return f"{there} of {self.spec.members} runs of {committee} are there" * (there < self.spec.members)

    def alpha(self, committee: str) -> float | None:
        """α at the composition and temperature of the runs; None where no band may be scaled with it."""
        runs = self.members(committee)
        species = runs[0]["species"] if runs else None
        every = self.compact["committees"].get(committee, {}).get("alpha", [])
        for own in sorted(every, key=lambda one: one["temperature_K"] is None):  # a stated temperature first
            same = species is not None and dict(atoms_in(own["composition"])) == dict(species)
            usable = own.get("alpha") is not None and not own.get("withheld")
            if same and usable and own["temperature_K"] in (self.spec.md.temperature, None):
                return float(own["alpha"])
        return None

    def deviation(self, committee: str, number: str) -> Deviation | None:
        """Deviation of a committee from the reference, with both errors."""
        own, truth = self.own(committee, number), self.reference(number)
        return deviation(own, truth.mean, truth.se, self.alpha(committee)) if own and truth else None

    @property
    def gate(self) -> str:
        """Reason why only the committees of the gate are judged; empty where it is open, or there is none."""
        gate = self.spec.gate
        for committee in gate.committees if gate else []:
            apart = self.deviation(committee, COSINE)
            if apart is None:
                return f"the gate: no numbers of {committee} against {self.spec.reference}"
            if gate and abs(apart.difference) > gate.cosine:
                return (
                    f"the gate: ⟨cos θ⟩ of {committee} differs from the truth by {apart.difference:+.3f}, "
                    f"more than {gate.cosine:g}: train longer"
                )
        return ""


def _row(run: dict[str, Any], number: str) -> tuple[float, float, float]:
    """Mean, standard error and degrees of freedom; NaN where they are not known."""
    own = run["numbers"].get(number) or {}
    mean, se, dof = (
        np.nan if (value := own.get(key)) is None else float(value) for key in ("mean", "se", "dof")
    )
    return mean, se, dof


def to_truth(study: Study, committee: str, number: str) -> Comparison | None:
    """Welch's test of a committee's mean over own runs against the reference."""
    own, truth = study.own(committee, number), study.reference(number)
    if own is None or truth is None:
        return None
    terms = [
        ErrorTerm(own.sampling, own.dof),
        committee_error(float(own.spread.limits[1]), own.members, study.alpha(committee)),
        ErrorTerm(truth.se, truth.dof),
    ]
    return welch(own.mean - truth.mean, terms)


def to_each_other(study: Study, first: str, second: str, number: str) -> Comparison | None:
    """Welch's test between two committees, σ/√M of each."""
    both = study.own(first, number), study.own(second, number)
    if both[0] is None or both[1] is None:
        return None
    terms = [
        term
        for own in both
        if own is not None
        for term in (
            ErrorTerm(own.sampling, own.dof),
            mean_error(float(own.spread.limits[1]), own.members),
        )
    ]
    return welch(both[0].mean - both[1].mean, terms)


def _declared(study: Study) -> Iterator[Judgement]:
    spec, gate = study.spec, study.gate
    open_for = set(spec.gate.committees) if spec.gate else set(spec.committees)
    for committee in spec.compare:
        withheld = study.missing(committee) or ("" if committee in open_for else gate)
        for number in spec.numbers:
            own = to_truth(study, committee, number)
            yield Judgement(study.name, committee, spec.reference, number, own, withheld)
    for first, second in spec.pairs:
        missing = study.missing(first) or study.missing(second)
        for number in spec.numbers:
            own = to_each_other(study, first, second, number)
            yield Judgement(study.name, first, second, number, own, missing or gate)


def primary(every: list[Study]) -> list[Judgement]:
    """The primary table of all studies, Holm-corrected over the whole of it."""
    tests = [test for study in every for test in _declared(study)]
    p = np.array([test.comparison.p if test.comparison and not test.withheld else np.nan for test in tests])
    return [replace(test, p=float(own)) for test, own in zip(tests, holm_of_table(p), strict=True)]


@dataclass(frozen=True)
class Covered:
    """Coverage of a number by independent committees, of each kind of error; by committee its deviation."""

    number: str
    deviations: dict[str, Deviation]
    sampling: Coverage
    training: Coverage
    both: Coverage
    alphas: dict[str, float | None]


def covered(every: list[Study]) -> list[Covered]:
    """Coverage over the committees that the studies name under `coverage`, number by number.

    Where a study's gate is closed, or runs of a committee are not all there, they are not counted.
    """
    chosen = [
        (study, committee)
        for study in every
        for committee in study.spec.coverage
        if not study.missing(committee) and (study.spec.gate is None or not study.gate)
    ]
    numbers = list(dict.fromkeys(number for study, _ in chosen for number in study.spec.numbers))
    return [own for number in numbers if (own := _covered(chosen, number))]


def _covered(chosen: list[tuple[Study, str]], number: str) -> Covered | None:
    known = {
        committee: (apart, study.alpha(committee), study.spec.members)
        for study, committee in chosen
        if (apart := study.deviation(committee, number)) is not None
    }
    if not known:
        return None
    rows = [apart for apart, _, _ in known.values()]
    dof = min(members for _, _, members in known.values()) - 1
    differences = [row.difference for row in rows]
    return Covered(
        number,
        {committee: apart for committee, (apart, _, _) in known.items()},
        coverage(differences, [row.sampling for row in rows]),
        coverage(differences, [row.training for row in rows], dof),
        coverage(differences, [row.both for row in rows], dof),
        {committee: alpha for committee, (_, alpha, _) in known.items()},
    )


@dataclass(frozen=True)
class Checked:
    """Difference of the reference's runs to those that differ in timestep and masses alone, and its limit."""

    study: str
    run: str
    number: str
    difference: float
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        """True where the difference is within its limit."""
        return abs(self.difference) < self.limit

    @property
    def verdict(self) -> str:
        """`yes` or `no` where the difference is two errors within its limit or beyond, else `not decided`."""
        beyond = abs(self.difference) - self.limit
        if abs(beyond) <= 2 * self.error:
            return "not decided: longer runs"
        return "yes" if self.passed else "no"


def checks(every: list[Study]) -> list[Checked]:
    """Checks of the timestep that the studies ask for, where both runs have numbers."""
    return [
        Checked(
            study.name, check.run, number, own.mean - other.mean, float(np.hypot(own.se, other.se)), limit
        )
        for study in every
        if (check := study.spec.check)
        for number, limit in ((COSINE, check.cosine), ("total_orientation", check.total_orientation))
        if (own := study.reference(number)) and (other := study.reference(number, check.run))
    ]
