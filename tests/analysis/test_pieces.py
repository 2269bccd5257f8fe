"""Errors from pieces of blocks: by hand, against the series itself, and their coverage in AR(1) series."""

import numpy as np
import pytest
from scipy.signal import lfilter

from mlipbench_hpc.analysis import pieces
from mlipbench_hpc.analysis.blocks import block_average
from mlipbench_hpc.analysis.correlation import correlated_error, statistical_inefficiency
from mlipbench_hpc.data.frames import Floats

BLOCKS = 10


def ar(random: np.random.Generator, frames: int, phi: float, series: int) -> Floats:
    """Stationary AR(1) series (frames, series) of unit variance; g = (1 + φ)/(1 - φ)."""
    noise = np.sqrt(1 - phi**2) * random.normal(size=(frames, series))
    noise[0] = random.normal(size=series)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=0))


def both_errors(series: Floats) -> pieces.Errors:
    """Errors of the means of series (T, ...) from whole blocks."""
    length = len(series) // BLOCKS
    each, used = min(pieces.PIECES, length), length * BLOCKS
    place = pieces.piece_of(np.arange(used), length, each)
    sums = np.zeros((BLOCKS * each, *series.shape[1:]))
    np.add.at(sums, place, series[:used])
    deviations = pieces.of_mean(sums * (each / length), pieces.shares(used, length, each))
    return pieces.errors(block_average(series, BLOCKS).standard_error, deviations)


def test_inefficiencies_are_those_of_each_series() -> None:
    series = ar(np.random.default_rng(0), 301, 0.7, 6)
    series[:, 4], series[3, 5] = 2.0, np.nan
    expected = [statistical_inefficiency(row) for row in series[:, :4].T]
    assert pieces.inefficiencies(series)[:4] == pytest.approx(expected)
    assert pieces.inefficiencies(series)[4:].tolist() == [1.0, 1.0]


def test_pieces_of_one_frame_are_the_series_itself() -> None:
    series = ar(np.random.default_rng(1), 10 * pieces.PIECES, 0.8, 5)
    error = both_errors(series)
    assert error.correlated == pytest.approx([correlated_error(row) for row in series.T])
    assert error.blocks == pytest.approx(block_average(series).standard_error)
    assert (error.larger == np.maximum(error.blocks, error.correlated)).all()


def test_pieces_of_unequal_length_are_no_scatter() -> None:
    """Blocks of 47 frames in 20 pieces of two or three: a constant has no error, and lengths add up."""
    length = 47
    places = pieces.piece_of(np.arange(10 * length), length, 20)
    borders = [length * block - (-length * piece // 20) for block in range(10) for piece in range(20)]
    assert np.flatnonzero(np.diff(places, prepend=-1)).tolist() == borders
    assert set(np.bincount(places)) == {2, 3}
    assert both_errors(np.full((470, 2), 3.0)).larger == pytest.approx([0.0, 0.0], abs=1e-12)


def test_deviations_of_a_ratio_and_of_a_statistic_by_hand() -> None:
    """R = 3/2 of (1, 1), (5, 3): (above - R below)/<below>; of a mean leaving out pieces gives deviations."""
    above, below = np.array([1.0, 5.0]), np.array([1.0, 3.0])
    assert pieces.of_ratio(above, below).tolist() == [-0.25, 0.25]
    parts, lengths = np.array([[1.0, 4.0], [2.0, 6.0], [6.0, 2.0]]), np.array([0.75, 0.75, 1.5])
    expected = parts - lengths[:, None] * np.array([3.0, 4.0])
    assert pieces.of_mean(parts, lengths) == pytest.approx(expected)
    assert pieces.of_statistic(parts, lengths, lambda mean: mean) == pytest.approx(expected)


@pytest.mark.parametrize(("phi", "frames"), [(0.0, 160), (0.9, 400), (0.9, 2000), (0.98, 2500), (0.98, 5000)])
def test_coverage_of_the_larger_error(phi: float, frames: int) -> None:
    """Of 95 % at least 90 % where the run is long enough: 160, 21, 105, 25 and 51 independent frames.

    Bins are independent series; blocks alone cover 88 % of the second.
    """
    series = ar(np.random.default_rng(2), frames, phi, 1000)
    error = both_errors(series)
    judged = ~error.doubtful
    inside = np.abs(series.mean(axis=0)) <= 2 * error.larger
    assert judged.mean() > 0.5
    assert inside[judged].mean() >= 0.90
    assert np.median(error.larger) < 1.35 / np.sqrt(frames * (1 - phi) / (1 + phi))


@pytest.mark.parametrize(("frames", "share"), [(495, 0.95), (990, 0.7)])
def test_a_run_of_few_independent_frames_is_not_judged(frames: int, share: float) -> None:
    """Five and ten autocorrelation times; a bin that is always empty has nothing to judge."""
    series = ar(np.random.default_rng(3), frames, 0.98, 400)
    series[:, ::7] = 0.0
    doubtful = both_errors(series).doubtful
    assert not doubtful[::7].any()
    assert doubtful.sum() >= share * (400 - len(doubtful[::7]))
