"""The replicas of one line taken together: profiles and numbers with both errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.draw.bands import OUT_OF_REACH
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.memory import remembered

HOW = (
    "Replicas are averaged with their analysed time as weight; the standard error is the larger of the "
    "combined block error and the scatter between replicas"
)
PDF_BINS = 40
Curve = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Band:
    """One observable of a line along x (B,): mean and standard error (B,).

    training: half width (B,) of the training band, α·σ, or σ where there is no α; committee: the mean (B,) of
    all members. Both None where nothing was reweighted. usable: whether reweighting reaches the members.
    """

    x: Floats
    mean: Floats
    se: Floats
    training: Floats | None = None
    committee: Floats | None = None
    usable: bool = True

    @property
    def together(self) -> Floats | None:
        """Half width (B,) of both, √((2 SE)² + (α·σ)²); None without a training band that may be used."""
        if self.training is None or not self.usable:
            return None
        return np.hypot(np.nan_to_num(2 * self.se), np.nan_to_num(self.training))

    @property
    def height(self) -> Floats:
        """Half width (B,) of the widest band that may be used."""
        return 2 * self.se if self.together is None else self.together


@dataclass(frozen=True)
class Number:
    """One number of a line: mean, standard error, α·σ (or σ; None where nothing was reweighted).

    usable: whether reweighting reaches the members, so that α·σ counts.
    """

    mean: float
    se: float
    training: float | None = None
    usable: bool = True

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return bool(np.isfinite(self.mean))

    def holds(self, reference: "Number") -> bool | None:
        """Whether `reference` lies inside the bands together, (2 SE)² of both and a usable (α·σ)² added up.

        None where one of the two has no value or no standard error.
        """
        training = self.training if self.training is not None and self.usable else 0.0
        width = np.hypot(np.hypot(2 * self.se, 2 * reference.se), training)
        off = abs(self.mean - reference.mean)
        return bool(off <= width) if np.isfinite([off, width]).all() else None


def pooled(values: Floats, errors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted mean (...) of replicas (R, ...) and its standard error; weights (R,), any scale.

    The error is the larger of √Σ w²·SE² and, with two replicas or more, of √(Σ w (x - x̄)² / (R - 1)), which
    for equal weights is std/√R: so replicas that differ by more than their block errors widen the band.
    """
    share = weights / weights.sum()
    mean = np.tensordot(share, values, axes=1)
    within = np.sqrt(np.tensordot(share**2, errors**2, axes=1))
    if len(values) < 2:
        return mean, within
    between = np.sqrt(np.tensordot(share, (values - mean) ** 2, axes=1) / (len(values) - 1))
    return mean, np.fmax(within, between)


def _weights(runs: list[Run]) -> Floats:
    """Analysed times, equal where they are not known."""
    times = np.array([run.analysed_ps for run in runs])
    return times if (times > 0).all() else np.ones(len(runs))


def spread_of(run: Run) -> dict[str, Any]:
    """Values of the reweighting of a run; {} where it is missing or was skipped."""
    values = run.spread.values if run.spread else {}
    return {} if "skipped" in values else values


def alpha(line: Line) -> float | None:
    """α of the line's committee; None where it is not calibrated or nothing was reweighted."""
    return next((spread.get("alpha") for run in line.runs if (spread := spread_of(run))), None)


@remembered
def reweighted_runs(line: Line) -> list[Run]:
    """Runs with a training band."""
    return [run for run in line.runs if spread_of(run)]


@remembered
def reached(line: Line) -> bool:
    """Whether reweighting reaches every member, std(h) ≤ 2, so that the training band may be used."""
    return all(spread_of(run)["verdict"] != OUT_OF_REACH for run in reweighted_runs(line))


@remembered
def band(line: Line, name: str) -> Band | None:
    """An observable along an axis, of a line; None where no run has it."""
    curves = [(run, curve) for run in line.runs if (curve := _curve(run.analysis, name)) is not None]
    if not curves:
        return None
    own = _pooled_band(curves)
    corrections = _corrections(line, name, len(own.x))
    if corrections is None:
        return own
    width = corrections.std(axis=0, ddof=1) * _scale(line)
    return Band(own.x, own.mean, own.se, width, own.mean + corrections.mean(axis=0), reached(line))


def _curve(item: Item | None, name: str, column: str = "", error: str = "") -> Curve | None:
    """x, values and standard errors (B,) of an observable; None where the item has no such curve.

    column, error: others than those of the observable's description.
    """
    observable = item.observables.get(name) if item else None
    if item is None or observable is None or observable.axis is None:
        return None
    table = item.table(observable.file)
    wanted = (observable.axis.column, column or observable.column, error or observable.error)
    if not set(wanted) <= set(table):
        return None
    x, values, errors = (table[title] for title in wanted)
    return x, values, errors


