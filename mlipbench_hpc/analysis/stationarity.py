"""Stationarity of series: equilibration, difference of halves, drift."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlipbench_hpc.analysis.correlation import correlated_error, statistical_inefficiency
from mlipbench_hpc.analysis.inference import Comparison, ErrorTerm, welch
from mlipbench_hpc.data.frames import Floats

CANDIDATES, MOST_POINTS = 50, 20_000
FEWEST_INDEPENDENT = 10.0
STATIONARY_LEVEL = 0.01
FEWEST_RUNS = 3  # for a comparison of halves from run to run
# Below it p is not stated: means of a few correlated frames are not normal that far out.
LEAST_P = 1e-4


@dataclass(frozen=True)
class Stationarity:
    """Equilibration and halves of one series of T frames.

    discard: frames before the equilibration detected in it; inefficiency: statistical inefficiency of all
    frames; independent: number of independent frames, the smaller of those after `discard` and of all.
    first, second: means of both halves; error, dof: standard error of their difference and its degrees of
    freedom, NaN where a half has fewer than two independent frames. slope: least squares, per frame.
    """

    frames: int
    discard: int
    inefficiency: float
    independent: float
    first: float
    second: float
    error: float
    dof: float
    slope: float

    @property
    def p(self) -> float:
        """Two-sided p of Student's t test between the halves, at least 1e-4; NaN without an error."""
        return change([self]).p

    def judged_with(self, inefficiency: float) -> "Stationarity":
        """The same series with a statistical inefficiency that is at least as large, known from elsewhere.

        A run shorter than its correlation shows too little of it: it looks like one of many fast frames.
        """
        own = self.frames / 2 / (self.dof + 1)  # of the slower half
        factor = inefficiency / own if inefficiency > own else 1.0
        dof = (self.dof + 1) / factor - 1
        error = self.error * math.sqrt(factor) if dof >= 1 else math.nan
        return replace(
            self,
            inefficiency=max(self.inefficiency, inefficiency),
            independent=min(self.independent, self.frames / inefficiency)
            if inefficiency
            else self.independent,
            error=error,
            dof=dof if dof >= 1 else math.nan,
        )


def stationarity(series: Floats) -> Stationarity:
    """Equilibration and halves of series (T,), any unit, equally spaced, T ≥ 4.

    The halves are fixed beforehand. Where the detected equilibration ends is chosen for a quiet rest, so that
    a test of the frames before it against that rest has no level: a slow series that happens to rest at its
    end gave p = 1e-28 with three independent frames.
    """
    series = np.asarray(series, dtype=float)
    discard, settled = equilibration(series)
    inefficiency = statistical_inefficiency(series)
    halves = series[: len(series) // 2], series[len(series) // 2 :]
    first, second = (float(half.mean()) for half in halves)
    error = math.hypot(*(correlated_error(half) for half in halves))
    dof = min(len(half) / statistical_inefficiency(half) for half in halves) - 1
    slope = float(np.polyfit(np.arange(len(series)), series, 1)[0])
    independent = min((len(series) - discard) / settled, len(series) / inefficiency)
    if dof < 1:
        error = dof = math.nan
    return Stationarity(len(series), discard, inefficiency, independent, first, second, error, dof, slope)


def together(parts: Sequence[Stationarity]) -> Stationarity:
    """Stationarity of the mean of several series of one run, such as the heights of an element's ions.

    Errors are averaged, as if the series moved together; the slowest decides the independent frames.
    """
    return Stationarity(
        frames=parts[0].frames,
        discard=max(own.discard for own in parts),
        inefficiency=max(own.inefficiency for own in parts),
        independent=min(own.independent for own in parts),
        first=float(np.mean([own.first for own in parts])),
        second=float(np.mean([own.second for own in parts])),
        error=float(np.mean([own.error for own in parts])),
        dof=min(own.dof for own in parts),
        slope=float(np.mean([own.slope for own in parts])),
    )


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


def change(runs: Sequence[Stationarity]) -> Comparison:
    """Mean change from the first to the second halves of runs, tested; p at least 1e-4.

    Its error is that of the correlated frames of each run; of three runs or more the scatter from run to run,
    where that is larger or no other is known. The scatter of few runs is small by chance too often. p is NaN
    without an error.
    """
    apart = np.array([run.second - run.first for run in runs])
    terms = [ErrorTerm(run.error / len(runs), run.dof) for run in runs]
    if len(runs) >= FEWEST_RUNS:
        scatter = ErrorTerm(float(apart.std(ddof=1)) / math.sqrt(len(runs)), len(runs) - 1)
        within = math.hypot(*(term.error for term in terms))
        terms = terms if within > scatter.error else [scatter]
    whole = welch(float(apart.mean()), terms)
    if not apart.any() and whole.error == 0:  # every series is constant
        return replace(whole, p=1.0)
    return replace(whole, p=max(LEAST_P, whole.p)) if math.isfinite(whole.p) else whole


@dataclass(frozen=True)
class Judgement:
    """Stationarity of one series over runs of a kind: its change, and all their independent frames."""

    change: Comparison
    independent: float
    runs: int

    @property
    def enough(self) -> bool:
        """True with at least 10 independent frames: with fewer, a change that is not seen means nothing."""
        return self.independent >= FEWEST_INDEPENDENT

    @property
    def tested(self) -> bool:
        """True where p is known; of fewer than three runs it takes enough independent frames."""
        return math.isfinite(self.change.p) and (self.enough or self.runs >= FEWEST_RUNS)

    @property
    def changing(self) -> bool:
        """True where the mean changes at p ≤ 0.01."""
        return self.tested and self.change.p <= STATIONARY_LEVEL

    @property
    def too_short(self) -> bool:
        """True where no change is resolved, and the runs are too short to resolve one."""
        return not self.changing and not (self.enough and self.tested)


def judgement(runs: Sequence[Stationarity]) -> Judgement:
    """Stationarity of one series over all runs.

    An equilibration that is detected late is no reason by itself: of a few autocorrelation times it often is,
    without any drift; it leaves fewer independent frames.
    """
    return Judgement(change(runs), sum(run.independent for run in runs), len(runs))
