"""Stationarity of series: equilibration, difference of halves, drift."""

import math
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.correlation import correlated_error, statistical_inefficiency
from mlipbench_hpc.analysis.inference import ErrorTerm, welch
from mlipbench_hpc.data.frames import Floats

CANDIDATES, MOST_POINTS = 50, 20_000
FEWEST_INDEPENDENT = 10.0
STATIONARY_LEVEL = 0.01
FEWEST_RUNS = 3  # for a comparison of halves from run to run


@dataclass(frozen=True)
class Stationarity:
    """Tests of stationarity of one series of T frames.

    discard: frames before the equilibration detected in it; inefficiency: statistical inefficiency after it;
    independent: number of independent frames, the smaller of those after it and of all. first, second: means
    of both halves. p: smaller p, times the number of known ones, of Welch's test between the halves and of
    the discarded frames against the rest; NaN where neither is known. slope: least squares, per frame.
    """

    frames: int
    discard: int
    inefficiency: float
    independent: float
    first: float
    second: float
    p: float
    slope: float


def stationarity(series: Floats) -> Stationarity:
    """Tests of stationarity of series (T,), any unit, equally spaced, T ≥ 4."""
    series = np.asarray(series, dtype=float)
    discard, inefficiency = equilibration(series)
    halves = series[: len(series) // 2], series[len(series) // 2 :]
    means = [float(half.mean()) for half in halves]
    terms = [
        ErrorTerm(correlated_error(half), len(half) / statistical_inefficiency(half) - 1) for half in halves
    ]
    tests = [
        welch(means[1] - means[0], terms).p if all(term.dof >= 1 for term in terms) else math.nan,
        _start(series, discard, inefficiency),
    ]
    known = [p for p in tests if math.isfinite(p)]
    slope = float(np.polyfit(np.arange(len(series)), series, 1)[0])
    independent = min((len(series) - discard) / inefficiency, len(series) / statistical_inefficiency(series))
    p = min(1.0, len(known) * min(known)) if known else math.nan
    return Stationarity(len(series), discard, inefficiency, independent, means[0], means[1], p, slope)


def _start(series: Floats, discard: int, inefficiency: float) -> float:
    """p of the mean of the discarded frames against the rest; NaN where the rest is too short.

    The error of that mean is that of as many frames of the rest, because the discarded ones are too few for
    an estimate of their own.
    """
    rest = series[discard:]
    dof = len(rest) / inefficiency - 1
    if not discard or dof < 1:
        return math.nan
    width = float(rest.std(ddof=1))
    frames = max(1.0, discard / inefficiency), len(rest) / inefficiency
    terms = [ErrorTerm(width / math.sqrt(count), dof) for count in frames]
    return welch(float(series[:discard].mean() - rest.mean()), terms).p


def equilibration(series: Floats) -> tuple[int, float]:
    """Frames to discard so that most independent frames are left, and the rest's statistical inefficiency.

    series (T,). Chodera, J. Chem. Theory Comput. 12, 1799 (2016), DOI 10.1021/acs.jctc.5b00784, as
    pymbar.timeseries.detect_equilibration has it, at 50 candidates in the first nine tenths; a long series is
    reduced to means over a few frames each.
    """
    stride = -(-len(series) // MOST_POINTS)
    coarse = series[: len(series) // stride * stride].reshape(-1, stride).mean(axis=1)
    starts = np.unique(np.linspace(0, 0.9 * len(coarse), CANDIDATES, endpoint=False).astype(int))
    inefficiencies = [statistical_inefficiency(coarse[start:]) for start in starts]
    best = int(np.argmax((len(coarse) - starts) / np.array(inefficiencies)))
    return int(starts[best]) * stride, inefficiencies[best] * stride if stride > 1 else inefficiencies[best]


def nonstationary(runs: list[Stationarity]) -> str:
    """Reason why runs are not stationary in one series, in words; empty where no test says so.

    Means are compared within each run; of three runs or more, those of halves from run to run (paired
    Student's t), where errors need no autocorrelation time; at p ≤ 0.01, over all runs. An equilibration that
    is detected late is no reason by itself: of a few autocorrelation times it often is, without any drift.
    """
    independent = sum(run.independent for run in runs)
    if reason := changing(runs):
        return reason
    if independent < FEWEST_INDEPENDENT:
        return (
            f"{independent:.2g} independent frames, at least {FEWEST_INDEPENDENT:g} are needed to tell "
            "whether it is stationary"
        )
    return ""


def changing(runs: list[Stationarity]) -> str:
    """Change of the mean of one series during the runs, in words; empty where it is not resolved."""
    p = change(runs)
    return f"its mean changes on the way (p = {p:.1g})" if p <= STATIONARY_LEVEL else ""


def change(runs: list[Stationarity]) -> float:
    """p of the change of the mean over all runs; NaN where it is not known.

    Of three runs or more from their halves, paired from run to run; else the smallest p of the runs times
    their number.
    """
    if len(runs) >= FEWEST_RUNS:
        apart = np.array([run.second - run.first for run in runs])
        error = float(apart.std(ddof=1)) / math.sqrt(len(runs))
        return welch(float(apart.mean()), [ErrorTerm(error, len(runs) - 1)]).p
    known = [run.p for run in runs if math.isfinite(run.p)]
    return min(1.0, len(known) * min(known)) if known else math.nan