def _scale(line: Line) -> float:
    known = alpha(line)
    return 1.0 if known is None else known


def _corrections(line: Line, name: str, bins: int) -> Floats | None:
    """Shift (M, bins) of every member from the average of the driving member, over the reweighted runs."""
    parts = []
    for run in reweighted_runs(line):
        members = _members(run.spread, name)
        if members is not None and members.shape[1] == bins:
            parts.append((run, members))
    if not parts:
        return None
    fewest = min(len(members) for _, members in parts)
    stacked = np.array([members[:fewest] for _, members in parts])
    return pooled(stacked, np.zeros_like(stacked), _weights([run for run, _ in parts]))[0]


@remembered
def as_member(line: Line, name: str, member: int) -> Band | None:
    """What reweighting the line's runs gives for one member; its SE by block bootstrap. None without it."""
    column = f"member_{member}"
    curves = [(run, _curve(run.spread, name, column, f"se_{column}")) for run in reweighted_runs(line)]
    present = [(run, curve) for run, curve in curves if curve is not None]
    return _pooled_band(present) if present else None


def _pooled_band(curves: list[tuple[Run, Curve]]) -> Band:
    """Mean and standard error over the runs, one or more, whose axis is the first one's."""
    x = curves[0][1][0]
    same = [(run, curve) for run, curve in curves if np.array_equal(curve[0], x)]
    values, errors = (np.array([curve[place] for _, curve in same]) for place in (1, 2))
    return Band(x, *pooled(values, errors, _weights([run for run, _ in same])))


def _members(spread: Item | None, name: str) -> Floats | None:
    """Curves (M, B) of all members less that of the driving one, of one run; None without a file."""
    observable = spread.observables.get(name) if spread else None
    if spread is None or observable is None or observable.axis is None:
        return None
    table, members = spread.table(observable.file), range(len(spread.values["members"]) + 1)
    if not {observable.column, *(f"member_{member}" for member in members)} <= set(table):
        return None
    return np.array([table[f"member_{member}"] for member in members]) - table[observable.column]


@remembered
def numbered(line: Line, name: str) -> Number:
    """An observable that is a single number, of a line."""
    values = [(run, *scalar(run, name)) for run in line.runs]
    known = [(run, mean, se) for run, mean, se in values if np.isfinite(mean)]
    if not known:
        return Number(float("nan"), float("nan"))
    runs, means, errors = zip(*known, strict=True)
    mean, se = pooled(np.array(means), np.array(errors), _weights(list(runs)))
    return Number(float(mean), float(se), _scalar_width(line, name), reached(line))


def scalar(run: Run, name: str) -> tuple[float, float]:
    """Mean and standard error of one run; NaN where it has none."""
    statistics = run.analysis.statistics(name)
    mean, error = statistics.get("mean"), statistics.get("se")
    nothing = float("nan")
    return nothing if mean is None else float(mean), nothing if error is None else float(error)


def _scalar_width(line: Line, name: str) -> float | None:
    shifts = []
    for run in reweighted_runs(line):
        scalars = run.spread.statistics(name) if run.spread else {}
        members = [scalars.get("driving_member"), *scalars.get("members", [])]
        if len(members) > 2 and None not in members:
            shifts.append((run, np.array(members[1:]) - members[0]))
    if not shifts:
        return None
    stacked = np.array([members for _, members in shifts])
    shift = pooled(stacked, np.zeros_like(stacked), _weights([run for run, _ in shifts]))[0]
    return float(shift.std(ddof=1)) * _scale(line)


@remembered
def histograms(group: Group, name: str) -> dict[str, tuple[Floats, Floats]]:
    """By line: bin centres and probability density of a number over all frames of all replicas.

    Bins are common, as many as the rule of Freedman and Diaconis gives, at most 40.
    """
    series = {line.name: np.concatenate(parts) for line in group.drawn if (parts := _series(line, name))}
    if not series:
        return {}
    every = np.concatenate(list(series.values()))
    bins = min(PDF_BINS, len(np.histogram_bin_edges(every, "fd")) - 1)
    edges = np.linspace(every.min(), every.max() + 1e-9, bins + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    return {line: (centres, np.histogram(values, edges, density=True)[0]) for line, values in series.items()}


def _series(line: Line, name: str) -> list[Floats]:
    """The number in every frame (T,), of each run that has it."""
    series = [series_of(run.analysis, run.analysis.observables.get(name)) for run in line.runs]
    return [values for values in series if len(values)]


def series_of(item: Item, observable: Observable | None) -> Floats:
    """The number in every frame (T,); (0,) where there is none."""
    arrays = item.arrays(observable.file) if observable and observable.file else {}
    values: Floats = arrays.get(observable.column if observable else "", np.zeros(0))
    return values
