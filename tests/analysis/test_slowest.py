"""Slow quantities of frames made by hand, and how many frames count as independent by the slowest."""

import numpy as np
import pytest
from interface import CELL, slab
from scipy.signal import lfilter

from mlipbench_hpc.analysis.correlation import independent_frames
from mlipbench_hpc.analysis.slowest import slow_quantities
from mlipbench_hpc.worker.sampling import independence

METAL_ATOMS = 27


def test_orientation_and_heights_of_ions() -> None:
    cosines = [0.9, -0.4]
    one = slab([2.0, 4.0], cosines, [(4.0, 4.0, 9.0), (1.0, 1.0, 3.5)])
    quantities = slow_quantities(one.numbers, one.positions, CELL, [79])
    assert quantities == pytest.approx({"P_z": 0.5, "height of Na 0": 9.0, "height of Na 1": 3.5})


def test_no_surface_no_slow_quantity() -> None:
    water = np.array([8, 1, 1])
    assert slow_quantities(water, np.zeros((3, 3)), CELL, [79]) == {}
    bare = slab([2.0], [0.5], [])
    metal = bare.numbers == 79
    assert slow_quantities(bare.numbers[metal], bare.positions[metal], CELL, [79]) == {}


def test_the_slab_is_the_stated_element_however_few_its_atoms() -> None:
    """More ions than metal atoms: the most frequent element is no slab, and all ions have a height."""
    ions = [(1.0 + 0.2 * place, 1.0, 8.0 + 0.1 * place) for place in range(2 * METAL_ATOMS)]
    one = slab([2.0, 4.0], [0.9, -0.4], ions)
    quantities = slow_quantities(one.numbers, one.positions, CELL, [79])
    assert quantities["P_z"] == pytest.approx(0.5)
    heights = [value for name, value in quantities.items() if name.startswith("height of Na")]
    assert heights == pytest.approx([8.0 + 0.1 * place for place in range(2 * METAL_ATOMS)])
    assert slow_quantities(one.numbers, one.positions, CELL, [78]) == {}


def test_the_slowest_quantity_decides() -> None:
    """AR(1) of φ = 0.5 and 0.9, g = 3 and 19, 20 000 frames: by the energy 6700 are independent, not 1050."""
    noise = np.random.default_rng(0).normal(size=(2, 20_000))
    fast, slow = (lfilter([1.0], [1.0, -phi], row) for phi, row in zip((0.5, 0.9), noise, strict=True))
    every, series = np.arange(20_000), np.zeros(20_000, dtype=np.int64)
    assert independent_frames(fast, series, every) == pytest.approx(20_000 / 3, rel=0.2)
    assert independent_frames(np.array([fast, slow]), series, every) == pytest.approx(20_000 / 19, rel=0.25)
    absent = np.array([fast, np.full(20_000, np.nan)])
    assert independent_frames(absent, series, every) == independent_frames(fast, series, every)
    gaps = np.where(every % 50 == 0, np.nan, slow)
    assert independent_frames(np.array([fast, gaps]), series, every) == pytest.approx(20_000 / 19, rel=0.25)
    row = independence(300.0, 0.1, {"potential energy": fast.tolist(), "height of Na 0": slow.tolist()})
    assert row["slowest"] == "height of Na 0"
    assert row["statistical_inefficiency"] == pytest.approx(19, rel=0.25)
    assert row["inefficiencies"]["potential energy"] == pytest.approx(3, rel=0.2)
