"""Stationarity of series whose answer is known: AR(1), a ramp, a decay."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from mlipbench_hpc.analysis.stationarity import (
    LEAST_P,
    Stationarity,
    change,
    equilibration,
    judgement,
    stationarity,
    together,
)


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
    judged = [judgement([stationarity(ar(noise, 2000, 0.9)) for _ in range(runs)]) for _ in range(200)]
    assert np.mean([own.changing or own.too_short for own in judged]) <= 0.06


@pytest.mark.parametrize("runs", [1, 4])
@pytest.mark.parametrize("kind", ["ramp", "decay", "step"])
def test_series_that_move_are_seen(runs: int, kind: str) -> None:
    """A ramp or step of three standard deviations, and a decay as long as the run: seen in at least 90 %."""
    noise, t = np.random.default_rng(4), np.linspace(0, 1, 1000)
    shift = {"ramp": 3 * t, "decay": 6 * np.exp(-3 * t), "step": 3.0 * (t > 0.6)}[kind]
    judged = [judgement([stationarity(shift + ar(noise, 1000, 0.8)) for _ in range(runs)]) for _ in range(50)]
    assert np.mean([own.changing or own.too_short for own in judged]) >= 0.9
    # A single run whose frames are correlated by the shift itself cannot tell it from slow motion.
    assert np.mean([own.changing for own in judged]) >= (0.9 if runs > 1 else 0.0)


@pytest.mark.parametrize("kind", ["ramp", "step"])
def test_a_change_of_one_deviation_is_seen_in_a_long_run(kind: str) -> None:
    """Some 440 independent frames: halves differ by at least half a deviation, five errors or more."""
    noise, t = np.random.default_rng(14), np.linspace(0, 1, 4000)
    shift = {"ramp": t, "step": 1.0 * (t > 0.6)}[kind]
    judged = [judgement([stationarity(shift + ar(noise, 4000, 0.8))]) for _ in range(20)]
    assert np.mean([own.changing for own in judged]) >= 0.9


def test_a_run_of_few_independent_frames_cannot_tell() -> None:
    """φ = 0.99: g = 199, the length of the run; where a run by itself does not show that, another's does."""
    noise = np.random.default_rng(5)
    runs = [stationarity(ar(noise, 200, 0.99)) for _ in range(20)]
    assert np.mean([judgement([own]).too_short for own in runs]) >= 0.8
    assert all(judgement([own.judged_with(199.0)]).too_short for own in runs)


@pytest.mark.whole
def test_windows_shorter_than_the_correlation_cannot_tell() -> None:
    """Four windows of 40 frames of AR(1), φ = 0.98: g = 99, so that all of them hold 1.6 independent frames.

    By themselves most of them pass; with the time of four runs of 2000 frames none does.
    """
    noise = np.random.default_rng(6)
    runs = [[stationarity(ar(noise, 40, 0.98)) for _ in range(4)] for _ in range(50)]
    alone = [judgement(own) for own in runs]
    known = np.mean([stationarity(ar(noise, 2000, 0.98)).inefficiency for _ in range(4)])
    assert known == pytest.approx(99, rel=0.5)
    informed = [judgement([run.judged_with(known) for run in own]) for own in runs]
    assert np.mean([not own.changing and not own.too_short for own in alone]) >= 0.5
    assert all(own.too_short or own.changing for own in informed)
    assert np.mean([own.changing for own in informed]) <= 0.06


def test_a_slow_series_that_rests_at_its_end_has_no_incredible_p() -> None:
    """Waters in the first layer as in a run of 70 frames: 12 to 13, then 10 with two exceptions."""
    waters = np.array([12.0] * 14 + [13.0] * 12 + [12.0] * 8 + [11.0] * 5 + [10.0] * 31)
    waters[[45, 60]] = 11.0
    own = judgement([stationarity(waters)])
    assert own.independent < 5
    assert own.too_short
    assert not own.tested
    assert stationarity(waters).p >= LEAST_P


def described(first: float, second: float, error: float = 0.3, dof: float = 9.0) -> Stationarity:
    return Stationarity(100, 0, 5.0, 20.0, first, second, error, dof, 0.0)


def test_the_change_of_halves_against_scipy() -> None:
    """Of four runs the paired t test; of two the mean with √(0.3² + 0.3²)/2 of 9 degrees."""
    apart = np.array([0.33, 0.85, 0.70, 1.07])
    own = change([described(1.0, 1.0 + one) for one in apart])
    assert own.difference == pytest.approx(apart.mean())
    assert own.p == pytest.approx(stats.ttest_1samp(apart, 0.0).pvalue)
    pair = change([described(1.0, 1.5), described(1.0, 1.3)])
    assert pair.p == pytest.approx(2 * stats.t.sf(0.4 / (0.3 / 2**0.5), 9))
    assert change([described(0.0, 90.0)]).p == LEAST_P
    assert change([described(1.0, 1.0, 0.0)] * 3).p == 1.0


def test_a_longer_time_from_elsewhere_by_hand() -> None:
    """Halves of 50 frames hold 10 independent ones; with g = 20 they hold 2.5, and errors double."""
    own = described(0.0, 1.0).judged_with(20.0)
    assert (own.inefficiency, own.independent, own.error, own.dof) == pytest.approx((20.0, 5.0, 0.6, 1.5))
    assert described(0.0, 1.0).judged_with(2.0) == described(0.0, 1.0)
    assert np.isnan(described(0.0, 1.0).judged_with(40.0).p)


def test_ions_together_by_hand() -> None:
    own = together([described(1.0, 2.0, 0.2, 5.0), described(3.0, 3.5, 0.4, 9.0)])
    assert (own.first, own.second, own.error, own.dof) == pytest.approx((2.0, 2.75, 0.3, 5.0))


def test_halves_and_slope_by_hand() -> None:
    result = stationarity(np.arange(10.0))
    assert (result.first, result.second, result.slope) == pytest.approx((2.0, 7.0, 1.0))
