"""Labels of other frames, of no frame, or of another energy scale, against potentials that are exact."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from label_checks import NAMES, mistakes, remarks

from mlipbench_hpc.data import labels
from mlipbench_hpc.data.consistency import consistency
from mlipbench_hpc.data.frames import Frames, concatenate
from mlipbench_hpc.data.outliers import outliers
from mlipbench_hpc.data.read import Source
from mlipbench_hpc.data.relations import Relations

STIFFNESS = 3.0
DEPTH, WIDTH, BOND = 5.0, 2.2, 0.97  # eV, 1/Å, Å: a bond as stiff as O-H
SITES = 4.0 * np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
CELL = [8.0] * 3
SIGNS = np.where(np.arange(8) % 2, 1.0, -1.0)[:, None]  # of eight atoms, without a sum


def springs(shifts: np.ndarray) -> Frames:
    """Eight atoms on springs of 3 eV/Å², moved by shifts (F, 8, 3) Å: E = ½ k Σ d² - 100 eV, F = -k d."""
    shifts = shifts - shifts.mean(axis=1, keepdims=True)  # no net force
    images = [Atoms("Ne8", SITES + shift, cell=CELL, pbc=True) for shift in shifts]
    energies = -100.0 + 0.5 * STIFFNESS * (shifts**2).sum(axis=(1, 2))
    return Frames.from_atoms(images, energies, -STIFFNESS * shifts.reshape(-1, 3))


def walk(frames: int = 40, step: float = 0.03, seed: int = 0) -> np.ndarray:
    """Shifts (F, 8, 3) Å of a run whose frames lie close together."""
    random = np.random.default_rng(seed)
    shifts = random.normal(0, 2 * step, (frames, 8, 3))
    for index in range(1, frames):
        shifts[index] = 0.95 * shifts[index - 1] + random.normal(0, step, (8, 3))
    return shifts


def bonds(size: float, frames: int = 40) -> Frames:
    """Eight Morse dimers, every atom rattled by `size` Å per axis; energies and forces are exact."""
    random = np.random.default_rng(1)
    images, energies, forces = [], [], []
    for _ in range(frames):
        ends = np.concatenate([SITES, SITES + np.array([BOND, 0, 0])]) + random.normal(0, size, (16, 3))
        vectors = ends[8:] - ends[:8]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        decay = np.exp(-WIDTH * (lengths - BOND))
        pull = 2 * DEPTH * WIDTH * (1 - decay) * decay * vectors / lengths
        images.append(Atoms("O8H8", ends, cell=CELL, pbc=True))
        energies.append(DEPTH * float(((1 - decay) ** 2).sum()))
        forces += [pull, -pull]
    return Frames.from_atoms(images, np.array(energies), np.concatenate(forces))


def wrong(frames: Frames) -> list[str]:
    return mistakes(frames, 1000.0)


def of_frame(frames: Frames) -> np.ndarray:
    return frames.forces.reshape(len(frames), -1, 3)


def test_forces_of_the_own_positions_pass() -> None:
    frames = springs(walk())
    fit = consistency(frames)
    assert fit is not None
    assert (fit.close, fit.close_correlation) == (39, pytest.approx(1.0))
    assert wrong(frames) == []
    assert remarks(frames) == []


@pytest.mark.parametrize("mistake", ["frames", "rows", "energies"])
def test_labels_of_other_frames_or_rows_are_refused_with_the_figure(mistake: str) -> None:
    frames, random = springs(walk()), np.random.default_rng(2)
    forces, energies = of_frame(frames).copy(), frames.energies.copy()
    if mistake == "frames":
        forces = forces[random.permutation(40)]
    elif mistake == "rows":
        forces = np.array([rows[random.permutation(8)] for rows in forces])
    else:
        energies = energies[random.permutation(40)]
    (sentence,) = wrong(replace(frames, forces=forces.reshape(-1, 3), energies=energies))
    assert sentence.startswith("forces do not belong to the positions; received correlation ")
    assert "39 pairs of frames within 0.1 Å; expected 0.95 or more" in sentence


@pytest.mark.parametrize("order", ["shuffled", "interleaved"])
def test_near_frames_are_compared_in_any_order(order: str) -> None:
    """A run in random order, and two runs of other cells, frame by frame in turn."""
    frames = springs(walk(60))
    if order == "shuffled":
        mixed = frames.select(np.random.default_rng(7).permutation(60))
    else:
        other = springs(walk(60, seed=1))
        other = replace(other, cells=other.cells * 1.5)
        mixed = concatenate([frames, other]).select(np.arange(120).reshape(2, 60).T.ravel())
    assert wrong(mixed) == []
    assert remarks(mixed) == []
    (sentence,) = wrong(replace(mixed, forces=-mixed.forces))
    assert "gradients instead of forces" in sentence
    forces = of_frame(mixed)[np.random.default_rng(8).permutation(len(mixed))]
    (sentence,) = wrong(replace(mixed, forces=forces.reshape(-1, 3)))
    assert sentence.startswith("forces do not belong to the positions")


def test_a_quarter_of_the_forces_in_another_order_is_doubted() -> None:
    frames = springs(walk(60))
    forces = of_frame(frames).copy()
    forces[::4] = forces[::4, ::-1]
    odd = replace(frames, forces=forces.reshape(-1, 3))
    assert wrong(odd) == []
    assert any(line.startswith("forces may not belong to the positions: corr") for line in remarks(odd))


@pytest.mark.parametrize("size", [0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1])
def test_rattled_stiff_bonds_raise_no_alarm(size: float) -> None:
    frames = bonds(size)
    assert wrong(frames) == []
    assert remarks(frames) == []


@pytest.mark.parametrize("step", [0.1, 0.3])
def test_forces_of_sparse_frames_are_not_judged(step: float) -> None:
    frames = springs(walk(40, step))
    shuffled = of_frame(frames)[np.random.default_rng(3).permutation(40)]
    assert wrong(replace(frames, forces=shuffled.reshape(-1, 3))) == []


def test_energies_with_too_few_digits_are_not_judged() -> None:
    """Steps of 1e-3 Å change energies by less than the tenth of an eV to which they are written."""
    frames = springs(0.30046 * SIGNS + walk(40, 0.001))
    coarse = replace(frames, energies=np.round(frames.energies, 1))
    assert wrong(coarse) == []
    assert not any("belong" in line for line in remarks(coarse))


def test_plus_and_minus_displacements_raise_no_alarm() -> None:
    """Pairs of a phonon calculation: equal energies, and work that cancels."""
    shifts = np.zeros((48, 8, 3))
    shifts.reshape(24, 2, 24)[np.arange(24), 0, np.arange(24)] = 0.01
    shifts.reshape(24, 2, 24)[np.arange(24), 1, np.arange(24)] = -0.01
    frames = springs(shifts)
    noise = np.random.default_rng(4).normal(0, 1e-4, 48)
    odd = replace(frames, energies=frames.energies + noise)
    assert not any("belong" in line for line in [*wrong(odd), *remarks(odd)])


def test_one_wrong_energy_is_an_outlier_and_no_disorder() -> None:
    frames = springs(walk())
    energies = frames.energies.copy()
    energies[20] += 500.0
    odd = replace(frames, energies=energies)
    assert wrong(odd) == []
    (sentence,) = remarks(odd)
    assert sentence.startswith("frame 20: its energy lies +62.")


def sizes(count: int = 40) -> Frames:
    """One frame each of Ne_n, n from 2 to 41: energies of -12.5 eV/atom and noise of 20 meV/atom."""
    random = np.random.default_rng(5)
    images = [Atoms(f"Ne{n}", 3.0 * np.arange(n)[:, None] * [1.0, 0, 0]) for n in range(2, count + 2)]
    energies = np.array([len(image) * (-12.5 + random.normal(0, 0.02)) for image in images])
    return Frames.from_atoms(images, energies, random.normal(0, 1, (sum(map(len, images)), 3)))


def test_an_outlier_among_compositions_of_one_frame_is_named() -> None:
    frames = sizes()
    assert remarks(frames) == []
    energies = frames.energies.copy()
    energies[22] += 500.0
    (outlier,) = outliers(replace(frames, energies=energies))
    assert (outlier.frame, outlier.limit) == (22, 2.0)
    assert outlier.distance == pytest.approx(500 / 24, abs=0.1)
    (sentence,) = remarks(replace(frames, energies=energies))
    assert "from what its elements have in the other frames (Ne24)" in sentence


def test_an_outlier_among_few_frames_of_a_composition_is_named() -> None:
    few = springs(walk(7, 0.2)).select(np.arange(7))
    pairs = Frames.from_atoms(
        [Atoms("Ne2", [[0, 0, 0], [3 + 0.1 * k, 0, 0]]) for k in range(20)],
        np.linspace(-25.0, -24.9, 20),
        np.random.default_rng(6).normal(0, 1, (40, 3)),
    )
    frames = concatenate([pairs, few])
    assert outliers(frames) == []
    energies = frames.energies.copy()
    energies[22] += 500.0
    (outlier,) = outliers(replace(frames, energies=energies))
    assert (outlier.frame, outlier.expected) == (22, "the median of Ne8")


def test_two_energy_zeros_are_named() -> None:
    frames = springs(walk(40, 0.2))
    shift = np.where(np.arange(40) % 2, 500.0, 0.0)
    (sentence,) = remarks(replace(frames, energies=frames.energies + shift))
    assert sentence.startswith("energies of Ne8 fall into two groups 50")
    assert "(20 and 20 frames, each within " in sentence


def test_few_compositions_of_one_frame_are_not_judged() -> None:
    """Three compositions say nothing on the scatter between compositions."""
    frames = sizes(3)
    assert outliers(replace(frames, energies=frames.energies + np.array([0, 90.0, 0]))) == []


def test_zero_constant_and_repeated_labels_are_remarked() -> None:
    frames = springs(walk(40, 0.2))
    forces, energies = of_frame(frames).copy(), frames.energies.copy()
    energies[[3, 9]] = 0.0
    forces[5], forces[30] = 0.0, forces[12]
    few = replace(springs(walk(4, 0.2)), energies=np.full(4, -33.0))
    few = replace(few, numbers=np.full(32, 18), forces=few.forces + 0.125 * np.tile(SIGNS, (4, 1)))
    odd = concatenate([replace(frames, energies=energies, forces=forces.reshape(-1, 3)), few])
    lines = remarks(odd)
    assert "2 of 44 frames have an energy of exactly 0 (frames 3, 9)" in lines[0]
    assert "in 1 of 44 frames all forces are exactly 0 (frame 5)" in lines[1]
    assert lines[2] == "all 4 energies of Ar8 are -33.000000 eV: has each frame its own energy?"
    assert (
        "1 frames have the forces of an earlier frame to the last digit (frame 30 those of frame 12)"
        in lines[3]
    )


def test_an_isolated_atom_changes_no_message() -> None:
    frames = springs(walk(12))
    lone = Frames.from_atoms([Atoms("Ne")], np.array([-2.0]), np.zeros((1, 3)))
    zero = of_frame(frames).copy()
    zero[:, :3] = 0.0
    frozen = replace(frames, forces=zero.reshape(-1, 3))
    assert remarks(concatenate([lone, frozen])) == remarks(frozen)
    bare = replace(frames, forces=np.full_like(frames.forces, np.nan))
    names = {"DFT_forces": 12, "energy": 13}
    with_lone, without = (
        [
            str(problem)
            for problem in labels.check_source(
                Source(part, np.full(len(part), np.nan), names), Relations.of(part), NAMES, 100.0
            )
        ]
        for part in (concatenate([lone, bare]), bare)
    )
    assert (
        with_lone
        == without
        == ["no frame has the forces label; received `forces`; expected one of: DFT_forces (12 frames)"]
    )
