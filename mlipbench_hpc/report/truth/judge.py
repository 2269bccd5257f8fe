"""Numbers of `truth` from compact results: pure functions, the same for a report and for joined parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.coverage import (
    Coverage,
    Deviation,
    OwnRuns,
    coverage,
    deviation,
    mean_deviation,
    own_runs,
)
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
from mlipbench_hpc.report import text
from mlipbench_hpc.report.combine import degrees, pooled
from mlipbench_hpc.report.groups import Line
from mlipbench_hpc.report.truth.lines import lines, reason
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

    def lost(self, run: str) -> list[str]:
        """Causes of the replicas of a run that were unstable or whose water decomposed."""
        replicas = self.compact["runs"].get(run, {}).values()
        return [str(own.get("cause")) for own in replicas if own.get("outcome") == "unstable"]

    def unstable(self, committee: str) -> list[str]:
        """Causes of the runs of a committee that were unstable or whose water decomposed."""
        names = [self._run(committee, member) for member in range(self.spec.members)]
        return [cause for name in names for cause in self.lost(name)]

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
        names = [self._run(committee, member) for member in range(self.spec.members)]
        return [own for name in names for own in self.stable(name)]

    def _run(self, committee: str, member: int) -> str:
        return run_name(self.name, committee, member)

    def own(self, committee: str, number: str) -> OwnRuns | None:
        """Mean over members' own runs; None for fewer than two, or where one of them lacks the number."""
        rows = np.array([_row(run, number) for run in self.members(committee)]).reshape(-1, 3)
        return own_runs(*rows.T) if len(rows) > 1 and np.isfinite(rows).all() else None

    def missing(self, committee: str) -> str:
        """`4 of 6 runs of dp-mixed are there`, where some are not; unstable ones are."""
        there = len(self.members(committee)) + len(self.unstable(committee))
        return f"{there} of {self.spec.members} runs of {committee} are there" * (there < self.spec.members)

    def models(self, committee: str) -> dict[str, str]:
        """By member, the digest of the model that its run, of whatever outcome, was driven by."""
        names = {str(member): self._run(committee, member) for member in range(self.spec.members)}
        every = {
            member: run
            for member, name in names.items()
            for run in self.compact["runs"].get(name, {}).values()
        }
        return {member: str(run.get("model")) for member, run in every.items()}

    def trained(self, committee: str) -> dict[str, Any] | None:
        """The committee that these runs are of: several stores may have trained it; None where none is it."""
        ran = self.models(committee).items()
        every = self.compact["committees"].get(committee, [])
        return next((own for own in every if ran and ran <= own["models"].items()), None)

    def mixed(self, committee: str) -> str:
        """Reason against runs of models that are no one committee here; empty without any."""
        if not self.models(committee) or self.trained(committee):
            return ""
        return (
            f"runs of {committee} are of models that no joined file has together: run the study, and train "
            "its committees, in one store"
        )

    def unlike(self, committee: str) -> str:
        """Reason against runs of other atoms than the reference's; empty without any."""
        every = [*self.members(committee), *self.stable(self.spec.reference)]
        alike = all(own["species"] == every[0]["species"] for own in every)
        return "" if alike else f"runs of {committee} and {self.spec.reference} are of different atoms"

    def stratum(self, committee: str) -> dict[str, Any]:
        """Calibration at the composition and temperature of the runs; {} where there is none."""
        runs, own = self.members(committee), self.trained(committee)
        species = runs[0]["species"] if runs else None
        every = own["alpha"] if own else []
        for one in sorted(every, key=lambda one: one["temperature_K"] is None):  # a stated temperature first
            same = (
                species is not None
                and one["composition"]
                and dict(atoms_in(one["composition"])) == dict(species)
            )
            if same and one["temperature_K"] in (self.spec.md.temperature, None):
                return dict(one)
        return {}

    def alpha(self, committee: str) -> float | None:
        """α of the committee whose members ran, at the runs' conditions; None where no band may be scaled."""
        own = self.stratum(committee)
        usable = own.get("alpha") is not None and not own.get("withheld")
        return float(own["alpha"]) if usable else None

    def without_alpha(self, committee: str) -> str:
        """Reason why a committee whose members ran has no α; empty where it has."""
        own, trained = self.stratum(committee), self.trained(committee)
        if not self.members(committee) or trained is None or self.alpha(committee) is not None:
            return ""
        if not trained["calibrated"]:
            return "it is not calibrated yet"
        if not own:
            return f"no validation frames of these atoms at {text.number(self.spec.md.temperature)} K"
        return str(own.get("withheld") or own.get("why"))

    @cached_property
    def lines(self) -> dict[str, Line]:
        """Runs of the reference, of its check and of each committee, as the lines of a report are."""
        check = [self.spec.check.run] if self.spec.check else []
        every = {name: self.stable(name) for name in (self.spec.reference, *check)}
        every |= {name: self.members(name) for name in self.spec.committees}
        return lines(every, self.spec.md.temperature)

    def withheld(self, name: str, number: str) -> str:
        """Reason against conclusions from a number of a committee, the reference or its check, or "".

        It changes between halves, the runs are too short to tell, or off their temperature.
        """
        return reason(self.lines[name], number) if name in self.lines else ""

    def against_truth(self, committee: str, number: str) -> str:
        """Reason why a committee is not compared with the truth in a number; empty without any."""
        judged = self.spec.gate is None or committee in self.spec.gate.committees
        return (
            self.missing(committee)
            or self.mixed(committee)
            or self.unlike(committee)
            or ("" if judged else self.gate)
            or self.withheld(self.spec.reference, number)
            or self.withheld(committee, number)
        )

    def deviation(self, committee: str, number: str) -> Deviation | None:
        """Deviation of a committee from the reference, with both errors."""
        own, truth = self.own(committee, number), self.reference(number)
        if own is None or truth is None:
            return None
        return deviation(own, truth.mean, truth.se, truth.dof, self.alpha(committee))

    @cached_property
    def gate(self) -> str:
        """Reason why only the committees of the gate are judged; empty where it is open, or there is none."""
        gate = self.spec.gate
        for committee in gate.committees if gate else []:
            apart = self.deviation(committee, COSINE)
            if apart is None:
                return f"the gate: no numbers of {committee} against {self.spec.reference}"
            moving = self.withheld(self.spec.reference, COSINE) or self.withheld(committee, COSINE)
            if own := self.missing(committee) or self.mixed(committee) or moving:
                return f"the gate: {own}"
            if gate and abs(apart.difference) > gate.cosine:
                return (
                    f"the gate: ⟨cos θ⟩ of {committee} differs from the truth by {apart.difference:+.3f}, "
                    f"more than {gate.cosine:g}: train longer"
                )
        return ""


