"""Tests of differences of averages: Welch's with several sources of error, Holm's correction, a control."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mlipbench_hpc.analysis.correlation import series_average, statistical_inefficiency
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
    """A difference with its standard error and two-sided p, NaN where no error or no degrees are known.

    terms: independent sources of the error.
    """

    difference: float
    error: float
    p: float
    terms: tuple[ErrorTerm, ...] = field(default=(), repr=False)

    @property
    def t(self) -> float:
        """The difference over its standard error; NaN without one."""
        return self.difference / self.error if self.error > 0 else math.nan

    @property
    def dof(self) -> float:
        """Degrees of freedom with which Student's distribution of `t` gives `p`; NaN without p."""
        if not math.isfinite(self.p) or not self.terms:
            return math.nan
        from scipy.optimize import brentq
        from scipy.special import stdtr

        low, high = (function(term.dof for term in self.terms) for function in (min, max))

        def excess(dof: float) -> float:
            return 2 * float(stdtr(dof, -abs(self.t))) - self.p

        if high <= low * (1 + 1e-9) or excess(low) <= 0:
            return low
        return high if excess(high) >= 0 else float(brentq(excess, low, high))

    @property
    def interval(self) -> float:
        """Half width of the 95 % interval of the difference: what is critical at p = 0.05; NaN without p."""
        return self.critical(LEVEL)

    def critical(self, p: float) -> float:
        """The difference that has this p with these errors; NaN without a p."""
        if not math.isfinite(self.p) or not self.terms:
            return math.nan
        from scipy.special import stdtrit

        parts = [term.error**2 * -float(stdtrit(term.dof, p / 2)) for term in self.terms]
        return sum(parts) / self.error


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
    p = _p(abs(difference) / error, squares / total, dofs)
    return Comparison(difference, error, p, tuple(terms))


def _p(t: float, shares: Floats, dofs: Floats) -> float:
    """Solution p of Σ share·t_ν(p) = t; it lies between the p of the fewest and of the most degrees."""
    # Here, because a report without comparisons needs neither, and both take seconds to import.
    from scipy.optimize import brentq
    from scipy.special import stdtr, stdtrit

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


def holm_of_table(p: Floats) -> Floats:
    """Holm's p (K,) of a table of which some tests are withheld: NaN counts among the tests and stays.

    How many tests there are must not depend on the data.
    """
    return np.asarray(np.where(np.isnan(p), np.nan, holm(np.where(np.isnan(p), 1.0, p))))


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
    """Windows of the reference's runs, and how many of them differ from the other ones at p ≤ 0.05.

    scatter: standard deviation (ddof = 1) of their means, which is the error of a single run as long; gap:
    frames between neighbouring windows.
    """

    windows: int
    failed: int
    scatter: float
    gap: int = 0

    @property
    def expected(self) -> float:
        """Number of windows that differ by chance."""
        return LEVEL * self.windows

    @property
    def p(self) -> float:
        """Probability of so many failures or more where the test has its level: binomial."""
        from scipy.special import bdtrc

        return float(bdtrc(self.failed - 1, self.windows, LEVEL)) if self.failed else 1.0

    @property
    def fails(self) -> bool:
        """True where more windows differ than chance allows: the test is too liberal for so short runs."""
        return self.p <= LEVEL

    def error(self, runs: int) -> ErrorTerm:
        """Error of the mean of independent runs as long as the windows, from their scatter."""
        return ErrorTerm(self.scatter / math.sqrt(runs), self.windows - 1)


def equal_windows(runs: Sequence[Floats], window: int, blocks: int) -> Control | None:
    """Control: windows of the reference's runs, as long as the model's, that differ from the other windows.

    runs: series (T,) each, in time order; window: frames of the model's run; blocks: of either. Errors are
    those of runs, the larger of blocks and autocorrelation; that of the others follows from all windows. As
    many frames are left out between windows as count as one independent frame, the mean over runs: adjoining
    windows of slow series are not independent, and their failures not binomial. None for fewer than five
    windows, or windows of fewer frames than blocks.
    """
    gap = round(float(np.mean([statistical_inefficiency(series) for series in runs]))) - 1 if len(runs) else 0
    parts = [part for series in runs for part in _windows(series, window, gap)] if window >= blocks else []
    count = len(parts)
    if count < FEWEST_WINDOWS:
        return None
    whole, short = series_average(np.concatenate(parts), blocks), [series_average(p, blocks) for p in parts]
    means = np.array([part.mean() for part in parts])
    rest = ErrorTerm(whole.error * math.sqrt(count / (count - 1)), whole.dof)
    apart = (means - means.mean()) * count / (count - 1)
    tests = [
        welch(float(own), [ErrorTerm(side.error, side.dof), rest])
        for own, side in zip(apart, short, strict=True)
    ]
    return Control(count, sum(test.p <= LEVEL for test in tests), float(means.std(ddof=1)), gap)


def _windows(series: Floats, window: int, gap: int) -> list[Floats]:
    """Windows (window,) of series (T,), `gap` frames apart; frames after the last whole one are left out."""
    starts = range(0, len(series) - window + 1, window + gap)
    return [np.asarray(series[start : start + window]) for start in starts]
