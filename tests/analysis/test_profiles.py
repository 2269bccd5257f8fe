"""Profiles of interfaces made by hand: every number below follows from where atoms were put."""

import numpy as np
import pytest
from interface import CELL, LX, LY, LZ, TOP, Interface, slab, water

from mlipbench_hpc.analysis import correlation
from mlipbench_hpc.analysis.correlation import correlated_error, statistical_inefficiency
from mlipbench_hpc.analysis.onepass import block_sums
from mlipbench_hpc.analysis.profiles import (
    MOL_PER_L,
    TOTAL_ORIENTATION,
    WATER_G_PER_CM3,
    Profiler,
    pieces,
    ratio,
)
from mlipbench_hpc.analysis.slab import Slab
from mlipbench_hpc.analysis.surface import surface

GOLD = 79
HEIGHTS, COSINES = [2.05, 3.25, 3.26, 7.05], [-1.0, 0.5, -0.5, 0.25]
ONE_SIDED = slab(HEIGHTS, COSINES, [(4.0, 4.0, 2.55)])


def profiler(frame: Interface, width: float = 0.1, cell: np.ndarray = CELL) -> Profiler:
    return Profiler.of(frame.numbers, frame.positions, cell, GOLD, width)


def per_frame(result: Profiler, positions: np.ndarray) -> dict[str, np.ndarray]:
    """What each frame adds, (F, B): every frame counts for a row of its own."""
    sums, dipole = block_sums(result, [positions], np.eye(len(positions)), 1)
    return {name: part[0] for name, part in sums.items()} | (
        {TOTAL_ORIENTATION: dipole[:, None]} if result.faces else {}
    )


def at(result: Profiler, values: np.ndarray, z: float) -> float:
    """The value of the bin that holds z."""
    return float(values[np.abs(result.z - z).argmin()])


def test_counts_and_units_by_hand() -> None:
    product = profiler(ONE_SIDED)
    result = {name: values[0] for name, values in per_frame(product, ONE_SIDED.positions[None]).items()}
    volume = LX * LY * 0.1
    # one water is 18.015 g/mol: 18.015/6.02214e23 g in so many Å³, 1e-24 cm³ each
    assert pytest.approx(18.015 / 0.602214076, rel=2e-5) == WATER_G_PER_CM3
    assert pytest.approx(1e27 / 6.02214076e23) == MOL_PER_L
    assert at(product, result["density"], 2.05) == pytest.approx(29.91461129513685 / volume)
    assert at(product, result["density"], 3.25) == pytest.approx(2 * 29.91461129513685 / volume)
    assert result["density"].sum() * volume == pytest.approx(4 * 29.91461129513685)
    assert at(product, result["orientation"], 2.05) == pytest.approx(-29.91461129513685 / volume)
    assert at(product, result["orientation"], 3.25) == pytest.approx(0, abs=1e-9)
    assert at(product, result["concentration-Na"], 2.55) == pytest.approx(1660.5390671738467 / volume)
    assert result["total_orientation"].sum() == pytest.approx(sum(COSINES))
    assert set(result) == {"density", "orientation", "concentration-Na", "total_orientation"}


def test_bins_are_half_open_between_multiples_and_whole_within_the_cell() -> None:
    result = profiler(ONE_SIDED, width=0.7)
    assert result.z[0] - 1.05 < -LZ / 4 <= result.z[0] - 0.35
    assert result.z[-1] + 0.35 <= 3 * LZ / 4 < result.z[-1] + 1.05
    assert (result.z / 0.7 - 0.5) == pytest.approx(np.rint(result.z / 0.7 - 0.5))
    # numbers that binary holds exactly: a height of 0.5 belongs to the bin that begins there
    frame = slab([0.0, 0.0], [0.0, 0.0], [])
    frame.positions[:, 2] = np.where(frame.numbers == GOLD, frame.positions[:, 2] - TOP, 2.0)
    frame.positions[[27, 30], 2] = 0.5, 0.75 - 1e-9
    result = profiler(frame, width=0.25)
    density = per_frame(result, frame.positions[None])["density"][0]
    assert result.z[density > 0].tolist() == [0.625]


