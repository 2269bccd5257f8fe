"""Runs of one study of stability: which failed and when, and the profiles of those that did not."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import HEIGHT, Observable
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.combine import Band, band
from mlipbench_hpc.report.exclusion import DEFINITION, decomposed
from mlipbench_hpc.report.extremes import Extremes, in_words, to_json
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.paper import paper_name
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number
from mlipbench_hpc.studies.stability import run_name

DEVIATION = "largest_conserved_deviation_meV_per_atom"
# Section IV.B of arXiv:2602.22931, 100 ps with models of 50 structures: unstable of three, by architecture.
PAPER_UNSTABLE, PAPER_RUNS, PAPER_SIZE, PAPER_PS = {"dp": 2, "dp-mp": 2, "mace": 0}, 3, 50, 100


@dataclass(frozen=True)
class Repeats:
    """The runs of one model at one size of the training set; runs: those that are done, by repeat.

    decomposed: by repeat, the reason why a run that reached its end lost too much water.
    """

    model: str
    size: int
    asked: int
    runs: dict[int, Item]
    decomposed: dict[int, str] = field(default_factory=dict)

    @property
    def unstable(self) -> dict[int, Item]:
        """Runs that ended early."""
        return {repeat: run for repeat, run in self.runs.items() if run.values.get("outcome") == "unstable"}

    @property
    def failed(self) -> int:
        """Number of runs that ended early or whose water decomposed."""
        return len(self.unstable) + len(self.decomposed)

    def in_words(self) -> str:
        """`3 of 3`, `3 of 3, 1 of them decomposed`."""
        words = f"{self.failed} of {len(self.runs)}"
        return f"{words}, {len(self.decomposed)} of them decomposed" if self.decomposed else words

    def names(self, study: str) -> list[str]:
        """Names of all its runs."""
        return [run_name(study, self.model, self.size, repeat) for repeat in range(self.asked)]

    def numbers(self) -> dict[str, Any]:
        """Values for results.json."""
        failures = {
            str(repeat): {"time_ps": run.values.get("time_ps"), "cause": run.values.get("cause")}
            for repeat, run in self.unstable.items()
        }
        failures |= {
            str(repeat): {
                "time_ps": self.runs[repeat].values.get("time_ps"),
                "cause": f"decomposed: {reason}",
            }
            for repeat, reason in self.decomposed.items()
        }
        return {"asked": self.asked, "done": len(self.runs), "failures": failures}


def repeats(part: Part) -> list[Repeats]:
    """Every model at every size, in the order of the study."""
    return [_repeats(part, model, size) for model in part.spec.models for size in part.spec.sizes]


def _repeats(part: Part, model: str, size: int) -> Repeats:
    asked = part.spec.repeats_for(model)
    names = {repeat: run_name(part.name, model, size, repeat) for repeat in range(asked)}
    runs = {
        repeat: item for repeat, name in names.items() for item in part.results.of("md", md=name) if item.done
    }
    lost = {repeat: words for repeat, run in runs.items() if (words := decomposed(part.results, run))}
    return Repeats(model, size, asked, runs, lost)


def table(part: Part, every: list[Repeats]) -> Table:
    """One row for each model and size: how many runs failed, when and why."""
    rows = [
        [own.model, number(own.size), listed(list(_causes(own))) or NOTHING,
         f"{len(own.runs)} of {own.asked}", number(len(own.unstable)), number(len(own.decomposed)),
         _times(own), in_words(_deviation(own))]
        for own in every
    ]  # fmt: skip
    header = ["model", "training structures", "causes", "runs done", "unstable", "decomposed",
              "time to failure, ps", "largest deviation of conserved energy, meV/atom"]  # fmt: skip
    caption = (
        f"{part.name}: runs of {number(part.spec.md.length)} ps, each with a model trained on a training set "
        "of its own and from a start of its own. Unstable: a limit of `stability` was exceeded, or a force "
        f"was not finite; such runs end there. Decomposed by the end of the run: {DEFINITION} Both are "
        "counted as failed and enter no profile. Deviation: of the conserved energy from its value at the "
        "start, mean (least to greatest) over runs."
    )
    return Table(caption, header, rows, words=3, open=True)


def _causes(own: Repeats) -> dict[str, None]:
    every = [*(str(run.values.get("cause")) for run in own.unstable.values()), *own.decomposed.values()]
    return dict.fromkeys(every)


def _times(own: Repeats) -> str:
    times = [number(run.values.get("time_ps")) for run in own.unstable.values()]
    times += [f"by {number(own.runs[repeat].values.get('time_ps'))}" for repeat in own.decomposed]
    return ", ".join(times) or NOTHING


def _deviation(own: Repeats) -> Extremes | None:
    return Extremes.of(run.values.get(DEVIATION) for run in own.runs.values())


def paper(part: Part, every: list[Repeats]) -> Table | None:
    """Unstable runs that the paper counts beside those at the smallest size; None without its models."""
    smallest = [own for own in every if own.size == min(part.spec.sizes)]
    rows = []
    for own in smallest:
        architecture = paper_name(part.results.asked("models", own.model)["architecture"])
        if architecture in PAPER_UNSTABLE:
            here = f"{own.in_words()} (n = {own.size})"
            rows.append([own.model, f"{PAPER_UNSTABLE[architecture]} of {PAPER_RUNS}", here])
    header = ["unstable runs of", f"paper (n = {PAPER_SIZE}, {PAPER_PS} ps)",
              f"here ({number(part.spec.md.length)} ps)"]  # fmt: skip
    caption = (
        f"{part.name}, beside the paper. The paper: Au(111)/water of 384 atoms, DFT labels, runs judged by "
        "their potential energy. Here: the data and models of this campaign, runs judged by their conserved "
        "energy and their water. Systems and criteria differ; architectures can be ranked, counts need not "
        "agree."
    )
    return Table(caption, header, rows, words=3, open=True) if rows else None


@dataclass(frozen=True)
class Curve:
    """A profile of one model at one size: mean, least and greatest (B,) over stable runs, at x (B,)."""

    model: str
    size: int
    x: Floats
    mean: Floats
    least: Floats
    greatest: Floats
    bands: list[Band]

    @property
    def repeats(self) -> int:
        """Number of stable runs with that profile."""
        return len(self.bands)

    def rms_from(self, reference: Band) -> Extremes | None:
        """Root mean square difference of each run to a reference of the same x; None where x differs."""
        if not np.array_equal(self.x, reference.x):
            return None
        own = [float(np.sqrt(np.nanmean((band.mean - reference.mean) ** 2))) for band in self.bands]
        return Extremes.of(own)


def compared(part: Part) -> list[Group]:
    """The groups of equal atoms, cell and temperature of the study's runs and of the reference's."""
    return groups(part.with_runs([part.spec.reference] if part.spec.reference else []))


def reference_of(part: Part, group: Group) -> Line | None:
    """The reference's line in a group."""
    return next((line for line in group.drawn if line.name == part.spec.reference), None)