# A committee of a study.
Side = tuple[Study, str]


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


def to_each_other(one: Side, other: Side, number: str) -> Comparison | None:
    """Welch's test between two committees, σ/√M of each."""
    both = [study.own(committee, number) for study, committee in (one, other)]
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


def not_to_each_other(one: Side, other: Side, number: str) -> str:
    """Reason why two committees are not compared in a number; empty without any."""
    both = (one, other)
    reasons = [study.missing(own) or study.mixed(own) or study.unlike(own) for study, own in both]
    reasons += [study.gate for study, _ in both]
    reasons += [study.withheld(committee, number) for study, committee in both]
    return next(filter(None, reasons), "")


def _declared(study: Study, every: Mapping[str, Study]) -> Iterator[Judgement]:
    spec = study.spec
    for committee, name in product(spec.compare, spec.numbers):
        own, held = to_truth(study, committee, name), study.against_truth(committee, name)
        yield Judgement(study.name, committee, spec.reference, name, own, held)
    for (first, second), name in product(spec.pairs, spec.numbers):
        yield _pair((study, first), (study, second), name)
    if spec.against is None:
        return
    theirs = spec.against.study
    for (first, second), name in product(spec.against.pairs, spec.numbers):
        if theirs in every:
            yield _pair((study, first), (every[theirs], second), name)
        else:
            held = f"study {theirs} is not in this part"
            yield Judgement(study.name, first, f"{second} of {theirs}", name, None, held)


def _pair(one: Side, other: Side, number: str) -> Judgement:
    (study, first), (second_study, second) = one, other
    against = second if second_study is study else f"{second} of {second_study.name}"
    comparison, held = to_each_other(one, other, number), not_to_each_other(one, other, number)
    return Judgement(study.name, first, against, number, comparison, held)


def primary(every: list[Study]) -> list[Judgement]:
    """The primary table of all studies, Holm-corrected over the whole of it."""
    named = {study.name: study for study in every}
    tests = [test for study in every for test in _declared(study, named)]
    p = np.array([test.comparison.p if test.comparison and not test.withheld else np.nan for test in tests])
    return [replace(test, p=float(own)) for test, own in zip(tests, holm_of_table(p), strict=True)]


@dataclass(frozen=True)
class Covered:
    """Coverage of a number by independent committees, of each kind of error; by committee its deviation.

    left_out: by committee, the reason why it is not counted. shared: mean deviation of all committees, tested
    against 0; shared_p: its p, corrected over all numbers.
    """

    number: str
    deviations: dict[str, Deviation]
    sampling: Coverage
    training: Coverage
    both: Coverage
    alphas: dict[str, float | None]
    left_out: dict[str, str] = field(default_factory=dict)
    shared: Comparison | None = None
    shared_p: float = float("nan")


def covered(every: list[Study]) -> list[Covered]:
    """Coverage over the committees that the studies name under `coverage`, number by number.

    Those that are not judged are left out and named: a closed gate, runs that lack or are not stationary.
    """
    chosen = [(study, committee) for study in every for committee in study.spec.coverage]
    numbers = list(dict.fromkeys(number for study, _ in chosen for number in study.spec.numbers))
    rows = [own for number in numbers if (own := _covered(chosen, number))]
    # How many numbers are tested must not depend on which have deviations.
    p = [row.shared.p if row.shared else np.nan for row in rows]
    adjusted = holm_of_table(np.array(p + [np.nan] * (len(numbers) - len(rows))))
    return [replace(row, shared_p=float(own)) for row, own in zip(rows, adjusted, strict=False)]


def _covered(chosen: list[tuple[Study, str]], number: str) -> Covered | None:
    """Coverage of a number; None where no committee is counted. Committees of each study have names apart."""
    held = {committee: study.against_truth(committee, number) for study, committee in chosen}
    known = {
        committee: (apart, study.alpha(committee))
        for study, committee in chosen
        if not held[committee] and (apart := study.deviation(committee, number)) is not None
    }
    if not known:
        return None
    deviations = {committee: apart for committee, (apart, _) in known.items()}
    rows = list(deviations.values())
    left_out = {name: held[name] or "no numbers" for name in held if name not in known}
    return Covered(
        number, deviations, coverage(rows, "sampling"), coverage(rows, "training"), coverage(rows, "both"),
        {committee: alpha for committee, (_, alpha) in known.items()}, left_out, mean_deviation(rows),
    )  # fmt: skip