@pytest.mark.parametrize("shift", [(0, 0, 0), (3.3, -8.1, -4.4), (0, 0, 33.7), (100.0, 3.0, -81.0)])
def test_where_the_cell_begins_does_not_matter(shift: tuple[float, float, float]) -> None:
    expected = per_frame(profiler(ONE_SIDED), ONE_SIDED.positions[None])
    moved = ONE_SIDED.moved(np.array(shift)).wrapped()
    result = per_frame(profiler(moved), moved.positions[None])
    for name, values in expected.items():
        np.testing.assert_allclose(result[name], values, atol=1e-9, err_msg=name)


def test_a_layer_on_the_boundary_has_its_true_mean_frame_by_frame() -> None:
    frame = ONE_SIDED.moved(np.array([0, 0, -TOP]))
    result = profiler(frame)
    rattled = np.repeat(frame.positions[None], 2, axis=0)
    rattled[1, 18:27, 2] += np.array([0.3, -0.3, 0.3, -0.3, 0, 0, 0.1, -0.1, 0]) + 0.9
    rattled -= np.floor(rattled / np.diag(CELL)) * np.diag(CELL)
    heights = result.faces[0].heights(rattled, CELL, result.waters.oxygens)
    np.testing.assert_allclose(heights, [HEIGHTS, np.array(HEIGHTS) - 0.9])


def test_below_the_plane_is_below_and_not_on_top() -> None:
    frame = slab([-0.45, 2.05], [0.0, 0.0], [])
    result = profiler(frame)
    heights = result.faces[0].heights(frame.positions[None], CELL, result.waters.oxygens)
    np.testing.assert_allclose(heights, [[-0.45, 2.05]])


def test_two_faces_give_the_symmetrised_profile() -> None:
    """(ρ(z) + ρ(L-z))/2 and (f(z) - f(L-z))/2, L from layer to layer through the water."""
    between = LZ - 4.8
    one = [2.05, 3.15, between - 2.05, between - 4.35]
    frame = slab(one, [-0.8, 0.5, 0.6, -0.2], [(1.0, 1.0, 5.05)])
    product = profiler(frame)
    assert [face.normal for face in product.faces] == [1.0, -1.0]
    result = {name: values[0] for name, values in per_frame(product, frame.positions[None]).items()}
    unit = WATER_G_PER_CM3 / (LX * LY * 0.1)
    assert at(product, result["density"], 2.05) == pytest.approx(unit)
    assert at(product, result["density"], 3.15) == pytest.approx(unit / 2)
    assert at(product, result["orientation"], 2.05) == pytest.approx(unit * (-0.8 - 0.6) / 2)
    assert at(product, result["orientation"], 4.35) == pytest.approx(unit * 0.2 / 2)
    assert at(product, result["concentration-Na"], 5.05) == pytest.approx(MOL_PER_L / (LX * LY * 0.1) / 2)
    assert result["total_orientation"][0] == pytest.approx(-0.8 + 0.5 + 0.6 - 0.2)


def test_without_slab_densities_alone_from_the_origin() -> None:
    frame = Interface(np.array([8, 1, 1]), water(np.array([1.0, 1.0, -0.05]), np.array([0, 0, 1.0])))
    product = profiler(frame, cell=np.diag([9.0, 9.0, 9.0]))
    result = per_frame(product, frame.positions[None])
    assert set(result) == {"density"}
    assert at(product, result["density"][0], 8.95) > 0


