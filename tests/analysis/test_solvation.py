"""Coordination against height, layers and stays of ions: solved by hand, and exact properties."""

import numpy as np
import pytest

from mlipbench_hpc.analysis import solvation
from mlipbench_hpc.analysis.ion_layers import IonLayers, ion_layers
from mlipbench_hpc.analysis.solvation import Layer, Representative, Stays


def test_bins_are_whole_multiples_and_hold_all_heights() -> None:
    heights = np.array([[2.0, 2.19], [2.2, 2.59]])
    edges = solvation.bins(heights, 0.2)
    np.testing.assert_allclose(edges, [2.0, 2.2, 2.4, 2.6])
    assert solvation.places(heights, edges).tolist() == [[0, 0], [1, 2]]


def test_sums_by_block_and_bin_by_hand() -> None:
    """Two ions in five frames, two blocks of two: the fifth frame and what is outside are left out."""
    where = np.array([[0, 1], [0, 0], [1, 1], [-1, 1], [0, 0]])
    neighbours = np.array([[4, 6], [5, 3], [6, 6], [9, 5], [1, 1]], dtype=np.uint8)
    got = solvation.sums(neighbours, where, 2, 2)
    assert got.tolist() == [[[12, 6], [3, 1]], [[0, 17], [0, 3]]]


def test_a_mean_of_equal_blocks_has_their_standard_error() -> None:
    """With as many samples in every block the jackknife is std/√N (Efron)."""
    means = np.array([4.0, 5.0, 6.0, 5.0, 5.5])
    blocks = np.stack([100 * means, np.full(5, 100.0)], axis=1)[:, :, None]
    got = solvation.coordination([blocks])
    assert got.mean[0] == pytest.approx(5.1)
    assert got.error[0] == pytest.approx(means.std(ddof=1) / np.sqrt(5))
    assert got.samples[0] == 500


def test_runs_that_differ_by_more_than_their_blocks_widen_the_error() -> None:
    runs = [np.tile(np.array([[[mean], [1.0]]]), (6, 1, 1)) for mean in (4.0, 6.0)]
    got = solvation.coordination(runs)
    assert got.mean[0] == pytest.approx(5.0)
    assert got.error[0] == pytest.approx(1.0), "std of 4 and 6 over √2"


def test_few_blocks_give_a_mean_without_error_and_none_give_nothing() -> None:
    blocks = np.zeros((8, 2, 2))
    blocks[:4, :, 0] = [5.0, 1.0]
    got = solvation.coordination([blocks])
    assert got.mean[0] == pytest.approx(5.0)
    assert np.isnan([got.error[0], got.mean[1], got.error[1]]).all()


def test_one_peak_is_a_layer_with_the_core_of_a_gaussian() -> None:
    """Width of the core: full width at half maximum of the Gaussian with the smoothing's variance."""
    heights = np.random.default_rng(0).normal(4.0, 0.3, size=(20_000, 2))
    assert ion_layers(heights) is None
    (layer,) = solvation.layers(heights, None)
    width = 2.3548 * np.hypot(0.3, 0.2)
    assert layer.peak == pytest.approx(4.0, abs=0.06)
    assert layer.core[1] - layer.core[0] == pytest.approx(width, abs=0.12)
    inside = solvation.cores(np.array([[4.0, 9.0]]), [layer])
    assert inside.tolist() == [[0, -1]]


def test_two_layers_are_those_of_the_density() -> None:
    generator = np.random.default_rng(1)
    heights = np.concatenate([generator.normal(3.4, 0.1, 4000), generator.normal(4.6, 0.1, 4000)])
    two = ion_layers(heights)
    inner, outer = solvation.layers(heights, two)
    assert (inner.peak, outer.peak) == pytest.approx((3.4, 4.6), abs=0.06)
    assert solvation.cores(np.array([[3.3, 4.0, 4.7]]), [inner, outer]).tolist() == [[0, -1, 1]]


def test_stays_count_time_over_departures() -> None:
    """Of two ions, one leaves the inner layer once after three frames, one never does."""
    visits = np.array([[0, 0], [0, 0], [0, 0], [1, 0], [1, 0], [0, 0]])
    assert solvation.stays(visits, 0, 0.5) == Stays(5.0, 1)
    assert solvation.stays(visits, 1, 0.5) == Stays(1.0, 1)
    assert np.isnan(Stays(5.0, 1).mean_ps)


def test_exponential_stays_are_found_although_the_run_cuts_them() -> None:
    """A two-state Markov chain that leaves with probability 1/50 a frame stays 50 frames."""
    generator = np.random.default_rng(2)
    visits = np.zeros((4000, 8), dtype=int)
    for frame in range(1, len(visits)):
        visits[frame] = visits[frame - 1] ^ (generator.random(8) < 1 / 50)
    got = solvation.stays(visits, 0, 1.0)
    assert abs(got.mean_ps - 50) < 4 * got.error_ps
    assert got.error_ps == pytest.approx(got.mean_ps / np.sqrt(got.departures))


def test_the_snapshot_is_the_ion_nearest_the_mean_of_all_runs() -> None:
    heights = [np.array([[3.0], [3.3], [9.0]]), np.array([[3.6], [3.35]])]
    neighbours = [np.array([[4], [5], [1]]), np.array([[6], [5]])]
    chosen = [own < 5 for own in heights]
    assert solvation.representative(heights, neighbours, chosen) == Representative(0, 1, 0)
    heights[1][0] = 3.9
    assert solvation.representative(heights, neighbours, chosen) == Representative(1, 1, 0), "mean 3.3875"
    assert solvation.representative(heights, neighbours, [own > 99 for own in heights]) is None


def test_equal_ions_are_all_at_the_mean() -> None:
    heights, neighbours = [np.full((2, 2), 4.0)], [np.full((2, 2), 6)]
    chosen = [np.array([[False, True], [True, True]])]
    assert solvation.representative(heights, neighbours, chosen) == Representative(0, 0, 1)


def test_ions_far_beyond_the_outer_layer_are_in_none() -> None:
    """Peaks at 3.4 and 4.6 Å, cores up to 3.6 and from 4.4: an ion at 9 Å is of neither layer."""
    two = IonLayers((3.4, 4.6), 4.0, (3.6, 4.4))
    every = solvation.layers(np.array([3.4, 4.6, 9.0]), two)
    assert [own.core for own in every] == [pytest.approx((3.2, 3.6)), pytest.approx((4.4, 4.8))]
    assert solvation.cores(np.array([[3.4, 4.6, 9.0, 2.0]]), every).tolist() == [[0, 1, -1, -1]]


def test_cores_of_open_layers() -> None:
    every = [Layer(3.4, (-np.inf, 3.6)), Layer(4.6, (4.4, np.inf))]
    assert solvation.cores(np.array([[0.0, 3.6, 3.7, 4.4, 20.0]]), every).tolist() == [[0, 0, -1, 1, 1]]
