"""What real trajectories hold besides whole water on metal, each with its stated result."""

import numpy as np
import pytest
from interface import CELL, LX, LY, LZ, Interface, slab

from mlipbench_hpc.analysis.dynamics import Dynamics
from mlipbench_hpc.analysis.fused import first_layer
from mlipbench_hpc.analysis.onepass import block_means
from mlipbench_hpc.analysis.profiles import MOL_PER_L, WATER_G_PER_CM3, Profiler
from mlipbench_hpc.worker.dynamics import Motion

PER_VOLUME = 1 / (LX * LY * 0.1)
ASKED = {"dipole_correlation": 0.02, "survival": 0.02, "origins": "all", "coordination": 3.2}


def profiler(frame: Interface) -> Profiler:
    return Profiler.of(frame.numbers, frame.positions, CELL, 79, 0.1)


def test_hydronium_and_hydroxide_are_no_water() -> None:
    """H3O+ and OH- have profiles of their own; density, P_z and the first layer's motion leave both out."""
    frame = slab([2.05, 3.05, 4.05], [0.5, -0.5, 0.9], [])
    acid, base = np.flatnonzero(frame.numbers == 8)[:2]
    proton = base + 1
    frame.positions[proton] = frame.positions[acid] + [0.0, 0.0, -1.0]
    result = profiler(frame)
    assert (len(result.waters.oxygens), result.waters.left_out) == (3, 2)
    assert result.waters.intact[:, 0].tolist() == [base + 3]
    means, dipole = block_means(result, [frame.positions[None]] * 2, 2, 2)
    for name in ("density", "hydronium", "hydroxide"):
        assert means[name][0].sum() == pytest.approx(WATER_G_PER_CM3 * PER_VOLUME)
    assert dipole == pytest.approx([0.9, 0.9])
    assert first_layer(result, frame.positions[None])[0].tolist() == [[False, False, True]]


def test_a_proton_that_hops_makes_two_ions_from_that_frame_on() -> None:
    frame = slab([2.05, 3.05], [0.5, -0.5], [])
    acid, base = np.flatnonzero(frame.numbers == 8)
    hopped = frame.positions.copy()
    hopped[acid + 1] = hopped[base] + [0.0, 0.0, 1.0]
    result = profiler(frame)
    means, dipole = block_means(result, [np.array([frame.positions, hopped])], 2, 2)
    water = WATER_G_PER_CM3 * PER_VOLUME
    assert means["density"].sum(axis=1) == pytest.approx([2 * water, 0.0])
    assert means["hydroxide"].sum(axis=1) == pytest.approx([0.0, water])
    assert means["hydronium"].sum(axis=1) == pytest.approx([0.0, water])
    assert dipole == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize("wrap", [False, True])
def test_an_ion_that_crosses_the_boundary_is_one_ion(wrap: bool) -> None:
    """Over the edges in x and y, wrapped or not: its height, neighbours and stay do not notice."""
    frame = slab([3.05], [0.0], [(0.5, 0.5, 3.05)])
    ion, oxygen = len(frame.numbers) - 1, int(np.flatnonzero(frame.numbers == 8)[0])
    path = np.repeat(frame.positions[None], 20, axis=0)
    path[:, ion, :2] = path[:, oxygen, :2] + np.linspace(-2.0, 2.0, 20)[:, None]
    path[:, :, 2] += np.linspace(0.0, LZ, 20)[:, None]
    if wrap:
        path -= np.floor(path / np.diag(CELL)) * np.diag(CELL)
    product = Profiler.of(frame.numbers, path[0], CELL, 79, 0.1)
    motion = Motion(product, ASKED, 20, 0.01, 2)
    motion.add(path)
    result = motion.ions["Na"].summary(0.01, 2)
    assert result["stays"] == [{"share": 1.0, "number": 1, "mean_ps": pytest.approx(0.2)}]
    assert result["coordination"]["mean"] == 1.0
    means, _ = block_means(product, [path], 20, 2)
    places = np.flatnonzero(means["concentration-Na"][0])
    assert product.z[places] == pytest.approx([3.05])
    assert means["concentration-Na"][0, places] == pytest.approx(MOL_PER_L * PER_VOLUME)


def test_no_ions_are_no_columns() -> None:
    frame = slab([2.05, 3.05], [0.5, -0.5], [])
    result = profiler(frame)
    means, _ = block_means(result, [frame.positions[None]] * 2, 2, 2)
    assert set(means) == {"density", "orientation"}
    motion = Motion(result, ASKED, 2, 0.01, 2)
    motion.add(np.array([frame.positions] * 2))
    assert motion.ions == {}


def test_one_frame_has_averages_and_no_lags() -> None:
    frame = slab([2.05, 8.05], [0.5, -0.5], [(4.0, 4.0, 3.05)])
    result = profiler(frame)
    means, dipole = block_means(result, [frame.positions[None]], 1, 1)
    assert means["density"].shape == (1, result.bins)
    assert dipole == pytest.approx([0.0], abs=1e-12)
    dynamics = Dynamics(1, 10, blocks=2)
    dynamics.add(*first_layer(result, frame.positions[None]))
    value, error = dynamics.survival()
    assert (value.tolist(), np.isnan(error.larger).tolist()) == ([1.0], [True])


def test_a_region_that_is_empty_at_an_origin_is_skipped_there() -> None:
    """The only water is inside in frames 2 to 5 of 8: shares are of the four origins that hold it."""
    frame = slab([2.05], [0.5], [])
    path = np.repeat(frame.positions[None], 8, axis=0)
    path[[0, 1, 6, 7], 27:, 2] += 6.0
    result = profiler(frame)
    dynamics = Dynamics(8, 3, blocks=2)
    dynamics.add(*first_layer(result, path))
    # of origins 2, 3, 4 and 5 three, two and one still hold it after 1, 2 and 3 frames
    assert dynamics.survival()[0] == pytest.approx([1.0, 3 / 4, 2 / 4, 1 / 3])
    assert dynamics.dipole_correlation()[0] == pytest.approx([1.0, 1.0, 1.0, 1.0])


def test_evaporated_water_stays_above_the_film() -> None:
    """Beyond the cell's top it is the same molecule at the same height, up to three quarters of the cell."""
    frame = slab([2.05, 20.05], [0.5, -0.5], [])
    far = frame.positions.copy()
    far[-3:, 2] += 9.0  # 29.05 Å above the surface, less than 30
    result = profiler(frame)
    means, dipole = block_means(result, [np.array([frame.positions, far])], 2, 2)
    for block, height in ((0, 20.05), (1, 29.05)):
        assert result.z[np.flatnonzero(means["density"][block])] == pytest.approx([2.05, height])
    assert dipole == pytest.approx([0.0, 0.0], abs=1e-12)
