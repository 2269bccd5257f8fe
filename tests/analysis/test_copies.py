"""Near copies among frames of sampling runs, where how long frames stay alike is known."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.copies import Runs
from mlipbench_hpc.analysis.correlation import statistical_inefficiency


def ar1(decay: float, frames: int, seed: int) -> np.ndarray:
    """A series whose correlation falls by `decay` from frame to frame: g = (1 + decay)/(1 - decay)."""
    noise = np.random.default_rng(seed).normal(size=frames)
    for frame in range(1, frames):
        noise[frame] += decay * noise[frame - 1]
    return noise


def test_the_slowest_quantity_says_how_far_apart_frames_are_independent() -> None:
    """Two interleaved runs of 40,000 frames, of g = 19 and 1, beside a quantity that forgets at once."""
    series = np.arange(80_000) % 2
    slow, fast = np.zeros(80_000), np.random.default_rng(0).normal(size=80_000)
    slow[series == 0], slow[series == 1] = ar1(0.9, 40_000, 1), np.random.default_rng(2).normal(size=40_000)
    runs = Runs.of(np.array([fast, slow]), series)
    assert runs.apart[0] == pytest.approx(19, abs=4)
    assert runs.apart[1] <= 2
    assert runs.too_short == frozenset()
    last = 2 * runs.apart[0] - 2
    assert runs.are_copies(0, last)
    assert not runs.are_copies(0, last + 2)
    assert not runs.are_copies(0, 1), "of another run"
    assert not runs.is_new(4, [100, 6])
    assert runs.is_new(4, [100, 7])


def test_a_run_of_few_independent_frames_is_too_short() -> None:
    """A drift over 20 frames is far from ten independent ones; a constant quantity says nothing."""
    drift = np.linspace(0, 1, 20)
    assert statistical_inefficiency(drift) > 2
    runs = Runs.of(np.concatenate([drift, np.zeros(20)])[None], np.repeat([5, 7], 20))
    assert runs.too_short == {5}
    assert runs.apart[7] == 1
    assert Runs.of(np.zeros((1, 9)), np.zeros(9, dtype=int)).too_short == {0}


def test_a_gap_in_a_quantity_is_bridged() -> None:
    values = ar1(0.9, 2000, 3)
    whole = Runs.of(values[None], np.zeros(2000, dtype=int)).apart[0]
    values[::50] = np.nan
    assert Runs.of(values[None], np.zeros(2000, dtype=int)).apart[0] == pytest.approx(whole, rel=0.2)
