"""`mlipbench build` and `mlipbench label` as they are typed, and against what a campaign's tasks make."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from mlipbench_hpc.campaign.facts import built_facts
from mlipbench_hpc.campaign.spec import System
from mlipbench_hpc.cli import main
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.check import check_frames
from mlipbench_hpc.data.read import read as read_dataset
from mlipbench_hpc.plan import sources
from mlipbench_hpc.worker.builders.slab import interface

VENVS = Path(__file__).parents[1] / ".venvs"
SLAB = ["--slab", "4", "4", "3", "--waters", "30", "--ions", "2"]
EV = {"energy": "eV", "force": "eV/Å", "dipole": "e·Å"}
LABELS = {"energy": "energy", "forces": "forces", "dipole": "dipole"}


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    if not (VENVS / "analysis" / "bin" / "python").exists():
        pytest.skip("make setup ENVS=analysis")


def build(out: Path, *words: str) -> tuple[Any, dict[str, Any]]:
    """The one frame and what is said of it."""
    assert main(["build", *words, "--out", str(out)]) == 0
    return read(out / "structure.extxyz", format="extxyz"), json.loads((out / "build.json").read_text())


def test_a_slab_is_that_of_a_campaign(tmp_path: Path, capfd: Any) -> None:
    words = ["--lattice-constant", "4.20", "--vacuum", "12.5", "--density", "1.01", "--seed", "3"]
    result, message = build(tmp_path, *SLAB, *words)
    asked = {"size": [4, 4, 3], "waters": 30, "ions": 2, "seed": 3}
    asked |= {"lattice_constant": "4.20 Å", "vacuum": "12.5 Å", "density": "1.01 g/cm3"}
    system = System.model_validate({"slab": asked})
    facts = built_facts(system)
    assert facts is not None
    parameters, _ = sources.build(system, facts, 0)
    parameters.pop("kind")
    frames, values = interface(**parameters)
    assert result.get_chemical_symbols() == frames.atoms(0).get_chemical_symbols()
    np.testing.assert_allclose(result.positions, frames.positions, atol=1e-8)
    np.testing.assert_allclose(result.cell.array, frames.cells[0])
    assert result.pbc.all()
    assert message["wall_A"] == values["wall_A"]
    assert message["compositions"] == {"Au48H60Na2O30": 1}
    text = capfd.readouterr().out
    assert f"{tmp_path / 'structure.extxyz'}: 140 atoms, Au48H60Na2O30, in a cell of 11.88 x 10.29 x" in text
    assert f"reflecting wall at z = {values['wall_A']:.2f} Å" in text


@pytest.mark.whole
def test_a_cube_of_water_and_its_seeds(tmp_path: Path) -> None:
    one, message = build(tmp_path / "one", "--water-box", "16", "--density", "0.95")
    assert message["compositions"] == {"H32O16": 1}
    assert 16 * 18.01528 / one.get_volume() / 0.602214076 == pytest.approx(0.95)
    again, _ = build(tmp_path / "again", "--water-box", "16", "--density", "0.95", "--seed", "0")
    other, _ = build(tmp_path / "other", "--water-box", "16", "--density", "0.95", "--seed", "1")
    assert np.array_equal(one.positions, again.positions)
    assert not np.array_equal(one.positions, other.positions)


@pytest.mark.whole
def test_a_given_structure_is_checked_and_its_wall_found(tmp_path: Path, capfd: Any) -> None:
    film = Atoms("Au2ONa", [[0, 0, z] for z in (22.0, 24.0, 1.0, 5.0)], cell=[9, 9, 25.0], pbc=True)
    write(tmp_path / "own.extxyz", film, format="extxyz")
    assert build(tmp_path / "out", "--structure", str(tmp_path / "own.extxyz"))[1]["wall_A"] == 8.0
    write(tmp_path / "two.extxyz", [film, film], format="extxyz")
    words = ["build", "--structure", str(tmp_path / "two.extxyz"), "--out", str(tmp_path / "none")]
    assert main(words) == 2
    assert f"{tmp_path / 'two.extxyz'}: more than one frame" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--slab", "4", "4", "3"], ["--waters: is required"]),
        (["--slab", "4", "3", "3", "--waters", "30"], ["--slab: rows", "received 3; expected even"]),
        ([*SLAB, "--vacuum", "-1"], ["--vacuum: ", "received '-1.0 Å'"]),
        ([*SLAB[:-1], "9", "--density", "2"], ["--density: ", "--ions: too many ions for the film"]),
        (["--slab", "4", "4", "0", "--waters", "30"], ["--slab: "]),
        (["--water-box", "16", "--ions", "2"], ["--ions: only with --slab"]),
        (["--structure", "none.xyz"], ["--structure: none.xyz: no such file or folder"]),
        (["--structure", "x", "--density", "1", "--seed", "1"], ["--density, --seed: only with --slab or"]),
        (["--water-box", "0"], ["--water-box: "]),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(
    tmp_path: Path, words: list[str], expected: list[str], capfd: Any
) -> None:
    assert main(["build", *words, "--out", str(tmp_path / "out")]) == 2
    text = capfd.readouterr().err
    for one in [*expected, "nothing was run"]:
        assert one in text
    assert "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_a_seed_is_a_whole_number(capfd: Any) -> None:
    with pytest.raises(SystemExit):
        main(["build", "--water-box", "16", "--seed", "-1"])
    assert "--seed: received -1, expected a whole number, 0 or more" in capfd.readouterr().err


@pytest.mark.engine
def test_labels_are_those_of_the_potential_and_can_be_trained_on(tmp_path: Path, capfd: Any) -> None:
    """Two frames of a slab, the second with an ion moved by 1e-3 Å: its force is the energy's slope."""
    frame, _ = build(tmp_path, *SLAB)
    moved = frame.copy()
    moved.positions[-1, 2] += 1e-3
    write(tmp_path / "two.extxyz", [frame, moved], format="extxyz")
    words = ["label", str(tmp_path / "two.extxyz"), "--potential", "electrode"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    result = read_dataset(tmp_path / "out" / "labelled.extxyz", "extxyz", EV, LABELS, None).frames
    assert check_frames(result, 100.0) == []
    forces = result.forces.reshape(2, -1, 3)[:, -1, 2]
    slope = -(result.energies[1] - result.energies[0]) / 1e-3
    assert slope == pytest.approx(forces.mean(), abs=5e-3)
    answers = Answers.load(tmp_path / "out")
    assert answers is not None
    charges = answers.charges.reshape(2, -1)
    np.testing.assert_allclose(charges[:, frame.numbers == 79].sum(axis=1), -2.0, atol=1e-8)
    assert np.isnan(answers.walls).all()
    text = capfd.readouterr().out
    assert f"{tmp_path / 'out' / 'labelled.extxyz'}: 2 frames with energies (eV) and forces (eV/Å)" in text
    assert json.loads((tmp_path / "out" / "label.json").read_text())["potential"] == "electrode"


@pytest.mark.engine
def test_labels_of_water_leave_no_answers_of_an_electrode(tmp_path: Path) -> None:
    build(tmp_path, "--water-box", "16")
    (tmp_path / "labels.npz").write_bytes(b"of another day")
    words = [str(tmp_path / "structure.extxyz"), "--potential", "spc-fw", "--out", str(tmp_path)]
    assert main(["label", *words]) == 0
    assert not (tmp_path / "labels.npz").exists()
    labelled = read(tmp_path / "labelled.extxyz", format="extxyz")
    assert np.abs(labelled.get_forces().sum(axis=0)).max() < 0.05
    assert labelled.get_potential_energy() < 0


@pytest.mark.engine
def test_labelled_frames_have_the_masses_of_their_starts(tmp_path: Path) -> None:
    """D2O, and a molecule of the elements' own masses beside it: forces are equal, masses are not."""
    heavy = Atoms("OH2", [[4, 4, 4], [5, 4, 4], [4, 5, 4]], cell=[10] * 3, pbc=True)
    light = heavy.copy()
    light.positions[1, 0] += 0.01
    heavy.set_masses([15.999, 2.014, 2.014])
    write(tmp_path / "heavy.extxyz", [heavy, light], format="extxyz")
    words = [str(tmp_path / "heavy.extxyz"), "--potential", "spc-fw", "--out", str(tmp_path / "out")]
    assert main(["label", *words]) == 0
    frames = read_dataset(tmp_path / "out" / "labelled.extxyz", "extxyz", EV, LABELS, None).frames
    assert frames.atoms(0).get_masses().tolist() == [15.999, 2.014, 2.014]
    assert frames.atoms(1).get_masses() == pytest.approx([15.999, 1.008, 1.008])


@pytest.mark.engine
@pytest.mark.parametrize(
    ("image", "potential", "expected"),
    [
        (Atoms("OH2", [[0, 0, 0], [1, 0, 0], [0, 1, 0]], cell=[10] * 3, pbc=True), "electrode", "needs gold"),
        (Atoms("OH", [[0, 0, 0], [1, 0, 0]], cell=[10] * 3, pbc=True), "spc-fw", "must form water"),
        (Atoms("O2", [[0, 0, 0], [0.1, 0, 0]], cell=[10] * 3, pbc=True), "spc-fw", "on top of each other"),
    ],
)
def test_frames_that_cannot_be_labelled_are_named(
    tmp_path: Path, image: Atoms, potential: str, expected: str, capfd: Any
) -> None:
    path = tmp_path / "one.extxyz"
    write(path, image, format="extxyz")
    assert main(["label", str(path), "--potential", potential, "--out", str(tmp_path / "out")]) == 2
    text = capfd.readouterr().err
    assert f"{path}: frame 0: " in text
    assert expected in text
    assert "Traceback" not in text


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capfd: Any) -> None:
    assert main(["label", str(tmp_path / "none.xyz"), "--potential", "spc-fw"]) == 2
    assert f"{tmp_path / 'none.xyz'}: no such file or folder" in capfd.readouterr().err
