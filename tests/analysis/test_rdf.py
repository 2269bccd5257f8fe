"""g(r) against the ideal gas, a lattice counted by hand, and MDAnalysis."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.geometry import minimum_image, perpendicular_widths
from mlipbench_hpc.analysis.rdf import largest_radius, radial_distribution

TRICLINIC = np.array([[10.0, 0.0, 0.0], [3.0, 9.0, 0.0], [-2.0, 4.0, 11.0]])


def repeated(cell: np.ndarray, frames: int) -> np.ndarray:
    return np.broadcast_to(cell, (frames, 3, 3))


def gas(cell: np.ndarray, frames: int, atoms: int, seed: int = 0) -> np.ndarray:
    """Uniform points, some of them outside the cell: (F, N, 3) Å."""
    return np.random.default_rng(seed).uniform(-1, 2, size=(frames, atoms, 3)) @ cell


@pytest.mark.parametrize("cell", [np.diag([9.0, 10.0, 12.0]), TRICLINIC])
def test_ideal_gas_is_one(cell: np.ndarray) -> None:
    positions, everyone = gas(cell, 400, 40), np.arange(40)
    r_max = largest_radius(repeated(cell, 1))
    for first, second in ((everyone, everyone), (everyone[:15], everyone[15:])):
        result = radial_distribution(positions, repeated(cell, 400), first, second, r_max, 0.4)
        pull = (result.average.mean - 1) / result.average.standard_error
        assert np.abs(result.average.mean[3:] - 1).max() < 0.05
        assert np.sqrt(np.mean(pull**2)) < 2.0


def test_simple_cubic_shells() -> None:
    """Lattice constant a = 2.06 Å: 6 neighbours at a, 12 at √2 a, 8 at √3 a, 6 at 2 a."""
    grid = 2.06 * np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).reshape(1, -1, 3)
    cell, everyone = 12.36 * np.eye(3), np.arange(216)
    result = radial_distribution(grid, cell[None], everyone, everyone, 4.5, 0.1, blocks=2)
    expected = {1.95: 0, 2.05: 6, 2.85: 6, 2.95: 18, 3.45: 18, 3.55: 26, 4.05: 26, 4.15: 32}
    for r, neighbours in expected.items():
        assert result.coordination[np.abs(result.r - r).argmin()] == neighbours
    occupied = result.r[result.average.mean > 0]
    np.testing.assert_allclose(occupied, [2.05, 2.95, 3.55, 4.15])
    shell = 4 / 3 * np.pi * (2.1**3 - 2.0**3)
    assert result.average.mean[20] == pytest.approx(6 * 12.36**3 / (215 * shell))
    assert result.average.reason is not None
    assert np.isnan(result.average.standard_error).all()


def test_half_open_bins_and_growing_cell() -> None:
    """Two atoms 3 Å apart in cells of 10 and 12 Å: g in [3.0, 3.5) is the mean of V/shell."""
    positions = np.array([[[0.0, 0, 0], [3.0, 0, 0]]] * 2)
    cells = np.array([np.eye(3) * 10.0, np.eye(3) * 12.0])
    result = radial_distribution(positions, cells, np.array([0]), np.array([1]), 5.0, 0.5, blocks=2)
    shell = 4 / 3 * np.pi * (3.5**3 - 3.0**3)
    expected = np.array([1000.0, 1728.0]) / shell
    assert result.average.mean[6] == pytest.approx(expected.mean())
    assert result.average.standard_error[6] == pytest.approx(abs(expected[0] - expected[1]) / 2)
    assert np.count_nonzero(result.average.mean) == 1


@pytest.mark.parametrize("cell", [np.diag([9.0, 10.0, 12.0]), TRICLINIC])
def test_equals_mdanalysis(cell: np.ndarray) -> None:
    mda = pytest.importorskip("MDAnalysis")
    from MDAnalysis.analysis.rdf import InterRDF
    from MDAnalysis.lib.mdamath import triclinic_box

    positions = gas(cell, 30, 60, seed=2).astype(np.float32)
    positions[:, 1::2] = positions[:, ::2] + np.float32(1.1)
    universe = mda.Universe.empty(60, trajectory=True)
    universe.load_new(positions, dimensions=np.repeat(triclinic_box(*cell)[None], 30, axis=0))
    one, other = universe.atoms[:20], universe.atoms[20:]
    r_max = 0.1 * int(10 * largest_radius(repeated(cell, 1)))
    bins = round(r_max / 0.1)
    for pair, exclusion in (((one, one), (1, 1)), ((one, other), None)):
        theirs = InterRDF(*pair, nbins=bins, range=(0.0, r_max), exclusion_block=exclusion).run()
        ours = radial_distribution(
            positions, repeated(cell, 30), pair[0].indices, pair[1].indices, r_max, 0.1, blocks=10
        )
        # float32 distances: single pairs may change bins there
        assert np.count_nonzero(~np.isclose(ours.average.mean, theirs.results.rdf, rtol=1e-4)) <= 2
        np.testing.assert_allclose(ours.average.mean.sum(), theirs.results.rdf.sum(), rtol=2e-3)


def test_remainder_is_dropped_from_mean_and_error() -> None:
    cell = np.diag([9.0, 10.0, 12.0])
    positions, everyone = gas(cell, 43, 20), np.arange(20)
    whole = radial_distribution(positions[:40], repeated(cell, 40), everyone, everyone, 4.0, 0.5)
    longer = radial_distribution(positions, repeated(cell, 43), everyone, everyone, 4.0, 0.5)
    np.testing.assert_array_equal(whole.average.mean, longer.average.mean)
    np.testing.assert_array_equal(whole.average.standard_error, longer.average.standard_error)
    assert (longer.average.dropped, longer.average.block_length) == (3, 4)


def test_refusals() -> None:
    cell, positions, one = TRICLINIC[None], np.zeros((1, 4, 3)), np.array([0, 1])
    allowed = perpendicular_widths(TRICLINIC).min() / 2
    with pytest.raises(ValueError, match=f"at most {allowed:.4f} Å"):
        radial_distribution(positions, cell, one, one, allowed + 0.01, 0.1)
    with pytest.raises(ValueError, match="two groups apart"):
        radial_distribution(positions, cell, one, np.array([1, 2]), 2.0, 0.1)
    with pytest.raises(ValueError, match="got 0 and 2 atoms"):
        radial_distribution(positions, cell, one[:0], one, 2.0, 0.1)
    with pytest.raises(ValueError, match="bin width"):
        radial_distribution(positions, cell, one, one, 2.0, 0.0)
    with pytest.raises(ValueError, match=r"positions \(F, N, 3\)"):
        radial_distribution(positions[0], cell, one, one, 2.0, 0.1)


def test_widths_and_minimum_image_against_brute_force() -> None:
    # the cell's volume is 990; |b x c| = |(99, -22, ... )| by hand for the first face
    np.testing.assert_allclose(perpendicular_widths(TRICLINIC)[2], 11.0)
    allowed = perpendicular_widths(TRICLINIC).min() / 2
    vectors = gas(TRICLINIC, 1, 500, seed=3)[0]
    shifts = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3), axis=-1).reshape(-1, 3) @ TRICLINIC
    brute = np.linalg.norm(vectors[:, None] + shifts[None], axis=-1).min(axis=1)
    ours = np.linalg.norm(minimum_image(vectors, TRICLINIC), axis=-1)
    near = brute < allowed
    assert near.sum() > 20
    np.testing.assert_allclose(ours[near], brute[near], atol=1e-9)
