"""How many neighbours atoms have, counted by hand on crystals, and estimated for a film with faces."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbench_hpc.data.density import RADIUS, film_density, local_density, sphere
from mlipbench_hpc.data.frames import Frames


def test_a_simple_cubic_crystal() -> None:
    """Spacing 4 Å: six neighbours at 4 Å, the next at 5.66 Å, whatever the cell."""
    for repeats in (1, 3):
        frames = Frames.from_atoms([Atoms("Ar", cell=[4.0] * 3, pbc=True).repeat(repeats)])
        assert local_density(frames) * sphere(RADIUS) == pytest.approx(6.0)


def test_vacuum_does_not_count() -> None:
    """A layer of the same crystal: four neighbours, however long the cell is."""
    for height in (20.0, 200.0):
        layer = Atoms("Ar", cell=[4.0, 4.0, height], pbc=[True, True, True])
        assert local_density(Frames.from_atoms([layer])) * sphere(RADIUS) == pytest.approx(4.0)


def test_atoms_of_all_frames_count_alike() -> None:
    """One lonely atom, and 7 x 1 of six neighbours: 7 x 6 / 8."""
    chain = Atoms("Ar7", positions=np.zeros((7, 3)), cell=[4.0, 4.0, 28.0], pbc=True)
    chain.positions[:, 2] = 4.0 * np.arange(7)
    alone = Atoms("Ar", cell=[30.0] * 3, pbc=False)
    density = local_density(Frames.from_atoms([alone, chain]))
    assert density * sphere(RADIUS) == pytest.approx(7 * 6 / 8)


@pytest.mark.parametrize("thickness", [8, 16, 24])
def test_a_film_s_faces_are_averaged_over(thickness: int) -> None:
    """A fine cubic grid of points between two faces, counted; a sphere of 5 Å loses 3·5/(8·thickness)."""
    spacing = 0.8
    layers = round(thickness / spacing)
    grid = Atoms("H", cell=[spacing] * 3, pbc=[True, True, False]).repeat((2, 2, layers))
    frames = Frames.from_atoms([grid])
    expected = film_density(len(grid), len(grid) * spacing**3, layers * spacing)
    assert local_density(frames) == pytest.approx(expected, rel=0.03)


def test_bulk_has_no_faces() -> None:
    gold = bulk("Au", "fcc", a=4.08, cubic=True)
    assert film_density(4, 4.08**3, 1e9) == pytest.approx(4 / 4.08**3)
    assert local_density(Frames.from_atoms([gold])) == pytest.approx(42 / sphere(RADIUS))
