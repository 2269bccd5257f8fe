"""Variance of temperatures beside the canonical one: false positives of AR(1) series, bias, power."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.canonical import fluctuation, together
from mlipbench_hpc.analysis.inference import LEVEL, holm_of_table

ATOMS, KELVIN = 48, 300.0
CANONICAL = np.sqrt(2 * KELVIN**2 / (3 * ATOMS))


def correlated(frames: int, tau: float, runs: int, seed: int = 0) -> np.ndarray:
    """Temperatures (runs, frames) of an AR(1) process with the canonical variance; tau in frames."""
    noise = np.random.default_rng(seed).normal(size=(runs, frames))
    keep = np.exp(-1 / tau)
    series = noise.copy()
    for frame in range(1, frames):
        series[:, frame] = keep * series[:, frame - 1] + np.sqrt(1 - keep**2) * noise[:, frame]
    return KELVIN + CANONICAL * series


@pytest.mark.parametrize(("frames", "tau"), [(60, 2), (60, 5), (60, 10), (200, 20), (1000, 20)])
def test_tables_of_canonical_series_are_rarely_flagged(frames: int, tau: float) -> None:
    """Of 150 tables of twelve windows, Holm-corrected, at most one in ten has a false positive."""
    runs = correlated(frames, tau, 12 * 150)
    p = np.array([fluctuation(own, ATOMS, KELVIN).p for own in runs]).reshape(150, 12)
    flagged = [np.nanmin(holm_of_table(own), initial=1.0) <= LEVEL for own in p]
    assert np.mean(flagged) < 0.1


def test_a_short_window_is_not_biased_low() -> None:
    """Of ten independent frames the plain variance is a tenth too small."""
    runs = correlated(400, 20, 1000)
    assert np.mean(runs.var(axis=1)) / CANONICAL**2 < 0.93
    known = 40.0  # statistical inefficiency of an AR(1) process, (1 + a)/(1 - a)
    assert np.mean([fluctuation(own, ATOMS, KELVIN, known).ratio for own in runs]) == pytest.approx(
        1, abs=0.04
    )


def test_half_the_variance_is_found_with_enough_frames() -> None:
    runs = KELVIN + (correlated(4000, 5, 50) - KELVIN) / np.sqrt(2)
    every = [fluctuation(own, ATOMS, KELVIN) for own in runs]
    assert np.mean([own.ratio for own in every]) == pytest.approx(0.5, abs=0.02)
    assert all(own.p < 0.001 for own in every)


def test_errors_hold_the_scatter() -> None:
    every = [fluctuation(own, ATOMS, KELVIN) for own in correlated(4000, 5, 200)]
    scatter = np.std([own.ratio for own in every], ddof=1)
    assert scatter < np.mean([own.error for own in every]) < 1.6 * scatter, (
        "not below, for g is of the series"
    )


def test_too_few_independent_frames_have_no_p() -> None:
    """A known inefficiency of 30 frames leaves 20 of 600, and 40 of two runs."""
    (series,) = correlated(600, 1, 1)
    alone = fluctuation(series, ATOMS, KELVIN, 30.0)
    assert alone.independent == 20
    assert np.isnan(alone.p)
    both = together([alone, alone])
    assert both is not None
    assert (both.independent, both.ratio) == (40, alone.ratio)
    assert np.isfinite(both.p)
    assert together([]) is None
    assert np.isnan(fluctuation(series, ATOMS, KELVIN, 700.0).ratio)
