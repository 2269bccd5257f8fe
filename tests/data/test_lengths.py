"""Positions in Bohr or Å, of molecules drawn from tables of their geometry, against what is stated."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from label_checks import mistakes

from mlipbench_hpc.data.check import check_structure
from mlipbench_hpc.data.frames import Frames

SENTENCE = "positions are in another unit; received bonds of H "


def molecules(names: list[str], count: int = 12, rattle: float = 0.03, pbc: bool = True) -> Frames:
    """Frames without neighbours: molecules of ASE's table (G2 geometries), turned at random, 6 Å apart."""
    random = np.random.default_rng(0)
    images = []
    for _ in range(count):
        whole = Atoms(cell=[6.0 * len(names), 6.0, 6.0], pbc=pbc)
        for place, name in enumerate(names):
            one = molecule(name)
            turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
            one.positions = (one.positions - one.positions.mean(axis=0)) @ turn + [6.0 * place + 3, 3, 3]
            whole += one
        whole.positions += random.normal(0, rattle, whole.positions.shape)
        images.append(whole)
    atoms = len(images[0]) * count
    return Frames.from_atoms(images, random.normal(size=count), random.normal(0, 0.1, (atoms, 3)))


def scaled(frames: Frames, factor: float) -> Frames:
    return replace(frames, positions=frames.positions * factor, cells=frames.cells * factor)


@pytest.mark.parametrize("pbc", [True, False])
@pytest.mark.parametrize("names", [["H2O"], ["H2O", "CH3OH"], ["HCOOH", "CH4"], ["NH3", "H2CO"]])
def test_positions_in_bohr_are_refused_and_those_in_angstrom_pass(names: list[str], pbc: bool) -> None:
    frames = molecules(names, pbc=pbc)
    assert not any(sentence.startswith(SENTENCE) for sentence in mistakes(frames, 1e9))
    (sentence,) = mistakes(scaled(frames, 1.0 / units.Bohr), 1e9)
    assert sentence.startswith(SENTENCE + "1.")
    assert "the file has positions in Bohr" in sentence
    (sentence,) = mistakes(scaled(frames, units.Bohr), 1e9)
    assert sentence.startswith(SENTENCE + "0.5")
    assert "said to be in Bohr, and are in Å" in sentence


def test_one_composition_in_bohr_among_others_is_refused() -> None:
    from mlipbench_hpc.data.frames import concatenate

    both = concatenate([scaled(molecules(["H2O"]), 1.0 / units.Bohr), molecules(["CH3OH"])])
    assert any(sentence.startswith(SENTENCE) for sentence in mistakes(both, 1e9))


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_stretched_bonds_and_other_hydrogens_raise_no_alarm(factor: float) -> None:
    """Half of the hydrogens far out, hydrides and hydrogen gas: none has the length of a bond in Bohr."""
    frames = molecules(["H2O"], count=30)
    assert check_structure(scaled(frames, factor)) == []
    positions = frames.positions.reshape(-1, 3, 3).copy()
    positions[:, 1] = positions[:, 0] + 1.9 * (positions[:, 1] - positions[:, 0])
    assert check_structure(replace(frames, positions=positions.reshape(-1, 3))) == []
    for names in (["LiH", "NaCl"], ["H2", "O2"], ["SiH4", "CO2"], ["PH3", "N2"]):
        assert check_structure(molecules(names)) == []


def test_a_start_structure_in_bohr_is_refused() -> None:
    frames = molecules(["H2O"] * 6, count=1)
    (problem,) = check_structure(scaled(frames, 1.0 / units.Bohr))
    assert str(problem).startswith(SENTENCE)
