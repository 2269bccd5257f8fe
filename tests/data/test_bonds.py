"""Forces and energies in other units or with the other sign, in frames that have no near neighbour."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from label_checks import mistakes, remarks

from mlipbench_hpc.data import labels, stretches, zeros
from mlipbench_hpc.data.bonds import bonds
from mlipbench_hpc.data.frames import Frames, concatenate
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
    assert "are energies in Hartree or Ry, or per atom?" in sentence


def test_energies_in_rydberg_that_vary_otherwise_too_are_remarked() -> None:
    """Energies of bonds and, three times as much, of all else: in Ry their spread is not small enough."""
    frames = water(60)
    rest = np.random.default_rng(8).normal(0, 3.0 * float(frames.energies.std()), 60)
    energies = frames.energies + rest
    assert not any("are energies in" in sentence for sentence in remarks(replace(frames, energies=energies)))
    energies = frames.energies + 2.0 * (frames.energies - frames.energies.mean())
    assert not any("are energies in" in sentence for sentence in remarks(replace(frames, energies=energies)))
    energies = energies - frames.energies.mean() + rest / 9.0
    (sentence,) = remarks(replace(frames, energies=energies / 7.0))
    assert "of those of its O-H bonds; expected about 1: are energies in Ry or Hartree" in sentence


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


def test_a_few_gradients_among_many_frames_are_named() -> None:
    frames = water(400)
    odd = [101, 203, 310]
    sign = np.where(np.isin(np.arange(400), odd), -1.0, 1.0)[frames.frame_of_atom()]
    wrong_sign = replace(frames, forces=frames.forces * sign[:, None])
    (sentence,) = wrong(wrong_sign)
    assert "of 3 frames (the first is 101), unlike the others" in sentence
    lone = Frames.from_atoms([Atoms("O")], np.array([-432.0]), np.zeros((1, 3)))
    (sentence,) = wrong(concatenate([lone, wrong_sign]))
    assert "(the first is 102)" in sentence


def test_where_only_some_frames_are_looked_at_this_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve frames, each with its atoms in an order of its own, and searches in four of them."""
    monkeypatch.setattr(stretches, "MOST_SEARCHES", 4)
    frames, random = water(), np.random.default_rng(1)
    order = np.concatenate([81 * index + random.permutation(81) for index in range(12)])
    mixed = replace(
        frames,
        numbers=frames.numbers[order],
        positions=frames.positions[order],
        forces=frames.forces[order],
    )
    (sentence,) = labels.unchecked(Relations.of(mixed))
    assert "O-H distances in 4 frames confirm the sign of the forces" in sentence


def test_residual_forces_of_relaxed_bonds_raise_no_alarm() -> None:
    """Bonds relaxed by another method differ by 4 mÅ and are 1 % too short for these labels."""
    frames = water(size=0.003)
    assert wrong(replace(frames, forces=-0.01 * frames.forces)) == []


def isomers() -> Frames:
    """Nine frames of C4H12, relaxed by another method: bonds of 1.014 and 1.09 Å with residual forces.

    Which H stands at which C, and how many bonds are short, differs between frames.
    """
    random = np.random.default_rng(4)
    images, forces = [], []
    for index in range(9):
        sites = 5.0 * np.stack(np.meshgrid([0, 1.0], [0, 1.0], [0.0]), -1).reshape(-1, 3)
        owner = random.permutation(np.repeat(np.arange(4), 3))
        length = np.where(np.arange(12) < 1 + index % 3, 1.014, 1.09) + random.normal(0, 0.003, 12)
        axis = random.normal(size=(12, 3))
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        ends = sites[owner] + length[:, None] * axis
        pull = -1.3 * (length - 1.08)[:, None] * axis
        net = np.stack([-pull[owner == atom].sum(axis=0) for atom in range(4)])
        images.append(Atoms("C4H12", np.concatenate([sites, ends]), cell=[20.0] * 3, pbc=True))
        forces.append(np.concatenate([net, pull]))
    return Frames.from_atoms(images, np.arange(9.0), np.concatenate(forces))


def test_unlike_bonds_of_isomers_raise_no_alarm() -> None:
    frames = isomers()
    known = bonds(frames)
    assert known is not None
    assert known.name == "C-H"
    assert known.odd_frames()  # of lengths that differ at rest
    assert known.comparable().odd_frames() == []


def methane(count: int = 40) -> Frames:
    """Eight molecules whose four bonds have rest lengths of their own, 1.05 to 1.11 Å, k = 30 eV/Å²."""
    random = np.random.default_rng(6)
    sites = 5.0 * np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 1, 3)
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]) / np.sqrt(3.0)
    rest = np.array([1.05, 1.07, 1.09, 1.11])[:, None]
    images, energies, forces = [], [], []
    for _ in range(count):
        stretch = random.normal(0, 0.03, (8, 4, 1))
        axes = corners @ np.linalg.qr(random.normal(size=(8, 3, 3)))[0]  # no two frames are near
        ends = sites + (rest + stretch) * axes
        pull = -30.0 * stretch * axes
        places = np.concatenate([sites, ends], axis=1).reshape(-1, 3)
        images.append(Atoms("CH4" * 8, places, cell=[10.0] * 3, pbc=True))
        energies.append(15.0 * float((stretch**2).sum()))
        forces.append(np.concatenate([-pull.sum(axis=1, keepdims=True), pull], axis=1).reshape(-1, 3))
    return Frames.from_atoms(images, np.array(energies), np.concatenate(forces))


