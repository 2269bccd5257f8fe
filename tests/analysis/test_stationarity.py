"""Stationarity of series whose answer is known: AR(1), a ramp, a decay."""

import numpy as np
import pytest
from scipy.signal import lfilter

from mlipbench_hpc.analysis.stationarity import equilibration, nonstationary, stationarity


def ar(noise: np.random.Generator, frames: int, phi: float) -> np.ndarray:
    x = np.sqrt(1 - phi**2) * noise.normal(size=frames)
    x[0] = noise.normal()
    return lfilter([1.0], [1.0, -phi], x)


def test_equilibration_of_a_decay() -> None:
    """e^(-t/40) of height 20 in white noise is below it after some 120 to 250 of 2000 frames."""
    noise = np.random.default_rng(0)
    series = 20 * np.exp(-np.arange(2000) / 40) + noise.normal(size=2000)
    discard, inefficiency = equilibration(series)
    assert 80 <= discard <= 300
    assert inefficiency == pytest.approx(1.0, abs=0.2)


def test_nothing_is_discarded_of_white_noise() -> None:
    noise = np.random.default_rng(1)
    discards = [equilibration(noise.normal(size=1000))[0] for _ in range(50)]
    assert np.mean(np.array(discards) > 500) <= 0.05


def test_inefficiency_of_a_long_series() -> None:
    """φ = 0.98: g = (1 + φ)/(1 - φ) = 99, seen from 50 000 frames taken three at a time."""
    assert equilibration(ar(np.random.default_rng(2), 50_000, 0.98))[1] == pytest.approx(99, rel=0.25)


@pytest.mark.whole
@pytest.mark.parametrize("runs", [1, 4])
def test_stationary_series_pass(runs: int) -> None:
    """AR(1), φ = 0.9, 2000 frames (some 105 independent ones): at most 6 % of 200 campaigns are doubted."""
    noise = np.random.default_rng(3)
    doubted = [
        bool(nonstationary([stationarity(ar(noise, 2000, 0.9)) for _ in range(runs)])) for _ in range(200)
    ]
    assert np.mean(doubted) <= 0.06


@pytest.mark.parametrize("runs", [1, 4])
@pytest.mark.parametrize("kind", ["ramp", "decay", "step"])
def test_series_that_move_are_seen(runs: int, kind: str) -> None:
    """A ramp or step of three standard deviations, and a decay as long as the run: seen in at least 90 %."""
    noise, t = np.random.default_rng(4), np.linspace(0, 1, 1000)
    shift = {"ramp": 3 * t, "decay": 6 * np.exp(-3 * t), "step": 3.0 * (t > 0.6)}[kind]
    seen = [
        bool(nonstationary([stationarity(shift + ar(noise, 1000, 0.8)) for _ in range(runs)]))
        for _ in range(50)
    ]
    assert np.mean(seen) >= 0.9


def test_a_run_of_few_independent_frames_cannot_tell() -> None:
    noise = np.random.default_rng(5)
    words = [nonstationary([stationarity(ar(noise, 200, 0.99))]) for _ in range(20)]
    assert np.mean([bool(one) for one in words]) >= 0.9
    assert any("independent frames, at least 10 are needed" in one for one in words)


def test_halves_and_slope_by_hand() -> None:
    result = stationarity(np.arange(10.0))
    assert (result.first, result.second, result.slope) == pytest.approx((2.0, 7.0, 1.0))
