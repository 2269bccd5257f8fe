"""Mistakes in frames are found, and only they."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from mlipbench_hpc.data.check import check_frames, closest_pair
from mlipbench_hpc.data.frames import Frames


def frames(count: int = 8) -> Frames:
    generator = np.random.default_rng(1)
    images = [
        Atoms("OH2", np.diag([2.0, 4.0, 6.0]) + 0.1 * generator.normal(size=(3, 3)), cell=[8.0] * 3, pbc=True)
        for _ in range(count)
    ]
    return Frames.from_atoms(images, generator.normal(size=count), generator.normal(size=(3 * count, 3)))


def test_sound_frames_pass():
    assert check_frames(frames(), 10.0) == []


def test_each_mistake_is_found_in_its_frame():
    sound = frames()
    energies, forces, positions, cells = (
        array.copy() for array in (sound.energies, sound.forces, sound.positions, sound.cells)
    )
    energies[0], energies[1] = np.nan, np.inf
    forces[3 * 2 + 1, 2] = np.nan
    forces[3 * 3, 1] = -10.5
    positions[3 * 4, 0] = np.inf
    cells[5, 2] = cells[5, 0] + cells[5, 1]
    positions[3 * 6] = positions[3 * 6 + 1] + [0.1, 0.1, 8.0 - 0.2]
    positions[21:24] = positions[9:12]
    result = check_frames(
        replace(sound, energies=energies, forces=forces, positions=positions, cells=cells), 10.0
    )
    assert [(problem.frame, problem.message) for problem in result] == [
        (0, "energy label missing or not a number"),
        (1, "energy label is infinite"),
        (2, "force label missing or not a number"),
        (3, "absurd force component"),
        (4, "position is not a number"),
        (5, "periodic cell without volume"),
        (6, "atoms on top of each other"),
        (7, "the same structure as frame 3"),
    ]
    assert str(result[3]) == "frame 3: absurd force component; received 10.5 eV/Å; expected at most 10 eV/Å"
    assert "0.245 Å between atoms 0 and 1" in result[6].received


def test_many_of_one_kind_are_counted():
    sound = frames(12)
    result = check_frames(replace(sound, energies=np.full(12, np.nan)), 10.0)
    assert [problem.frame for problem in result] == [0, 1, 2, 3, 4, None]
    assert result[-1].message == "… and 7 more frames with the same mistake"


def test_no_cell_is_needed_without_periodicity():
    images = [Atoms("O2", [[0, 0, 0], [0, 0, 1.2 + 0.1 * i]]) for i in range(2)]
    assert check_frames(Frames.from_atoms(images, np.zeros(2), np.zeros((4, 3))), 1.0) == []


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, False, False)])
def test_closest_pair_agrees_with_brute_force_in_a_skewed_cell(pbc: tuple[bool, bool, bool]):
    cell = np.array([[5.0, 0, 0], [3.0, 4.0, 0], [-1.0, 2.0, 6.0]])
    periodic = np.array(pbc)
    shifts = np.stack(np.meshgrid(*[range(-4, 5) if p else [0] for p in pbc]), axis=-1).reshape(-1, 3) @ cell
    hits = 0
    for seed in range(20):
        positions = np.random.default_rng(seed).uniform(-1.5, 1.5, (30, 3)) @ cell
        first, second = np.triu_indices(30, 1)
        distances = np.linalg.norm((positions[first] - positions[second])[:, None] + shifts, axis=-1)
        result, _pair = closest_pair(positions, cell, periodic)
        if result < 0.3 or distances.min() < 0.3:
            hits += 1
            assert result == pytest.approx(distances.min())
    assert hits >= (2 if any(pbc) else 0)
