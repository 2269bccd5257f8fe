"""Forces and energies in other units or with the other sign, in frames that have no near neighbour."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from label_checks import mistakes, remarks

from mlipbench_hpc.data import labels
from mlipbench_hpc.data.bonds import bonds
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.relations import Relations

K_EV = 1059.162 / 23.0605  # bond of SPC/Fw, doi:10.1063/1.2136877: 45.93 eV/Å²
HA, HA_BOHR = 27.211386, 51.422067


def water(count: int = 12, size: float = 0.03, seed: int = 0) -> Frames:
    """27 molecules in random orientations; E = ½ k Σ (r - 1.012)², and its forces."""
    random = np.random.default_rng(seed)
    sites = 4.0 * np.stack(np.meshgrid(*[[0.0, 1.0, 2.0]] * 3), -1).reshape(-1, 1, 3)
    images, energies, forces = [], [], []
    for _ in range(count):
        frame = np.linalg.qr(random.normal(size=(27, 3, 3)))[0]
        angle = np.radians([56.6, -56.6])
        ends = np.cos(angle)[:, None] * frame[:, None, 0] + np.sin(angle)[:, None] * frame[:, None, 1]
        places = sites + np.concatenate([np.zeros((27, 1, 3)), 1.012 * ends], axis=1)
        places = places + random.normal(0, size, places.shape)
        vectors = places[:, 1:] - places[:, :1]
        length = np.linalg.norm(vectors, axis=2, keepdims=True)
        pull = -K_EV * (length - 1.012) * vectors / length
        images.append(Atoms("OHH" * 27, places.reshape(-1, 3), cell=[12.0] * 3, pbc=True))
        energies.append(0.5 * K_EV * float(((length - 1.012) ** 2).sum()) - 12000.0)
        forces.append(np.concatenate([-pull.sum(axis=1, keepdims=True), pull], axis=1).reshape(-1, 3))
    return Frames.from_atoms(images, np.array(energies), np.concatenate(forces))


def wrong(frames: Frames) -> list[str]:
    return mistakes(frames, 1e9)


@pytest.mark.parametrize("size", [0.01, 0.03, 0.06])
def test_the_stiffness_of_a_known_bond(size: float) -> None:
    frames = water(size=size)
    known = bonds(frames)
    assert known is not None
    assert (known.name, known.expected) == ("O-H", 48.7)
    assert known.stiffness == pytest.approx(K_EV, rel=1e-6)
    assert wrong(frames) == []
    assert remarks(frames) == []


@pytest.mark.parametrize(
    ("energy", "force", "words"),
    [
        (1.0, -1.0, "-45.9 eV/Å²"),
        (1.0, -1.0, "12.2 to 195 eV/Å²: the labels are gradients instead of forces"),
        (1 / HA, 1 / HA_BOHR, "0.893 eV/Å²"),
        (1 / HA, 1 / HA_BOHR, "the file has forces in Hartree/Bohr"),
        (1 / HA, -1 / HA_BOHR, "forces in Hartree/Bohr, and the labels are gradients"),
        (23.0605, 23.0605, "forces in kcal/mol/Å"),
    ],
)
def test_forces_in_other_units_or_with_the_other_sign(energy: float, force: float, words: str) -> None:
    frames = water()
    odd = replace(frames, energies=frames.energies * energy, forces=frames.forces * force)
    (sentence,) = wrong(odd)
    assert sentence.startswith("forces contradict the distances between atoms; received a stiffness of ")
    assert words in sentence


def test_frames_with_gradients_among_others_are_named() -> None:
    frames = water()
    sign = np.where(np.arange(12) < 4, -1.0, 1.0)[frames.frame_of_atom()]
    (sentence,) = wrong(replace(frames, forces=frames.forces * sign[:, None]))
    assert "of 4 frames (the first is 0)" in sentence


def test_energies_in_hartree_beside_right_forces_are_remarked() -> None:
    frames = water()
    odd = replace(frames, energies=frames.energies / HA)
    assert wrong(odd) == []
    (sentence,) = remarks(odd)
    assert "are energies in Hartree or Ry?" in sentence


def test_forces_of_other_frames_are_doubted() -> None:
    frames = water()
    forces = np.roll(frames.forces.reshape(12, -1, 3), 1, axis=0)
    (sentence,) = remarks(replace(frames, forces=forces.reshape(-1, 3)))
    assert sentence.startswith("forces may not belong to the positions: correlation ")


def metal(size: float) -> Frames:
    """Gold in strained cells, rattled; labels by effective medium theory."""
    random = np.random.default_rng(3)
    images, energies, forces = [], [], []
    for _ in range(8):
        atoms = bulk("Au", cubic=True) * (2, 2, 2)
        atoms.set_cell(atoms.cell @ (np.eye(3) + random.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.positions += random.normal(0, size, atoms.positions.shape)
        atoms.calc = EMT()
        images.append(atoms)
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    return Frames.from_atoms(images, np.array(energies), np.concatenate(forces))


@pytest.mark.parametrize("size", [0.01, 0.05, 0.12, 0.2])
def test_a_metal_raises_no_alarm(size: float) -> None:
    assert wrong(metal(size)) == []


def test_gradients_of_a_metal_are_refused() -> None:
    frames = metal(0.12)
    (sentence,) = wrong(replace(frames, forces=-frames.forces))
    assert "a positive stiffness: the labels are gradients instead of forces" in sentence


def test_what_could_not_be_checked_is_said() -> None:
    random = np.random.default_rng(4)
    images = [Atoms("Ne4", random.uniform(0, 20, (4, 3)), cell=[40.0] * 3, pbc=True) for _ in range(9)]
    frames = Frames.from_atoms(images, random.normal(size=9), random.normal(size=(36, 3)))
    (sentence,) = labels.unchecked(Relations.of(frames))
    assert sentence == (
        "fewer than 6 pairs of 9 frames within 0.35 Å do not relate energies to forces: sign and units of "
        "forces and energies are not checked"
    )
    assert labels.unchecked(Relations.of(water())) == []


def test_a_net_force_is_remarked() -> None:
    """0.2 eV/Å on each of 81 atoms along x: |ΣF|/√N = 0.2 · √81 = 1.8 eV/Å."""
    frames = water()
    forces = frames.forces.copy()
    forces[frames.frame_of_atom() == 5] += [0.2, 0.0, 0.0]
    (sentence,) = remarks(replace(frames, forces=forces))
    assert "in 1 of 12 frames the forces do not add up to zero: |ΣF|/√N up to 1.8 eV/Å (frame 5)" in sentence


def test_a_liquid_that_is_not_periodic_is_remarked() -> None:
    frames = replace(water(), pbc=np.zeros((12, 3), dtype=bool))
    frames = replace(frames, cells=frames.cells * 10.0 / 12.0)
    assert any("in 12 of 12 frames, not periodic, atoms fill the Lattice" in line for line in remarks(frames))
    molecule = replace(frames, cells=frames.cells * 2.0)
    assert remarks(molecule) == []
