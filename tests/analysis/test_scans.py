"""Roughness of forces along scans: exact cases, scipy's Savitzky-Golay filter, and what is moved."""

import numpy as np
import pytest
from interface import CELL, TOP, slab
from scipy.signal import savgol_filter

from mlipbench_hpc.analysis import scans
from mlipbench_hpc.analysis.scans import Rough

S = scans.shifts(1.0, 101)
STEP = 0.01


def test_shifts_are_centred() -> None:
    assert (S[0], S[50], S[-1]) == (-0.5, 0.0, 0.5)
    np.testing.assert_allclose(np.diff(S), STEP)


def test_a_cubic_is_smooth() -> None:
    force = 3 - 2 * S + 5 * S**2 - 7 * S**3
    np.testing.assert_allclose(scans.smooth(force, STEP), force[25:-25], atol=1e-12)
    assert scans.roughness(force, STEP) == pytest.approx(0.0, abs=1e-12)


def test_the_smooth_part_is_that_of_scipy() -> None:
    forces = np.random.default_rng(0).normal(size=(2, 3, 101))
    expected = savgol_filter(forces, 51, 3)[..., 25:-25]
    np.testing.assert_allclose(scans.smooth(forces, STEP), expected, atol=1e-12)


@pytest.mark.parametrize("step", [0.05, 0.025, 0.005])
def test_the_stretch_is_half_an_angstrom_whatever_the_spacing(step: float) -> None:
    assert scans.half_of(step) * step == pytest.approx(0.25)


def test_ripples_shorter_than_the_stretch_are_rough() -> None:
    """A sine of 0.05 Å is averaged out of the cubic, so its whole power A²/2 is left: within 10 %."""
    ripple = 0.3 * np.sin(2 * np.pi * S / 0.05)
    assert scans.roughness(ripple + 2 * S, STEP) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    slow = 0.3 * np.sin(2 * np.pi * S / 4.0)
    assert scans.roughness(slow, STEP) < 1e-4


def test_white_noise_keeps_what_the_filter_does_not_take() -> None:
    """Variance of the residual: σ² (1 - w₀), w₀ the filter's weight of the point itself."""
    noise = np.random.default_rng(1).normal(0, 0.1, size=(4000, 101))
    unit = np.zeros(51)
    unit[25] = 1.0
    weight = savgol_filter(unit, 51, 3)[25]
    power = np.square(scans.roughness(noise, STEP)).mean()
    assert np.sqrt(power) == pytest.approx(0.1 * np.sqrt(1 - weight), rel=0.01)


def test_a_force_that_is_not_finite_has_no_roughness() -> None:
    force = S.copy()
    force[40] = np.nan
    assert np.isnan(scans.roughness(force, STEP))


def test_over_scans_by_hand() -> None:
    """Two members, four scans of three frames; members differ, frames do not."""
    rough = np.array([[1.0] * 4, [3.0] * 4])
    got = scans.over_scans(rough, np.array([0, 0, 4, 7]))
    assert got == Rough(pytest.approx(np.sqrt(5)), pytest.approx(1.0), 4, 2)
    frames = scans.over_scans(np.array([[1.0, 1.0, 5.0, 3.0]]), np.array([0, 0, 4, 7]))
    assert frames.value == pytest.approx(3.0)
    without = np.sqrt([17.0, 11 / 3, 9.0])
    assert frames.error == pytest.approx(np.sqrt(2 / 3 * np.square(without - without.mean()).sum()))
    few = scans.over_scans(rough[:, :3], np.array([0, 0, 4]))
    assert few.value == pytest.approx(np.sqrt(5))
    assert np.isnan(few.error), "of two frames, half their difference is no estimate"
    alone = scans.over_scans(np.array([[2.0]]), np.array([0]))
    assert alone.value == 2.0
    assert np.isnan(alone.error)


def test_first_layer_waters_and_ions_are_moved() -> None:
    frame = slab([2.0, 3.0, 9.0], [0.0] * 3, [(4.0, 4.0, 5.0), (7.0, 7.0, 8.0)])
    got = scans.particles(frame.numbers, frame.positions, CELL, [79], ["water", "ion"])
    assert [own.atoms.tolist() for own in got["water"]] == [[27, 28, 29], [30, 31, 32]]
    assert [(own.name, own.atoms.tolist()) for own in got["ion"]] == [("Na", [36]), ("Na", [37])]
    assert list(scans.particles(frame.numbers, frame.positions, CELL, [79], ["ion"])) == ["ion"]


def test_without_a_metal_all_waters_and_single_atoms_are_moved() -> None:
    frame = slab([2.0, 9.0], [0.0] * 2, [(4.0, 4.0, 5.0)])
    own, places = frame.numbers[27:], frame.positions[27:] - [0, 0, TOP]
    got = scans.particles(own, places, CELL, [79], ["water", "ion"])
    assert [one.atoms.tolist() for one in got["water"]] == [[0, 1, 2], [3, 4, 5]]
    assert [one.atoms.tolist() for one in got["ion"]] == [[6]]
    argon = scans.particles(np.full(4, 18), 3.0 * np.eye(4, 3), CELL, [79], ["water", "ion"])
    assert (len(argon["water"]), len(argon["ion"])) == (0, 4)
