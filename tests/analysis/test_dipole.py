"""P_z of single frames and the line of a slab's dipole over it."""

import numpy as np
import pytest
from interface import CELL, LZ, slab
from scipy.stats import linregress

from mlipbench_hpc.analysis.dipole import VOLT_A, total_dipole, trend

GOLD = 79


def test_the_sum_of_cosines_along_the_outward_normal() -> None:
    cosines = [0.9, -0.4, 0.2]
    one = slab([2.0, 4.0, 6.0], cosines, [(4.0, 4.0, 9.0)])
    found = total_dipole(one.numbers, one.positions, CELL, GOLD)
    assert found == pytest.approx((sum(cosines), 1.0), abs=1e-12)
    shifted = one.moved(np.array([5.0, 1.0, 0.6 * LZ])).wrapped()
    assert total_dipole(shifted.numbers, shifted.positions, CELL, GOLD)[0] == pytest.approx(sum(cosines))


def test_under_the_slab_the_normal_points_down() -> None:
    one = slab([2.0, 4.0], [0.9, -0.4], [])
    upside_down = one.positions * [1.0, -1.0, -1.0]
    assert total_dipole(one.numbers, upside_down, CELL, GOLD) == pytest.approx((0.5, -1.0), abs=1e-12)


def test_without_surface_or_water_there_is_none() -> None:
    one = slab([2.0], [0.5], [])
    with pytest.raises(ValueError, match="no surface with intact molecules"):
        total_dipole(one.numbers, one.positions, CELL, 78)
    bare = one.numbers == GOLD
    with pytest.raises(ValueError, match="no surface with intact molecules"):
        total_dipole(one.numbers[bare], one.positions[bare], CELL, GOLD)


def test_the_line_is_that_of_scipy_even_far_from_zero() -> None:
    noise = np.random.default_rng(0)
    across = noise.normal(size=103)
    dipoles = 1e4 + 0.31 * across + noise.normal(scale=0.2, size=103)
    found, expected = trend(across, dipoles, 10), linregress(across, dipoles)
    assert found is not None
    assert found.slope[0] == pytest.approx(expected.slope, rel=1e-9)
    assert found.intercept[0] == pytest.approx(expected.intercept, rel=1e-12)
    assert found.correlation[0] == pytest.approx(expected.rvalue, rel=1e-9)


def test_errors_are_those_of_leaving_out_each_block() -> None:
    noise = np.random.default_rng(1)
    across = noise.normal(size=24)
    dipoles = 0.3 * across + noise.normal(scale=0.2, size=24)
    found = trend(across, dipoles, 4)
    assert found is not None
    kept = [np.delete(np.arange(24), np.arange(6) + 6 * block) for block in range(4)]
    lines = [linregress(across[own], dipoles[own]) for own in kept]
    for pair, name in (
        (found.slope, "slope"), (found.intercept, "intercept"), (found.correlation, "rvalue")
    ):  # fmt: skip
        without = np.array([getattr(one, name) for one in lines])
        assert pair[1] == pytest.approx(np.sqrt(3 / 4 * np.square(without - without.mean()).sum()))


def test_the_error_of_the_slope_is_seen_in_many_samples() -> None:
    """Of independent frames the jackknife's mean error is the spread of slopes over samples."""
    noise = np.random.default_rng(2)
    across = noise.normal(size=(400, 60))
    dipoles = 0.3 * across + noise.normal(scale=0.2, size=(400, 60))
    found = [trend(x, y, 10) for x, y in zip(across, dipoles, strict=True)]
    slopes = np.array([one.slope for one in found if one])
    assert np.sqrt(np.square(slopes[:, 1]).mean()) == pytest.approx(slopes[:, 0].std(), rel=0.12)


def test_no_line_of_three_points_or_of_what_does_not_vary() -> None:
    assert trend(np.arange(3.0), np.arange(3.0), 10) is None
    flat = trend(np.ones(5), np.arange(5.0), 10)
    assert flat is not None
    assert np.isnan([flat.slope, flat.intercept, flat.correlation]).all()


def test_one_debye_on_one_square_nanometre() -> None:
    """3.33564e-30 C m over ε0 and 1e-18 m² is 0.37673 V."""
    assert pytest.approx(3.33564e-30 / 8.8541878128e-12 / 1e-18, rel=1e-5) == VOLT_A * 0.20819434 / 100