def curves(part: Part, group: Group, every: list[Repeats], observable: str) -> list[Curve]:
    """Profiles of every model at every size that has a stable run."""
    lines = {line.name: line for line in group.drawn}
    profiles = [
        (own, [band(lines[name], observable) for name in own.names(part.name) if name in lines])
        for own in every
    ]
    known = [(own, [one for one in bands if one is not None]) for own, bands in profiles]
    return [_curve(own, bands) for own, bands in known if bands]


def _curve(own: Repeats, bands: list[Band]) -> Curve:
    """Over the runs with the x of the first."""
    x = bands[0].x
    same = [known for known in bands if np.array_equal(known.x, x)]
    values = np.array([known.mean for known in same])
    ends = values.mean(axis=0), values.min(axis=0), values.max(axis=0)
    return Curve(own.model, own.size, x, *ends, same)


def profiles_of(group: Group) -> list[Observable]:
    """Observables along z that the group's runs have, such as density and orientation."""
    return [observable for observable in group.observables if observable.axis == HEIGHT]


def deviations(part: Part, group: Group, every: list[Repeats]) -> dict[str, Any]:
    """By observable, model and size: root mean square difference of the profile to the reference's."""
    numbers: dict[str, Any] = {}
    reference = reference_of(part, group)
    for observable in profiles_of(group) if reference else ():
        truth = band(reference, observable.name) if reference else None
        for curve in curves(part, group, every, observable.name) if truth else ():
            by_model = numbers.setdefault(observable.name, {}).setdefault(curve.model, {})
            by_model[str(curve.size)] = to_json(curve.rms_from(truth)) if truth else None
    return numbers


def sentence(part: Part, every: list[Repeats]) -> str:
    """How many runs of which models failed."""
    done, asked = sum(len(own.runs) for own in every), sum(own.asked for own in every)
    state = (
        f"Study {part.name} (stability): {done} of {count(asked, 'run')} of {number(part.spec.md.length)} ps"
    )
    failed = [f"{own.model} at n = {number(own.size)}: {own.in_words()}" for own in every if own.failed]
    word = "unstable or decomposed" if any(own.decomposed for own in every) else "unstable"
    if not done:
        return f"{state} done."
    return f"{state} done, " + (f"{word}: {'; '.join(failed)}." if failed else "all stable.")
