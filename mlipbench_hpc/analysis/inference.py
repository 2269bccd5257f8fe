"""Tests of differences of averages: Welch's with several sources of error, Holm's correction, a control."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.data.frames import Floats

LEVEL = 0.05
FEWEST_WINDOWS = 5
SMALLEST = 1e-300


@dataclass(frozen=True)
class ErrorTerm:
    """One independent source of error of a difference: its standard error and degrees of freedom."""

    error: float
    dof: float


@dataclass(frozen=True)
class Comparison:
    """A difference with its standard error and two-sided p, NaN where no error or no degrees are known."""

    difference: float
    error: float
    p: float


def welch(difference: float, terms: Sequence[ErrorTerm]) -> Comparison:
    """Welch's t test of a difference whose independent errors e add up in squares: t = |difference|/√Σ e².

    Each term brings its own degrees of freedom: t is critical at p where it is Σ e² t_ν(p)/Σ e², t_ν
    Student's quantile of the term (Cochran, Biometrics 20, 191 (1964)). Satterthwaite's degrees of freedom of
    the sum are too many where a term of few happens to be small: four starts against ten blocks then give
    10 % false positives in Holm-corrected tables of eight at nominal 5 %, and 2 % as it is here.
    """
    squares = np.array([term.error**2 for term in terms])
    dofs = np.array([term.dof for term in terms])
    total = float(squares.sum())
    error = math.sqrt(total) if total >= 0 else math.nan
    if not np.isfinite([difference, total, *dofs]).all() or total <= 0:
        return Comparison(difference, error, math.nan)
    return Comparison(difference, error, _p(abs(difference) / error, squares / total, dofs))


def _p(t: float, shares: Floats, dofs: Floats) -> float:
    """Solution p of Σ share·t_ν(p) = t; it lies between the p of the fewest and of the most degrees."""
    low, high = (max(SMALLEST, 2 * float(stdtr(dof, -t))) for dof in (dofs.max(), dofs.min()))
    if high <= low * (1 + 1e-9):
        return high

    def excess(logarithm: float) -> float:
        return -float(shares @ stdtrit(dofs, math.exp(logarithm) / 2)) - t

    below, above = math.log(low) - 1e-6, min(0.0, math.log(high) + 1e-6)
    if excess(below) <= 0 or excess(above) >= 0:
        return low if excess(below) <= 0 else high
    return math.exp(brentq(excess, below, above))


def holm(p: Floats) -> Floats:
    """Adjusted p (K,) of a family of tests: any false positive among them has at most its level.

    The k-th smallest is multiplied with K - k + 1, at most 1, never below the one before (Holm, Scand. J.
    Stat. 6, 65 (1979)). NaN belongs to no test and stays.
    """
    adjusted = np.full(len(p), np.nan)
    order = [int(place) for place in np.argsort(p) if np.isfinite(p[place])]
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * float(p[place])))
        adjusted[place] = largest
    return adjusted


def member_error(sigma: float, members: int, alpha: float | None) -> ErrorTerm:
    """Error of one member's average against a truth, √(α² + 1)·σ (the model behind Eq. S11), M - 1 degrees.

    sigma: standard deviation over M members. Without α the truth counts as one more member, α = 1.
    """
    return ErrorTerm(math.hypot(1.0 if alpha is None else alpha, 1.0) * sigma, members - 1)


def committee_error(sigma: float, members: int, alpha: float | None) -> ErrorTerm:
    """Error of the committee's mean against a truth, √(α² + 1/M)·σ, M - 1 degrees; else as `member_error`."""
    scale = math.sqrt((1.0 if alpha is None else alpha) ** 2 + 1 / members)
    return ErrorTerm(scale * sigma, members - 1)


def mean_error(sigma: float, members: int) -> ErrorTerm:
    """Error of a committee's mean against another committee's, σ/√M, M - 1 degrees.

    α does not enter: what members share of an error is part of the difference between the two models.
    """
    return ErrorTerm(sigma / math.sqrt(members), members - 1)


@dataclass(frozen=True)
class Control:
    """Disjoint windows of the reference run, and how many of them differ from the rest of that run."""

    windows: int
    failed: int


def equal_windows(series: Floats, window: int, blocks: int) -> Control | None:
    """Control: windows of the reference run, as long as the model's, that differ from its rest at p ≤ 0.05.

    series (T,) of the reference, in time order; window: frames of the model's run; blocks: of either. Errors
    are those of runs, the larger of blocks and autocorrelation. None for fewer than five windows, or windows
    of fewer frames than blocks.
    """
    windows = len(series) // window if window >= blocks else 0
    if windows < FEWEST_WINDOWS:
        return None
    parts = series[: windows * window].reshape(windows, window)
    failed = 0
    for place, part in enumerate(parts):
        short = series_average(part, blocks)
        rest = series_average(np.delete(parts, place, axis=0).ravel(), blocks)
        terms = [ErrorTerm(side.error, side.dof) for side in (short, rest)]
        failed += welch(short.mean - rest.mean, terms).p <= LEVEL
    return Control(windows, failed)
