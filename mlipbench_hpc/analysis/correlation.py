"""Correlated samples: how many of them count as one."""

import numpy as np

from mlipbench_hpc.data.frames import Floats


def statistical_inefficiency(series: Floats) -> float:
    """g = 1 + 2 Σ_t C(t), at least 1: so many correlated samples are worth one independent one.

    series (T,), any unit, equally spaced. The sum of the normalised autocorrelation ends where the sum of
    two neighbouring terms first is not positive (Geyer, Stat. Sci. 7, 473 (1992)). A constant series, and
    one of fewer than two samples, gives 1.
    """
    centred = np.asarray(series, dtype=float) - np.mean(series) if len(series) else np.zeros(0)
    variance = float(centred @ centred)
    if len(centred) < 2 or variance <= 0 or not np.isfinite(variance):
        return 1.0
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(centred) // 2 * 2] / variance
    pairs = correlation.reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    return max(1.0, 2 * float(pairs[: ends[0] if len(ends) else None].sum()) - 1)


def correlated_error(series: Floats) -> float:
    """Standard error of the mean of series (T,): σ √(g/T) with ddof = 1; NaN for fewer than two samples."""
    if len(series) < 2:
        return float("nan")
    return float(np.std(series, ddof=1) * np.sqrt(statistical_inefficiency(series) / len(series)))
