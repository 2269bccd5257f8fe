"""Averages over the replicas of a line: profiles and numbers with both errors."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.committee import band_factor
from mlipbench_hpc.analysis.correlation import SeriesAverage
from mlipbench_hpc.analysis.inference import (
    Comparison,
    ErrorTerm,
    committee_error,
    mean_error,
    member_error,
    welch,
)
from mlipbench_hpc.analysis.reweighting import UNUSABLE
from mlipbench_hpc.analysis.spread import Spread, pooled_spread
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.groups import Line, Run
from mlipbench_hpc.report.memory import remembered

POOLING = (
    "Replicas are averaged with their analysed time as weight; the standard error is the larger of their "
    "combined one (of blocks or of autocorrelation, whichever is larger) and the scatter between replicas"
)
DEFAULT_BLOCKS = 10
Curve = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Band:
    """One observable of a line along x (B,): mean and standard error (B,).

    training: half width (B,) of the training band, α·σ, or Student's t times σ where there is no α, NaN where
    σ is not determined; committee: the mean (B,) of all members. Both None where reweighting does not reach
    the members, or nothing was reweighted.
    """

    x: Floats
    mean: Floats
    se: Floats
    training: Floats | None = None
    committee: Floats | None = None

    @property
    def together(self) -> Floats | None:
        """Half width (B,) of both errors, √((2 SE)² + (α·σ)²); None without a training band."""
        if self.training is None:
            return None
        return np.hypot(np.nan_to_num(2 * self.se), np.nan_to_num(self.training))

    @property
    def height(self) -> Floats:
        """Half width (B,) of the widest band that may be used."""
        return 2 * self.se if self.together is None else self.together


@dataclass(frozen=True)
class Committee:
    """A number's mean over all members, by reweighting, with its sampling error.

    truth: its training error against a truth, √(α² + 1/M)·σ; model: against another model, σ/√M; both from
    the upper limit of σ.
    """

    mean: float
    sampling: ErrorTerm
    truth: ErrorTerm
    model: ErrorTerm


@dataclass(frozen=True)
class Number:
    """One number of a line: mean, standard error of sampling, and its degrees of freedom.

    training: α·σ, or Student's t times σ without α, None where σ is not determined; model: error of a single
    member against a truth, from the upper limit of σ; committee: mean over the members. All None where
    nothing was reweighted. usable: whether reweighting reaches the members, so that they count. least: lower
    limit of σ over its upper one.
    """

    mean: float
    se: float
    dof: float = np.nan
    training: float | None = None
    model: ErrorTerm | None = None
    usable: bool = True
    committee: Committee | None = None
    least: float = 0.0

    @property
    def known(self) -> bool:
        """True where the number has a value."""
        return bool(np.isfinite(self.mean))

    @property
    def reached(self) -> Committee | None:
        """Committee's mean where reweighting reaches the members, else None."""
        return self.committee if self.usable else None

    def widened(self, sampling: ErrorTerm) -> "Number":
        """The number with another sampling error where that is larger."""
        if not sampling.error > self.se:
            return self
        own = self.committee
        if own is not None and sampling.error > own.sampling.error:
            own = replace(own, sampling=sampling)
        return replace(self, se=sampling.error, dof=sampling.dof, committee=own)

    def against(self, reference: "Number") -> Comparison:
        """Welch's test of the difference to a truth, whose own sampling error counts.

        Tested is the committee's mean where reweighting reaches it, else the driving member's number, without
        a training error where none is known.
        """
        truth = ErrorTerm(reference.se, reference.dof)
        if (own := self.reached) is not None:
            return welch(own.mean - reference.mean, [own.sampling, own.truth, truth])
        model = [self.model] if self.model is not None and self.usable else []
        return welch(self.mean - reference.mean, [ErrorTerm(self.se, self.dof), truth, *model])

    def versus(self, other: "Number") -> Comparison:
        """Welch's test of the difference to another model.

        Between the committees' means where reweighting reaches both, else between the driving members'
        numbers, with sampling errors alone.
        """
        own, its = self.reached, other.reached
        if own is not None and its is not None:
            return welch(own.mean - its.mean, [own.sampling, own.model, its.sampling, its.model])
        terms = [ErrorTerm(self.se, self.dof), ErrorTerm(other.se, other.dof)]
        return welch(self.mean - other.mean, terms)


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
    """True where reweighting reaches every member, so that the training band may be used.

    That is std(h) ≤ 2 and at least 30 independent effective frames.
    """
    return all(spread_of(run)["verdict"] not in UNUSABLE for run in reweighted_runs(line))