def test_metal_without_a_surface_and_unfit_cells_are_refused() -> None:
    numbers, positions = np.full(4, GOLD), np.array([[0, 0, z] for z in (0.0, 2.5, 5.0, 7.5)])
    with pytest.raises(ValueError, match=r"widest gap along z is 2\.50 Å"):
        surface(numbers, positions[None], np.diag([3.0, 3.0, 10.0]), Slab((GOLD,)))
    assert surface(np.array([8]), np.zeros((1, 1, 3)), CELL, Slab((GOLD,))).faces == ()
    with pytest.raises(ValueError, match="a along x and b in the xy plane"):
        Profiler.of(numbers, positions, np.zeros((3, 3)), GOLD, 0.1)


def test_broken_molecules_leave_dipole_and_water_density_and_have_a_profile_of_their_own() -> None:
    frame = slab([2.05, 5.05, 8.05], [0.4, -0.9, 0.1], [])
    frame.positions[27 + 4] += [0.0, 0.0, 6.0]  # an H of the second molecule, far from every O
    product = profiler(frame)
    assert (len(product.waters.intact), product.waters.left_out) == (2, 1)
    result = per_frame(product, frame.positions[None])
    assert result["total_orientation"][0, 0] == pytest.approx(0.4 + 0.1)
    assert result["density"].sum() == pytest.approx(2 * result["hydroxide"].sum())


def noisy(frames: int) -> tuple[Profiler, np.ndarray]:
    noise = np.random.default_rng(1).normal(scale=0.03, size=(frames, *ONE_SIDED.positions.shape))
    return profiler(ONE_SIDED), ONE_SIDED.positions + noise


@pytest.mark.parametrize("size", [1, 7, 23])
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    product, positions = noisy(23)
    weights = np.random.default_rng(2).normal(size=(2, 23))
    whole = per_frame(product, positions)
    parts = [(part, per_frame(product, positions[part])) for part in pieces(23, size)]
    result = {name: sum(weights[:, part] @ own[name] for part, own in parts) for name in whole}
    for name, values in whole.items():
        np.testing.assert_allclose(result[name], weights @ values, rtol=1e-12, atol=1e-12)


def test_ratio_by_hand() -> None:
    above = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    below = np.array([[2.0, 0.0, 4.0], [2.0, 0.0, 0.0]])
    value, error = ratio(above, below)
    np.testing.assert_allclose(value, [1.0, np.nan, 0.5])
    # residuals -1 and 1: std √2, over √2 blocks, over the mean 2; of one block nothing is known
    np.testing.assert_allclose(error, [0.5, np.nan, np.nan])


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_inefficiency_of_an_autoregressive_series(phi: float) -> None:
    """AR(1): g = (1 + φ)/(1 - φ)."""
    noise = np.random.default_rng(4).normal(size=200_000)
    series = np.zeros_like(noise)
    for t in range(1, len(noise)):
        series[t] = phi * series[t - 1] + noise[t]
    expected = (1 + phi) / (1 - phi)
    assert statistical_inefficiency(series) == pytest.approx(expected, rel=0.1)
    naive = series.std(ddof=1) / np.sqrt(len(series))
    assert correlated_error(series) == pytest.approx(naive * np.sqrt(expected), rel=0.05)


@pytest.mark.parametrize("frames", [4999, 5000])
def test_long_series_are_taken_some_lags_at_a_time(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that forgets itself within a few lags, and one that never does."""
    noise = np.random.default_rng(5).normal(size=frames)
    for series in (noise, np.cumsum(noise), np.arange(frames) + noise):
        whole = statistical_inefficiency(series)
        with monkeypatch.context() as patched:
            patched.setattr(correlation, "AT_ONCE", 100)
            patched.setattr(correlation, "WINDOW", 128)
            assert statistical_inefficiency(series) == pytest.approx(whole, rel=1e-9)


def test_inefficiency_of_almost_nothing() -> None:
    assert [statistical_inefficiency(np.array(x)) for x in ([], [1.0], [2.0, 2.0, 2.0])] == [1.0, 1.0, 1.0]
    assert np.isnan(correlated_error(np.array([1.0])))
