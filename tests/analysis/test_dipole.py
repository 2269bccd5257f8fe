"""P_z of single frames and the line of a slab's dipole over it."""

import numpy as np
import pytest
from interface import CELL, LZ, slab
from scipy.stats import linregress

from mlipbench_hpc.analysis.dipole import VOLT_A, plane, trend, work_function_change
from mlipbench_hpc.analysis.onepass import total_dipole

GOLD = 79


def test_the_sum_of_cosines_along_the_outward_normal() -> None:
    cosines = [0.9, -0.4, 0.2]
    one = slab([2.0, 4.0, 6.0], cosines, [(4.0, 4.0, 9.0)])
    result = total_dipole(one.numbers, one.positions, CELL, GOLD)
    assert result == pytest.approx((sum(cosines), 1.0), abs=1e-12)
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
    result, expected = trend(across, dipoles, 10), linregress(across, dipoles)
    assert result is not None
    assert result.slope[0] == pytest.approx(expected.slope, rel=1e-9)
    assert result.intercept[0] == pytest.approx(expected.intercept, rel=1e-12)
    assert result.correlation[0] == pytest.approx(expected.rvalue, rel=1e-9)


def test_errors_are_those_of_leaving_out_each_block() -> None:
    noise = np.random.default_rng(1)
    across = noise.normal(size=24)
    dipoles = 0.3 * across + noise.normal(scale=0.2, size=24)
    result = trend(across, dipoles, 4)
    assert result is not None
    rest = [np.delete(np.arange(24), np.arange(6) + 6 * block) for block in range(4)]
    lines = [linregress(across[own], dipoles[own]) for own in rest]
    for pair, name in (
        (result.slope, "slope"), (result.intercept, "intercept"), (result.correlation, "rvalue")
    ):  # fmt: skip
        without = np.array([getattr(one, name) for one in lines])
        assert pair[1] == pytest.approx(np.sqrt(3 / 4 * np.square(without - without.mean()).sum()))


def test_the_error_of_the_slope_is_seen_in_many_samples() -> None:
    """Of independent frames the jackknife's mean error is the spread of slopes over samples."""
    noise = np.random.default_rng(2)
    across = noise.normal(size=(400, 60))
    dipoles = 0.3 * across + noise.normal(scale=0.2, size=(400, 60))
    result = [trend(x, y, 10) for x, y in zip(across, dipoles, strict=True)]
    slopes = np.array([one.slope for one in result if one])
    assert np.sqrt(np.square(slopes[:, 1]).mean()) == pytest.approx(slopes[:, 0].std(), rel=0.12)


def test_no_line_of_three_points_or_of_what_does_not_vary() -> None:
    assert trend(np.arange(3.0), np.arange(3.0), 10) is None
    flat = trend(np.ones(5), np.arange(5.0), 10)
    assert flat is not None
    assert np.isnan([flat.slope, flat.intercept, flat.correlation]).all()


def test_one_debye_on_one_square_nanometre() -> None:
    """3.33564e-30 C m over ε0 and 1e-18 m² is 0.37673 V."""
    assert pytest.approx(3.33564e-30 / 8.8541878128e-12 / 1e-18, rel=1e-5) == VOLT_A * 0.20819434 / 100


def outer_potential(charges: list[float], heights: list[float], area: float) -> float:
    """Potential beyond all layers of charge (e) at heights (Å) less that inside the metal, V, by Gauss's law.

    A grounded metal at z = 0 holds minus the sum of the charges; the field is integrated from there.
    """
    z = np.linspace(-1.0, 12.0, 1_300_001)
    layers = [(0.0, -sum(charges)), *zip(heights, charges, strict=True)]
    field = sum(VOLT_A * q / area * (z >= place) for place, q in layers)  # V/Å, along +z
    return float(-np.trapezoid(field, z))


def test_one_water_and_one_ion_lower_the_work_function() -> None:
    """H-up water (D = +) and a cation above the slab raise the potential outside: the work function falls."""
    area = 183.32
    water = ([-0.82, 0.41, 0.41], [3.0, 3.6, 3.6])
    ion = ([1.0], [5.0])
    for charges, heights in (water, ion, (water[0] + ion[0], water[1] + ion[1])):
        dipole = sum(q * z for q, z in zip(charges, heights, strict=True))
        assert dipole > 0
        change = work_function_change(dipole, area)
        assert change < 0
        assert -change == pytest.approx(outer_potential(charges, heights, area), rel=1e-3)
    assert work_function_change(-0.5, area) > 0, "H-down water raises it"


def test_heights_of_ions_explain_what_the_waters_do_not() -> None:
    """D = 0.47 P_z + 0.93 Σqz + noise is fitted back; with P_z alone R² is small."""
    noise = np.random.default_rng(3)
    across, ions = noise.normal(size=400), 4.0 * noise.normal(size=400)
    dipoles = 0.47 * across + 0.93 * ions + 0.2 * noise.normal(size=400)
    fit = plane(across, ions, dipoles, 10)
    assert fit is not None
    assert fit.orientation[0] == pytest.approx(0.47, abs=4 * fit.orientation[1])
    assert fit.ions[0] == pytest.approx(0.93, abs=4 * fit.ions[1])
    design = np.column_stack([np.ones(400), across, ions])
    expected, rest = np.linalg.lstsq(design, dipoles)[:2]
    assert [fit.orientation[0], fit.ions[0]] == pytest.approx(expected[1:].tolist())
    assert fit.together == pytest.approx(1 - rest[0] / np.square(dipoles - dipoles.mean()).sum())
    assert fit.alone == pytest.approx(linregress(across, dipoles).rvalue ** 2)
    assert fit.alone < 0.1 < 0.95 < fit.together
    assert fit.collinearity == pytest.approx(np.corrcoef(across, ions)[0, 1])


def test_no_fit_with_ions_that_are_not_there_or_not_known() -> None:
    x = np.random.default_rng(4).normal(size=20)
    assert plane(x, np.zeros(20), x, 5) is None
    assert plane(x, np.full(20, np.nan), x, 5) is None
    assert plane(x, 2 * x, x, 5) is None, "collinear"