@remembered
def band(line: Line, name: str) -> Band | None:
    """An observable along an axis, of a line; None where no run has it."""
    curves = [(run, curve) for run in line.runs if (curve := _curve(run.analysis, name)) is not None]
    if not curves:
        return None
    own = _pooled_band(curves)
    members = _reweighted_curves(line, name, len(own.x))
    if members is None or not reached(line):
        return own
    width = members.spread.determined * band_factor(alpha(line), members.count)
    return Band(own.x, own.mean, own.se, width, own.mean + members.shifts.mean(axis=0))


@dataclass(frozen=True)
class Members:
    """Shifts (M, B) of all members from the driving one, pooled over runs, and their spread (B,)."""

    shifts: Floats
    spread: Spread

    @property
    def count(self) -> int:
        """Number of members M."""
        return len(self.shifts)


def _pooled_members(parts: list[tuple[Run, Floats, Floats]]) -> Members | None:
    """Pool shifts (M, B) of runs and the variance (B,) that sampling adds to their spread; M: the fewest."""
    if not parts:
        return None
    runs, shifts, noises = (list(column) for column in zip(*parts, strict=True))
    fewest, weights = min(len(members) for members in shifts), _weights(runs)
    share = weights / weights.sum()
    pooled_shifts = np.tensordot(share, np.array([members[:fewest] for members in shifts]), axes=1)
    noise = np.tensordot(share**2, np.array(noises), axes=1)
    blocks = sum(blocks_of(run) for run in runs)
    return Members(pooled_shifts, pooled_spread(pooled_shifts.var(axis=0, ddof=1), noise, fewest, blocks))


def blocks_of(run: Run) -> int:
    """Number of blocks of its analysis."""
    return int(run.analysis.values.get("blocks", DEFAULT_BLOCKS))


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


def _reweighted_curves(line: Line, name: str, bins: int) -> Members | None:
    """Curves of all members from reweighting, for an observable along an axis of `bins` bins."""
    parts = [(run, _members(run.spread, name)) for run in reweighted_runs(line)]
    known = [(run, *curves) for run, curves in parts if curves is not None]
    return _pooled_members([part for part in known if part[1].shape[1] == bins])


@remembered
def at_point(line: Line, name: str, x: float) -> Number:
    """Pooled number of a line for an observable along an axis, between points of the axis linear in x.

    Errors of neighbouring points are interpolated as if both moved together; NaN where a run ends before x.
    """
    curves = [_curve(run.analysis, name) for run in line.runs]
    known = [own for own in curves if own is not None and own[0][0] - 1e-9 <= x <= own[0][-1] + 1e-9]
    if not known or len(known) < len(curves):
        return Number(float("nan"), float("nan"))
    means, errors = (np.array([np.interp(x, own[0], own[place]) for own in known]) for place in (1, 2))
    weights = _weights(line.runs)
    mean, se = pooled(means, errors, weights)
    dof = degrees(errors, weights, float(se), [blocks_of(run) - 1 for run in line.runs])
    return Number(float(mean), float(se), dof)


@remembered
def as_member(line: Line, name: str, member: int) -> Band | None:
    """Reweighted average of one member over the line's runs, SE by block bootstrap; None without one."""
    column = f"member_{member}"
    curves = [(run, _curve(run.spread, name, column, f"se_{column}")) for run in reweighted_runs(line)]
    present = [(run, curve) for run, curve in curves if curve is not None]
    return _pooled_band(present) if present else None


def _pooled_band(curves: list[tuple[Run, Curve]]) -> Band:
    """Mean and standard error over one or more runs; runs with another axis than the first are left out."""
    x = curves[0][1][0]
    same = [(run, curve) for run, curve in curves if np.array_equal(curve[0], x)]
    values, errors = (np.array([curve[place] for _, curve in same]) for place in (1, 2))
    return Band(x, *pooled(values, errors, _weights([run for run, _ in same])))


def _members(spread: Item | None, name: str) -> tuple[Floats, Floats] | None:
    """Curves (M, B) of all members less that of the driving one, and the variance (B,) that sampling adds to
    their spread, of one run; None without a file.
    """
    observable = spread.observables.get(name) if spread else None
    if spread is None or observable is None or observable.axis is None:
        return None
    table, members = spread.table(observable.file), range(len(spread.values["members"]) + 1)
    if not {observable.column, "noise", *(f"member_{member}" for member in members)} <= set(table):
        return None
    curves = np.array([table[f"member_{member}"] for member in members]) - table[observable.column]
    return curves, table["noise"] ** 2


