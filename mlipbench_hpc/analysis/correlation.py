"""Correlated samples: statistical inefficiency, standard errors, and numbers of independent frames."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.blocks import BlockAverage, block_average
from mlipbench_hpc.data.frames import Floats, Ints

AT_ONCE, WINDOW = 1 << 18, 1 << 16


def statistical_inefficiency(series: Floats) -> float:
    """Statistical inefficiency g = 1 + 2 Σ_t C(t), at least 1: correlated samples per independent one.

    series (T,), any unit, equally spaced. The sum of the normalised autocorrelation ends where the sum of
    two neighbouring terms first is not positive (Geyer, Stat. Sci. 7, 473 (1992)). A constant series, and
    one of fewer than two samples, gives 1.
    """
    centred = np.asarray(series, dtype=float) - np.mean(series) if len(series) else np.zeros(0)
    variance = float(centred @ centred)
    if len(centred) < 2 or variance <= 0 or not np.isfinite(variance):
        return 1.0
    total = 0.0
    for products in _lagged(centred):
        pairs = (products / variance).reshape(-1, 2).sum(axis=1)
        ends = np.flatnonzero(pairs <= 0)
        total += float(pairs[: ends[0] if len(ends) else None].sum())
        if len(ends):
            break
    return max(1.0, 2 * total - 1)


def _lagged(series: Floats) -> Iterator[Floats]:
    """Σ_s x(s) x(s+t) for t from 0, an even number of lags at a time, of series (T,).

    Of a long series only as many lags are computed, and held in memory, as the caller takes.
    """
    frames = len(series)
    if frames <= AT_ONCE:
        yield np.fft.irfft(np.abs(np.fft.rfft(series, 2 * frames)) ** 2)[: frames // 2 * 2]
        return
    for lag in range(0, frames // 2 * 2, WINDOW):
        spectrum = np.zeros(WINDOW + 1, dtype=complex)
        for start in range(0, frames - lag, WINDOW):
            later = series[start + lag : start + lag + 2 * WINDOW]
            here = np.fft.rfft(series[start : start + WINDOW], 2 * WINDOW)
            spectrum += here.conj() * np.fft.rfft(later, 2 * WINDOW)
        yield np.fft.irfft(spectrum)[: min(WINDOW, frames // 2 * 2 - lag)]


def correlated_error(series: Floats) -> float:
    """Standard error of the mean of series (T,): σ √(g/T) with ddof = 1; NaN for fewer than two samples."""
    if len(series) < 2:
        return float("nan")
    return float(np.std(series, ddof=1) * np.sqrt(statistical_inefficiency(series) / len(series)))


@dataclass(frozen=True)
class SeriesAverage:
    """Average of a series with both standard errors; independent: number of independent frames."""

    blocks: BlockAverage
    correlated: float
    independent: float

    @property
    def mean(self) -> float:
        """Mean over the samples that fill whole blocks."""
        return float(self.blocks.mean)

    @property
    def error(self) -> float:
        """The larger of both standard errors; NaN without an error from blocks.

        Blocks shorter than the correlation, and a correlation that a short run does not show, both make
        theirs too small.
        """
        block = float(self.blocks.standard_error)
        return max(block, self.correlated) if math.isfinite(self.correlated) else block

    @property
    def dof(self) -> float:
        """Degrees of freedom of `error`: blocks - 1, or independent frames - 1 if fewer; at least 1."""
        return max(1.0, min(self.blocks.blocks, self.independent) - 1)


def series_average(series: Floats, blocks: int = 10) -> SeriesAverage:
    """Average of series (T,), any unit, equally spaced; see `SeriesAverage`.

    Raises ValueError as `block_average`.
    """
    series = np.asarray(series, dtype=float)
    independent = len(series) / statistical_inefficiency(series)
    return SeriesAverage(block_average(series, blocks), correlated_error(series), independent)


def independent_frames(values: Floats, series: Ints, chosen: Ints) -> float:
    """Number of independent frames among the frames `chosen` (V,).

    values (F,) of all frames, any unit, or rows (C, F) of several quantities, of which the slowest counts;
    series (F,): frames of one number follow one another in time, equally spaced, and are independent of all
    others. Of a series of n frames with statistical inefficiency g, v frames drawn at random keep
    g' = 1 + (g - 1)·v/n, for a share v/n of the pairs at each distance is left. A quantity that is NaN in
    some frames counts with `between_gaps`.
    """
    total = 0.0
    for number in np.unique(series[chosen]):
        own = np.atleast_2d(values)[:, series == number]
        drawn = int((series[chosen] == number).sum())
        slowest = slowest_inefficiency(own)
        total += drawn / (1 + (slowest - 1) * drawn / own.shape[1])
    return total


def slowest_inefficiency(rows: Floats) -> float:
    """Largest statistical inefficiency of rows (C, T) of quantities of one series, gaps filled."""
    return max(statistical_inefficiency(between_gaps(row)) for row in rows)


def between_gaps(series: Floats) -> Floats:
    """Series (T,), any unit, its NaN replaced by linear interpolation; (0,) where more than half are NaN.

    One frame without a surface must not leave the correlation of the others to a faster quantity.
    """
    known = np.flatnonzero(np.isfinite(series))
    if 2 * len(known) < len(series):
        return np.zeros(0)
    return np.interp(np.arange(len(series)), known, series[known])
