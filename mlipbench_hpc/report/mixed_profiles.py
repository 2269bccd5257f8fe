"""Runs of one study's specific and mixed committees at each number of ions: numbers and profiles."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import HEIGHT, Observable
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.combine import Band, Number, band, numbered
from mlipbench_hpc.report.exclusion import failure
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number, with_error
from mlipbench_hpc.studies.mixed_vs_specific import SPECIFIC, Arm, arms, run_name


@dataclass(frozen=True)
class Place:
    """One arm's committee of a model whose runs at a charge state are drawn."""

    arm: Arm
    model: str
    line: Line


@dataclass(frozen=True)
class State:
    """Runs of equal atoms, cell and temperature at one number of ions, and the references there."""

    group: Group
    ions: int
    places: list[Place]
    references: list[Line]

    @property
    def arms(self) -> list[Arm]:
        """Ways of training with a run."""
        return list(dict.fromkeys(place.arm for place in self.places))

    def of(self, arm: Arm) -> list[Place]:
        """Runs of one way of training."""
        return [place for place in self.places if place.arm == arm]

    def specific(self, model: str) -> Line | None:
        """Runs of the specific committee of a model."""
        own = (place for place in self.places if (place.arm.kind, place.model) == (SPECIFIC, model))
        return next((place.line for place in own), None)


def states(part: Part) -> list[State]:
    """Charge states with runs that count."""
    spec, names = part.spec, dict[str, tuple[Arm, str]]()
    for target in spec.targets:
        for arm in arms(spec):
            names |= {run_name(part.name, arm, model, target.ions): (arm, model) for model in spec.models}
    every = groups(part.with_runs(spec.references))
    return [state for group in every if (state := _state(part, group, names)).places]


def _state(part: Part, group: Group, names: dict[str, tuple[Arm, str]]) -> State:
    places = [Place(*names[line.name], line) for line in group.drawn if line.name in names]
    order = {name: place for place, name in enumerate(names)}
    places.sort(key=lambda place: order[place.line.name])
    references = [line for line in group.drawn if line.name in part.spec.references]
    return State(group, group.species.get(part.spec.element, 0), places, references)


def failed(part: Part, state: State) -> dict[tuple[str, Arm], str]:
    """Why a model's runs of a drawn way of training have no profile there, in words, by model and arm."""
    drawn = {(place.model, place.arm) for place in state.places}
    return {
        (model, arm): _why(part, run_name(part.name, arm, model, state.ions))
        for arm in state.arms
        for model in part.spec.models
        if (model, arm) not in drawn
    }


def _why(part: Part, name: str) -> str:
    """`all 2 runs failed: unstable`."""
    runs = part.results.of("md", md=name)
    causes = dict.fromkeys(_cause(part.results, run) for run in runs)
    return f"{'all ' * (len(runs) > 1)}{count(len(runs), 'run')} failed: {listed(list(causes))}"


def _cause(results: Results, run: Item) -> str:
    """`unstable`, `decomposed`, the status of a run without a result, or that its analysis has nothing."""
    if not run.done:
        return run.status
    return failure(results, run) or "too short to analyse"


def curves(group: Group) -> list[Observable]:
    """Observables along z that are drawn, such as density, orientation and ions."""
    return [own for own in group.observables if own.axis == HEIGHT and own.drawn == "line"]


def scalars(group: Group) -> list[Observable]:
    """Observables that are single numbers, such as P_z."""
    return [own for own in group.observables if own.axis is None]


def rms(own: Band | None, other: Band | None) -> float | None:
    """Root mean square difference of two profiles on the same axis, over bins that either occupies.

    Bins that are empty in both would make profiles the more alike the larger the cell is. None without two
    profiles, or where nothing is occupied.
    """
    if own is None or other is None or not np.array_equal(own.x, other.x):
        return None
    apart = own.mean - other.mean
    occupied = np.isfinite(apart) & ((own.mean != 0) | (other.mean != 0))
    return float(np.sqrt(np.mean(apart[occupied] ** 2))) if occupied.any() else None


def difference(own: Number, other: Number) -> tuple[float, float]:
    """Difference of two runs' numbers and its sampling error; NaN where one is not known."""
    return own.mean - other.mean, float(np.hypot(own.se, other.se))


def table(part: Part, every: list[State]) -> Table | None:
    """One row for each run and single number."""
    rows = [
        [state.group.title, place.model, place.arm.label, place.line.about(), observable.heading,
         *_cells(state, place, observable)]
        for state in every
        for place in state.places
        for observable in scalars(state.group)
    ]  # fmt: skip
    header = ["system", "model", "trained", "size, training; MD", "quantity", "mean ± SE", "α·σ",
              "less that of specific"]  # fmt: skip
    caption = (
        f"{part.name}: numbers of the runs, mean ± standard error of sampling, the training error α·σ from "
        "reweighting (Student's t times σ without α; a dash where it is not determined), and the difference "
        "to the specific committee of the same model with its sampling error alone. No test: declare a "
        "comparison under `analysis` for one."
    )
    return Table(caption, header, rows, words=5) if rows else None


def _cells(state: State, place: Place, observable: Observable) -> list[str]:
    own, specific = numbered(place.line, observable.name), state.specific(place.model)
    less = NOTHING
    if specific is not None and specific is not place.line:
        less = with_error(*difference(own, numbered(specific, observable.name)))
    return [with_error(own.mean, own.se), number(own.training if own.usable else None), less]


def distances(part: Part, every: list[State]) -> Table | None:
    """One row for each run and profile: its distance from the specific committee's and from references."""
    rows = [
        [state.group.title, place.model, place.arm.label, observable.title, observable.unit or NOTHING,
         number(own["specific"]), *(number(own[name]) for name in part.spec.references)]
        for state in every
        for place in state.places
        for observable in curves(state.group)
        if (own := _distances(part, state, place, observable))
    ]  # fmt: skip
    header = ["system", "model", "trained", "profile", "unit", "from specific"]
    header += [f"from {name}" for name in part.spec.references]
    caption = (
        f"{part.name}: root mean square difference of profiles over the bins that either of the two "
        "occupies, in the profile's unit."
    )
    return Table(caption, header, rows, words=5) if rows else None


def _distances(part: Part, state: State, place: Place, observable: Observable) -> dict[str, float | None]:
    own, specific = band(place.line, observable.name), state.specific(place.model)
    if own is None:
        return {}
    known = {line.name: band(line, observable.name) for line in state.references}
    other = band(specific, observable.name) if specific and specific is not place.line else None
    return {"specific": rms(own, other)} | {name: rms(own, known.get(name)) for name in part.spec.references}


def numbers(part: Part, every: list[State]) -> dict[str, Any]:
    """Values for results.json, by system, model and arm."""
    content: dict[str, Any] = {}
    for state in every:
        for place in state.places:
            by_model = content.setdefault(state.group.title, {}).setdefault(place.model, {})
            by_model[place.arm.label] = {
                "md": place.line.name,
                "numbers": {own.name: _number(place.line, own.name) for own in scalars(state.group)},
                "rms": {
                    own.name: _distances(part, state, place, own) for own in curves(state.group)
                },
            }  # fmt: skip
    return content


def _number(line: Line, name: str) -> dict[str, float | None]:
    own = numbered(line, name)
    return {"mean": own.mean, "se": own.se, "training": own.training if own.usable else None}


def widths(own: Band) -> tuple[Floats, Floats]:
    """Half widths (B,) of the sampling and of the training band, the latter NaN where not determined."""
    training = np.full(len(own.x), np.nan) if own.training is None else own.training
    return 2 * own.se, training