@remembered
def numbered(line: Line, name: str) -> Number:
    """Pooled number of a line for an observable that is a single number; NaN where a run lacks it.

    The runs that happen to have it are not a fair choice: of widths the slowest have none.
    """
    values = [(run, *scalar(run, name)) for run in line.runs]
    if not values or not all(np.isfinite(mean) for _, mean, _ in values):
        return Number(float("nan"), float("nan"))
    runs, means, errors = zip(*values, strict=True)
    weights, within = _weights(list(runs)), np.array(errors)
    mean, se = pooled(np.array(means), within, weights)
    own = [run.analysis.statistics(name).get("dof") or blocks_of(run) - 1 for run in runs]
    dof = degrees(within, weights, float(se), own)
    members = _reweighted_number(line, name)
    if members is None:
        return Number(float(mean), float(se), dof)
    low, high = (float(limit[0]) for limit in members.spread.limits)
    width = band_factor(alpha(line), members.count) * float(members.spread.determined[0])
    training = width if np.isfinite(width) else None
    return Number(
        float(mean), float(se), dof, training, member_error(high, members.count, alpha(line)), reached(line),
        _committee(line, name, float(mean), members, dof), low / high if high > 0 else 0.0,
    )  # fmt: skip


def _committee(line: Line, name: str, driving: float, members: Members, dof: float) -> Committee | None:
    """Committee mean; None where a reweighting lacks its sampling error."""
    runs = reweighted_runs(line)
    errors = [run.spread.statistics(name).get("se_mean") for run in runs if run.spread]
    if not errors or None in errors:
        return None
    share = _weights(runs) / _weights(runs).sum()
    factors = np.array([_beyond_blocks(run, name) for run in runs])
    sampling = float(np.sqrt(np.sum((share * factors * np.array(errors, dtype=float)) ** 2)))
    # Scatter between starts above the block error widens the error of the committee mean too.
    sampling = max(sampling, _scatter(line, name))
    sigma, known_alpha = float(members.spread.limits[1][0]), alpha(line)
    return Committee(
        driving + float(members.shifts.mean()), ErrorTerm(sampling, dof),
        committee_error(sigma, members.count, known_alpha), mean_error(sigma, members.count),
    )  # fmt: skip


def _beyond_blocks(run: Run, name: str) -> float:
    """Factor by which a run's standard error exceeds that of its blocks, which a bootstrap draws."""
    statistics = run.analysis.statistics(name)
    error, blocks = statistics.get("se"), statistics.get("se_blocks")
    return float(error / blocks) if error and blocks else 1.0


def _scatter(line: Line, name: str) -> float:
    """Standard error of the `pooled` mean of a line's replicas from their scatter; 0 for one replica."""
    runs = [run for run in line.runs if np.isfinite(scalar(run, name)[0])]
    means = np.array([scalar(run, name)[0] for run in runs])
    return float(pooled(means, np.zeros(len(runs)), _weights(runs))[1]) if runs else 0.0


def degrees(errors: Floats, weights: Floats, se: float, own: list[float]) -> float:
    """Degrees of freedom of a `pooled` error: of replicas where their scatter is larger, else all `own`."""
    share = weights / weights.sum()
    within = float(np.sqrt(np.sum(share**2 * errors**2)))
    if len(errors) > 1 and not np.isclose(within, se):
        return len(errors) - 1
    return float(sum(own))


def numbered_runs(runs: list[Run], averages: list[SeriesAverage]) -> Number:
    """Number of several runs from the average of a series in each, weighted as `POOLING` says."""
    means, errors = (np.array([(own.mean, own.error) for own in averages])[:, place] for place in (0, 1))
    weights = _weights(runs)
    mean, error = pooled(means, errors, weights)
    dof = degrees(errors, weights, float(error), [own.dof for own in averages])
    return Number(float(mean), float(error), dof)


def scalar(run: Run, name: str) -> tuple[float, float]:
    """Mean and standard error of one run; NaN where it has none."""
    statistics = run.analysis.statistics(name)
    mean, error = statistics.get("mean"), statistics.get("se")
    nothing = float("nan")
    return nothing if mean is None else float(mean), nothing if error is None else float(error)


def _reweighted_number(line: Line, name: str) -> Members | None:
    """Reweighted single number of every member, as curves of one bin."""
    parts = []
    for run in reweighted_runs(line):
        statistics = run.spread.statistics(name) if run.spread else {}
        values = [statistics.get("driving_member"), *statistics.get("members", []), statistics.get("noise")]
        if len(values) > 3 and None not in values:
            numbers = np.array(values, dtype=float)
            parts.append((run, numbers[1:-1, None] - numbers[0], numbers[-1:] ** 2))
    return _pooled_members(parts)
