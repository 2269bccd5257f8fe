"""Forces without a component, and forces of other atoms, of springs whose forces are known exactly."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from label_checks import mistakes, remarks

from mlipbench_hpc.data import directions
from mlipbench_hpc.data.frames import Frames

SITES = 4.0 * np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)


def springs(count: int = 40, size: float = 0.3, seed: int = 0) -> Frames:
    """Eight atoms on springs of 3 eV/Å² around fixed sites, so far apart that no two frames are near."""
    shifts = np.random.default_rng(seed).normal(0, size, (count, 8, 3))
    shifts -= shifts.mean(axis=1, keepdims=True)
    images = [Atoms("Ne8", SITES + shift, cell=[8.0] * 3, pbc=True) for shift in shifts]
    return Frames.from_atoms(images, 1.5 * (shifts**2).sum(axis=(1, 2)), -3.0 * shifts.reshape(-1, 3))


def flat(frames: Frames, axis: int) -> Frames:
    forces = frames.forces.copy()
    forces[:, axis] = 0.0
    return replace(frames, forces=forces)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_component_that_is_never_there_is_refused_where_atoms_move_along_it(axis: int) -> None:
    frames = springs()
    assert mistakes(frames, 1e9) == []
    (sentence,) = mistakes(flat(frames, axis), 1e9)
    assert sentence.startswith(
        f"a component of the forces is missing; received exactly zero forces along {'xyz'[axis]} in 40 frames"
    )


def test_displacements_along_x_in_a_crystal_are_remarked_and_those_of_a_flat_molecule_are_not() -> None:
    """Symmetry gives no forces along y and z."""
    shifts = np.zeros((12, 8, 3))
    shifts[:, 0, 0], shifts[:, 1, 0] = 0.02 * np.arange(12), -0.02 * np.arange(12)
    images = [Atoms("Ne8", SITES + shift, cell=[8.0] * 3, pbc=True) for shift in shifts]
    frames = Frames.from_atoms(images, 1.5 * (shifts**2).sum(axis=(1, 2)), -3.0 * shifts.reshape(-1, 3))
    assert not any("component" in sentence for sentence in mistakes(frames, 1e9))
    axes = [sentence[13] for sentence in remarks(frames) if sentence.startswith("forces along ")]
    assert axes == ["y", "z"]
    pairs = [Atoms("O2", [[0, 0, 0], [1.1 + 0.02 * k, 0, 0]]) for k in range(6)]
    pull = 0.2 * np.arange(6)[:, None, None] * np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    dimer = Frames.from_atoms(pairs, 0.02 * np.arange(6) ** 2, pull.reshape(-1, 3))
    assert list(directions.absent(dimer)) == list(directions.missing(dimer)) == []


@pytest.mark.parametrize("order", [np.arange(8)[::-1], np.roll(np.arange(8), 3)])
def test_forces_in_another_order_of_the_atoms_are_refused(order: np.ndarray) -> None:
    frames = springs()
    shuffled = frames.forces.reshape(40, 8, 3)[:, order].reshape(-1, 3)
    (sentence,) = mistakes(replace(frames, forces=shuffled), 1e9)
    assert sentence.startswith("forces are those of other atoms; received cosine ")
    assert "with the forces in another order of the atoms (-0.99)" in sentence


@pytest.mark.parametrize("seed", range(5))
def test_random_forces_have_no_better_order(seed: int) -> None:
    """Forces of no order at all are another mistake; the best of 8! orders does not look like one."""
    frames = springs(seed=seed)
    noise = np.random.default_rng(seed + 9).normal(size=frames.forces.shape)
    assert directions.disorder(replace(frames, forces=noise)) is None
    assert directions.disorder(springs(count=19)) is None