def test_gradients_in_some_frames_of_one_molecule_are_named() -> None:
    frames = methane()
    assert wrong(frames) == []
    sign = np.where(np.isin(np.arange(40), [4, 9]), -1.0, 1.0)[frames.frame_of_atom()]
    (sentence,) = wrong(replace(frames, forces=frames.forces * sign[:, None]))
    assert "of 2 frames (the first is 4)" in sentence


def dimers(count: int) -> Frames:
    """Eight dimers of rest lengths 2 and 2.15 Å, k = 5 eV/Å²; in two frames short ones are stretched."""
    random = np.random.default_rng(5)
    sites = 6.0 * np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    rest = np.where(np.arange(8) % 2, 2.15, 2.0)
    images, energies, forces = [], [], []
    for index in range(count):
        stretch = (0.3 + 0.1 * index) * (2.1 - rest) if index < 2 else random.normal(0, 0.1, 8)
        ends = sites + (rest + stretch)[:, None] * [1.0, 0, 0]
        pull = -5.0 * stretch[:, None] * [1.0, 0, 0]
        images.append(Atoms("Ar16", np.concatenate([sites, ends]), cell=[12.0] * 3, pbc=True))
        energies.append(2.5 * float((stretch**2).sum()))
        forces.append(np.concatenate([-pull, pull]))
    return Frames.from_atoms(images, np.array(energies), np.concatenate(forces))


def test_unlike_bonds_of_a_crystal_raise_no_alarm() -> None:
    """In two frames longer bonds are compressed and shorter ones stretched: a static structure."""
    frames = dimers(60)
    assert (every := bonds(frames)) is not None
    assert every.looked == 60
    first = bonds(frames.select([0, 1] * 10))
    assert first is not None
    assert first.stiffness < 0.0
    assert wrong(frames) == []
    sign = np.where(np.isin(np.arange(60), [7, 20, 33]), -1.0, 1.0)[frames.frame_of_atom()]
    (sentence,) = wrong(replace(frames, forces=frames.forces * sign[:, None]))
    assert "(the first is 7), unlike the others" in sentence


def test_two_energy_zeros_three_electronvolts_apart_are_remarked() -> None:
    """27 molecules of bonds rattled by 0.01 Å: energies vary by 0.05 eV."""
    frames = water(16, 0.01)
    shift = np.where(np.arange(16) % 2, 3.0, 0.0)
    (sentence,) = remarks(replace(frames, energies=frames.energies + shift))
    assert sentence.startswith("energies of H54O27 fall into two groups 2.9")
    assert "(8 and 8 frames, each within 0.0" in sentence
    assert remarks(replace(frames, energies=frames.energies + shift / 6)) == []


def test_molecules_beside_crystals_are_no_mixture() -> None:
    """Dimers without a cell beside a crystal are usual; frames of the crystal without one are not."""
    frames = metal(0.05)
    pair = Atoms("Au2", [[0.0, 0, 0], [2.6, 0, 0]])
    pairs = Frames.from_atoms([pair], np.array([-1.0]), np.array([[0.4, 0, 0], [-0.4, 0, 0]]))
    assert not any("periodicity" in line for line in remarks(concatenate([frames, pairs])))
    pbc = np.repeat(np.arange(8) < 4, 3).reshape(8, 3)
    assert any(
        "periodicity: 4 not periodic, 4 periodic" in line for line in remarks(replace(frames, pbc=pbc))
    )


def test_two_phases_are_no_two_energy_zeros() -> None:
    """Eight atoms on a cubic and on a stretched lattice of the same volume, 3 eV apart."""
    random = np.random.default_rng(6)
    images = []
    for index in range(20):
        scale = [1.0, 1.0, 1.0] if index < 10 else [1.25, 0.8, 1.0]
        sites = 2.5 * np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
        places = (sites + random.normal(0, 0.02, (8, 3))) * scale
        images.append(Atoms("Ne8", places, cell=5.0 * np.array(scale), pbc=True))
    energies = np.where(np.arange(20) < 10, -100.0, -97.0) + random.normal(0, 0.05, 20)
    frames = Frames.from_atoms(images, energies, random.normal(0, 1, (160, 3)))
    assert list(zeros.energy_zeros(frames)) == []
    assert len(list(zeros.energy_zeros(replace(frames, energies=np.roll(energies, 5))))) == 1


def test_energies_with_few_digits_are_remarked() -> None:
    """81 atoms: steps of 0.1 eV are 1.23 meV/atom; near 160,000 eV single precision has steps of 1/64 eV."""
    frames = water(size=0.01)
    (sentence,) = remarks(replace(frames, energies=np.round(frames.energies, 1)))
    assert "are multiples of 0.1 eV (1.23 meV/atom, limit 1 meV/atom)" in sentence
    single = (frames.energies - 148000.0).astype(np.float32).astype(np.float64)
    (sentence,) = remarks(replace(frames, energies=single))
    assert "are of single precision: steps of 0.0156 eV" in sentence
