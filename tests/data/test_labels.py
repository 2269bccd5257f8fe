"""Labels that cannot be right, against springs whose energies and forces are exact."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from label_checks import mistakes, remarks, source

from mlipbench_hpc.data.check import check_structures
from mlipbench_hpc.data.consistency import consistency
from mlipbench_hpc.data.duplicates import duplicates
from mlipbench_hpc.data.energies import isolated_atoms, offsets, without_reference
from mlipbench_hpc.data.frames import Frames, concatenate
from mlipbench_hpc.data.leaveout import leave_out
from mlipbench_hpc.data.read import DataError
from mlipbench_hpc.data.relations import Relations
from mlipbench_hpc.data.survey import in_time, survey

STIFFNESS = 3.0


def springs(count: int = 12, size: float = 0.08, seed: int = 0) -> Frames:
    """Eight atoms on springs of 3 eV/Å² to a lattice: E = ½ k Σ d², F = -k d, in a cell of 8 Å."""
    random = np.random.default_rng(seed)
    sites = np.stack(np.meshgrid(*[[0.0, 4.0]] * 3), -1).reshape(-1, 3)
    shifts = random.normal(0, size, (count, 8, 3))
    shifts -= shifts.mean(axis=1, keepdims=True)  # no net force
    images = [Atoms("Ne8", sites + shift, cell=[8.0] * 3, pbc=True) for shift in shifts]
    energies = -100.0 + 0.5 * STIFFNESS * (shifts**2).sum(axis=(1, 2))
    return Frames.from_atoms(images, energies, -STIFFNESS * shifts.reshape(-1, 3))


def wrong(frames: Frames, **changes: Any) -> list[str]:
    return mistakes(frames, 100.0, **changes)


def test_sound_labels_pass_and_fit() -> None:
    """The trapezoid rule is exact for springs."""
    frames = springs()
    assert wrong(frames) == []
    assert remarks(frames) == []
    fit = consistency(frames)
    assert fit is not None
    assert (fit.slope, fit.pairs) == (pytest.approx(1.0), 11)
    assert "energies change by 1 of the work of the forces (11 neighbouring pairs)" in survey(
        source(frames), Relations.of(frames)
    )


@pytest.mark.parametrize(
    ("energy", "force", "length", "words"),
    [
        (1.0, -1.0, 1.0, "gradients instead of forces"),
        (1 / 27.2114, 1.0, 1.0, "energies in Hartree"),
        (1 / 13.6057, 1.0, 1.0, "energies in Ry"),
        (1.0, 1 / 51.4221, 1.0, "forces in Hartree/Bohr"),
        (1.0, 1.0, 1 / 0.529177, "positions in Bohr"),
        (1 / 27.2114, 1 / 51.4221, 1.0, "energies in Hartree and forces in Hartree/Bohr"),
        (1 / 27.2114, -1.0, 1.0, "energies in Hartree, and the labels are gradients"),
    ],
)
def test_labels_in_other_units_than_stated(energy: float, force: float, length: float, words: str) -> None:
    frames = springs(size=0.05)
    odd = replace(
        frames,
        energies=frames.energies * energy,
        forces=frames.forces * force,
        positions=frames.positions * length,
        cells=frames.cells * length,
    )
    (sentence,) = wrong(odd)
    assert "energies and forces contradict each other" in sentence
    assert words in sentence


def test_energies_per_atom_are_named() -> None:
    """Twelve atoms on springs: a twelfth of the work, which no unit explains."""
    frames = springs()
    (sentence,) = wrong(replace(frames, energies=frames.energies / frames.sizes))
    assert "the file has energies per atom" in sentence.split("expected 1: ")[1].split(" or ")[0]


def test_random_labels_say_nothing() -> None:
    frames = springs()
    noise = np.random.default_rng(1).normal(size=frames.forces.shape)
    assert wrong(replace(frames, forces=noise)) == []


def test_labels_without_content() -> None:
    frames = springs()
    assert wrong(replace(frames, forces=np.zeros_like(frames.forces))) == [
        "all forces are zero; received 12 frames; expected forces of the reference method"
    ]
    (sentence,) = wrong(replace(frames, energies=np.full(12, -3.5)))
    assert "all energies are equal; received -3.500000 eV in 12 frames" in sentence


def test_frozen_atoms_are_remarked() -> None:
    frames = springs()
    forces = frames.forces.copy().reshape(12, 8, 3)
    forces[:, :3] = 0.0
    (sentence,) = remarks(replace(frames, forces=forces.reshape(-1, 3)))
    assert "12 of 12 frames have atoms with a force of exactly zero (up to 3)" in sentence


def test_an_outlier_within_its_composition_is_named() -> None:
    frames = springs()
    energies = frames.energies.copy()
    energies[7] += 8 * 15.0
    (sentence,) = remarks(replace(frames, energies=energies))
    assert sentence.startswith("frame 7: its energy lies +15")
    assert "Ne8" in sentence


def test_mixed_periodicity_is_flagged() -> None:
    frames = springs()
    pbc = frames.pbc.copy()
    pbc[:5] = False
    assert "5 not periodic, 7 periodic in three directions" in remarks(replace(frames, pbc=pbc))[0]


def test_a_ghost_and_a_cell_without_volume_are_refused() -> None:
    frames = springs(3)
    numbers, cells, pbc = frames.numbers.copy(), frames.cells.copy(), frames.pbc.copy()
    numbers[8] = 0
    cells[2, 2], pbc[2, 2] = 0.0, False
    messages = [
        str(problem) for problem in check_structures(replace(frames, numbers=numbers, cells=cells, pbc=pbc))
    ]
    assert (
        messages[0]
        == "frame 1: ghost atom (X); received 1 such atoms; expected atoms of an element; take them out"
    )
    assert messages[1].startswith("frame 2: periodic cell without volume")
    assert "pbc TTF" in messages[1]
    assert len(messages) == 2


def test_the_names_that_a_file_has_when_the_label_is_missing() -> None:
    frames = springs(2)
    bare = replace(frames, energies=np.full(2, np.nan))
    (sentence,) = wrong(bare, names={"REF_energy": 2, "charge": 2, "forces": 2})
    assert (
        sentence == "no frame has the energy label; received `energy`; expected one of: REF_energy (2 frames)"
    )


@pytest.mark.parametrize("pbc", [True, False])
def test_a_shifted_copy_is_a_duplicate_and_a_strained_one_is_not(pbc: bool) -> None:
    random = np.random.default_rng(3)
    cell = np.array([[6.0, 0, 0], [1.5, 7.0, 0], [0, -1.0, 8.0]])
    first = Atoms("C4O2H", random.uniform(0, 6, (7, 3)), cell=cell, pbc=pbc)
    shifted = first.copy()
    shifted.positions += [1.234, -5.6, 0.789]
    if pbc:
        shifted.wrap()
    shuffled = shifted[random.permutation(7)]
    moved = first.copy()
    moved.positions[3, 1] += 0.01
    frames = Frames.from_atoms([first, moved, shuffled, shifted])
    assert duplicates(frames) == [(0, 2), (0, 3)]


@pytest.mark.parametrize("step", [1e-3, 3e-4, 5e-5])
def test_an_equation_of_state_has_no_duplicates(step: float) -> None:
    """Cubes of eight atoms, E = 500 eV (s - 1)² per cell of s times the edge 7 Å; one stands there twice."""
    scales = 1.0 + 0.02 + step * np.arange(6)
    sites = np.stack(np.meshgrid(*[[0.0, 0.5]] * 3), -1).reshape(-1, 3)
    images = [Atoms("Cu8", 7.0 * s * sites, cell=[7.0 * s] * 3, pbc=True) for s in scales]
    frames = Frames.from_atoms(images, 500.0 * 8 * (scales - 1.0) ** 2, np.zeros((48, 3)))
    assert duplicates(frames) == []
    assert duplicates(concatenate([frames, frames.select([2])])) == [(2, 6)]
    assert duplicates(replace(frames, energies=np.full(6, np.nan))) == (
        [] if 7.0 * step > 2e-3 else [(0, index) for index in range(1, 1 + int(2e-3 / (7.0 * step)))]
    )


def test_frames_left_out_by_rule() -> None:
    frames = concatenate([springs(10), springs(2)])
    energies, forces = frames.energies.copy(), frames.forces.copy()
    energies[4] += 8 * 1.0
    forces[8 * 5] = [0.0, 30.0, 0.0]
    every = source(replace(frames, energies=energies, forces=forces))
    rules = {"frames": [0, 1], "duplicates": True, "force": 20.0, "energy": 0.5}
    left, dropped = leave_out(every, rules)
    assert dropped == {"frames": 2, "duplicates": 0, "force": 1, "energy": 1}
    assert left.frames.energies == pytest.approx(energies[[2, 3, 6, 7, 8, 9, 10, 11]])
    assert leave_out(every, {"duplicates": True})[1] == {"duplicates": 2}
    with pytest.raises(DataError, match="no frame 12, the data have 12"):
        leave_out(every, {"frames": [12]})
    with pytest.raises(DataError, match="no frame is left after the rule `energy`"):
        leave_out(every, {"energy": 1e-9})


def test_isolated_atoms_and_what_energies_keep() -> None:
    """A lone atom, a lone atom in a wide cell, and one atom that is a crystal."""
    lone, wide = Atoms("Ne"), Atoms("Ar", cell=[12.0] * 3, pbc=True)
    crystal, pair = Atoms("Ne", cell=[3.0] * 3, pbc=True), Atoms("NeAr", [[0, 0, 0], [0, 0, 3.0]])
    frames = Frames.from_atoms([lone, wide, crystal, pair, pair], np.array([-2.0, -5.0, -2.5, -7.1, -7.3]))
    assert isolated_atoms(frames).tolist() == [0, 1]
    reference = {10: -2.0, 18: -5.0}
    assert without_reference(frames, reference).energies == pytest.approx([0, 0, -0.5, -0.1, -0.3])
    rest = offsets(frames, [2, 3, 4], reference)
    assert rest["Ar1Ne1"].mean_eV == pytest.approx(-0.2)
    assert rest["Ar1Ne1"].scatter_meV_per_atom == pytest.approx(50.0)
    assert (rest["Ne1"].frames, rest["Ne1"].mean_eV) == (1, pytest.approx(-0.5))


def test_frames_that_follow_one_another_are_noticed() -> None:
    """A walk of small steps is one run; independent frames are not."""
    random = np.random.default_rng(0)
    sites = 4.0 * np.arange(8)[:, None] * [1.0, 0, 0]
    walk = sites + np.cumsum(random.normal(0, 0.02, (60, 8, 3)), axis=0)
    frames = Frames.from_atoms([Atoms("Ne8", positions) for positions in walk])
    (sentence,) = in_time(frames)
    assert "`group_by`" in sentence
    assert in_time(springs(40)) == []
    assert in_time(replace(frames, groups=np.array(["a"] * 60))) == []


def test_frames_of_two_runs_in_any_order_do_not_follow_one_another() -> None:
    """Two runs 2 Å apart: 10 of 15 successive pairs are of one run, and 2 of 8 distant ones."""
    runs = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1])
    assert ((runs[1:] == runs[:-1]).sum(), (runs[8:] == runs[:8]).sum()) == (10, 2)
    frames = springs(16)
    shift = np.repeat(2.0 * runs, 8)[:, None] * [1.0, 0.0, 0.0]
    assert in_time(replace(frames, positions=frames.positions + shift)) == []
