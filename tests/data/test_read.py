"""Frames in the users' formats and units."""

import pickle
import sqlite3
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.read import DataError, read
from mlipbench_hpc.data.units import FACTORS

EV = {"energy": "eV", "force": "eV/Å"}
NAMES = {"energy": "energy", "forces": "forces", "dipole": "dipole"}


def frames_of(
    path: Path, format: str, units: dict[str, str], labels: dict[str, str], limit: int | None
) -> Frames:
    return read(path, format, {"dipole": "e·Å"} | units, labels, limit).frames


def images() -> list[Atoms]:
    """Two molecules of different size, with labels that are easily recognised."""
    result = []
    for number, symbols in enumerate(("OH2", "NaOH2")):
        size = 3 + number
        positions = np.arange(3.0 * size).reshape(size, 3)
        image = Atoms(symbols, positions=positions, cell=[9.0, 10.0, 11.0], pbc=[True, True, False])
        image.calc = SinglePointCalculator(image, energy=-10.0 - number, forces=0.01 * positions)
        result.append(image)
    return result


def check(frames: Frames) -> None:
    assert frames.numbers.tolist() == [8, 1, 1, 11, 8, 1, 1]
    assert frames.energies.tolist() == pytest.approx([-10.0, -11.0])
    assert frames.positions[3:] == pytest.approx(np.arange(12.0).reshape(4, 3))
    assert frames.forces == pytest.approx(0.01 * frames.positions)
    assert frames.cells[1] == pytest.approx(np.diag([9.0, 10.0, 11.0]))
    assert frames.pbc.tolist() == [[True, True, False]] * 2
    assert frames.formula(1) == "H2Na1O1"


def test_extxyz(tmp_path: Path):
    ase.io.write(tmp_path / "a.xyz", images(), format="extxyz")
    check(frames_of(tmp_path / "a.xyz", "extxyz", EV, NAMES, None))
    assert len(frames_of(tmp_path / "a.xyz", "extxyz", EV, NAMES, 1)) == 1


def test_extxyz_with_other_names_and_a_missing_label(tmp_path: Path):
    first, second = images()
    first.calc = second.calc = None
    first.info["dft_energy"] = -10.0
    first.arrays["dft_force"] = 0.01 * first.positions
    ase.io.write(tmp_path / "a.xyz", [first, second], format="extxyz")
    frames = frames_of(
        tmp_path / "a.xyz", "extxyz", EV, {"energy": "dft_energy", "forces": "dft_force", "dipole": ""}, None
    )
    assert frames.energies[0] == -10.0
    assert frames.forces[:3] == pytest.approx(0.01 * first.positions)
    assert np.isnan(frames.energies[1])
    assert np.isnan(frames.forces[3:]).all()
    assert np.isnan(frames_of(tmp_path / "a.xyz", "extxyz", EV, NAMES, None).energies).all()


@pytest.mark.parametrize("name", ["a.db", "a.json", "a.wrongly_named"])
def test_ase_databases(tmp_path: Path, name: str):
    base = ase.db.connect(tmp_path / name, type="json" if name.endswith("json") else "db")
    for image in images():
        base.write(image)
    check(frames_of(tmp_path / name, "ase-db", EV, NAMES, None))
    assert len(frames_of(tmp_path / name, "ase-db", EV, NAMES, 1)) == 1


def deepmd(folder: Path, frames: int = 2, dtype: str = "float64") -> Path:
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("1\n0\n0\n")
    (folder / "type_map.raw").write_text("H\nO\n")
    coordinates = np.arange(frames * 9.0).reshape(frames, 9)
    np.save(folder / "set.000" / "coord.npy", coordinates.astype(dtype))
    np.save(folder / "set.000" / "box.npy", np.tile(np.diag([9.0, 10.0, 11.0]).ravel(), (frames, 1)))
    np.save(folder / "set.000" / "energy.npy", np.arange(frames) - 10.0)
    np.save(folder / "set.000" / "force.npy", 0.01 * coordinates)
    np.save(folder / "set.000" / "virial.npy", np.zeros((frames, 9)))
    return folder


def test_deepmd_folders(tmp_path: Path):
    deepmd(tmp_path / "all" / "b", frames=3, dtype="float32")
    deepmd(tmp_path / "all" / "a", frames=2)
    frames = frames_of(tmp_path / "all", "deepmd-npy", EV, NAMES, None)
    assert frames.sizes.tolist() == [3] * 5
    assert frames.numbers.tolist() == [8, 1, 1] * 5
    assert frames.energies.tolist() == [-10.0, -9.0, -10.0, -9.0, -8.0]
    assert frames.positions[5].tolist() == [15.0, 16.0, 17.0]
    assert frames.forces == pytest.approx(0.01 * frames.positions)
    assert len(frames_of(tmp_path / "all", "deepmd-npy", EV, NAMES, 4)) == 4
    assert len(frames_of(tmp_path / "all" / "a", "deepmd-npy", EV, NAMES, None)) == 2


def test_deepmd_without_labels_or_cell(tmp_path: Path):
    folder = deepmd(tmp_path / "a")
    for name in ("energy", "force", "box"):
        (folder / "set.000" / f"{name}.npy").unlink()
    (folder / "nopbc").touch()
    frames = frames_of(folder, "deepmd-npy", EV, NAMES, None)
    assert np.isnan(frames.energies).all()
    assert not frames.pbc.any()


def spoil_inputs(folder: Path) -> None:
    np.save(folder / "set.000" / "fparam.npy", np.zeros((2, 1)))


def spoil_pickle(folder: Path) -> None:
    np.save(folder / "set.000" / "energy.npy", np.array([{"a": 1}, None]), allow_pickle=True)


def spoil_shape(folder: Path) -> None:
    np.save(folder / "set.000" / "force.npy", np.zeros((2, 6)))


def spoil_names(folder: Path) -> None:
    (folder / "type_map.raw").write_text("H\n")


def spoil_sets(folder: Path) -> None:
    (folder / "set.000").rename(folder / "elsewhere")


def spoil_mixed(folder: Path) -> None:
    np.save(folder / "set.000" / "real_atom_types.npy", np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_inputs, r"fparam\.npy: no model here uses it: .* state `ignore: \[fparam\]`"),
        (spoil_pickle, r"energy\.npy: not readable as a numeric .npy array"),
        (spoil_shape, r"force.npy: received shape \(2, 6\), expected \(2, 9\)"),
        (spoil_names, r"type.raw holds type 1, but type_map.raw names 1 types from 0 on \(H\)"),
        (spoil_sets, "no set"),
        (spoil_mixed, "mixed types"),
    ],
)
def test_deepmd_folders_that_cannot_be_used(tmp_path: Path, spoil, words: str):
    folder = deepmd(tmp_path / "a")
    spoil(folder)
    with pytest.raises(DataError, match=words):
        frames_of(folder, "deepmd-npy", EV, NAMES, None)


def test_what_deepmd_knows_beyond_a_model_may_be_ignored(tmp_path: Path):
    folder = deepmd(tmp_path / "a")
    spoil_inputs(folder)
    units = EV | {"dipole": "e·Å"}
    assert len(read(folder, "deepmd-npy", units, NAMES, None, ("fparam",)).frames) == 2


def test_deuterium_is_hydrogen_of_its_own_mass(tmp_path: Path):
    """Type 0 is D, 2.014102 u (IUPAC); the oxygen keeps its element's mass."""
    folder = deepmd(tmp_path / "a")
    (folder / "type_map.raw").write_text("D\nO\n")
    source = read(folder, "deepmd-npy", EV | {"dipole": "e·Å"}, NAMES, None, ())
    assert source.frames.numbers.tolist() == [8, 1, 1] * 2
    assert source.frames.atoms(1).get_masses() == pytest.approx([15.999, 2.014102, 2.014102], abs=1e-5)
    assert "species D is H of 2.014 u" in source.remarks
    (folder / "type_map.raw").write_text("H\nO\n")
    assert read(folder, "deepmd-npy", EV | {"dipole": "e·Å"}, NAMES, None, ()).frames.masses is None


def test_a_type_that_is_no_element_is_named(tmp_path: Path):
    folder = deepmd(tmp_path / "a")
    (folder / "type_map.raw").write_text("Qq\nO\n")
    with pytest.raises(DataError, match=r"type_map\.raw: 'Qq' is no element"):
        frames_of(folder, "deepmd-npy", EV, NAMES, None)


def test_a_type_without_a_name_is_said_with_the_names(tmp_path: Path):
    folder = deepmd(tmp_path / "a")
    (folder / "type.raw").write_text("0\n1\n2\n")
    with pytest.raises(
        DataError,
        match=r"type.raw holds type 2, but type_map.raw names 2 types from 0 on \(H O\): add the name",
    ):
        frames_of(folder, "deepmd-npy", EV, NAMES, None)
    (folder / "type.raw").write_text("")
    with pytest.raises(DataError, match=r"type\.raw: it is empty; expected one type number for each atom"):
        frames_of(folder, "deepmd-npy", EV, NAMES, None)


def test_a_ghost_type_has_number_zero(tmp_path: Path):
    folder = deepmd(tmp_path / "a")
    (folder / "type_map.raw").write_text("X\nO\n")
    assert frames_of(folder, "deepmd-npy", EV, NAMES, None).numbers[:3].tolist() == [8, 0, 0]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ({"energy": "Hartree", "force": "Hartree/Bohr"}, (27.211386, 51.422067)),
        ({"energy": "kcal/mol", "force": "kcal/mol/Å"}, (0.0433641, 0.0433641)),
        ({"energy": "kJ/mol", "force": "kJ/mol/nm"}, (0.01036427, 0.001036427)),
        ({"energy": "meV", "force": "meV/Å"}, (0.001, 0.001)),
        ({"energy": "eV", "force": "eV/A"}, (1.0, 1.0)),
    ],
)
def test_units(tmp_path: Path, unit: dict[str, str], expected: tuple[float, float]):
    frames = frames_of(deepmd(tmp_path / "a"), "deepmd-npy", unit, NAMES, None)
    assert frames.energies[0] == pytest.approx(-10.0 * expected[0], rel=1e-6)
    assert frames.forces[1, 1] == pytest.approx(0.04 * expected[1], rel=1e-6)
    assert frames.positions[1, 1] == 4.0


def test_every_unit_of_the_schema_is_known():
    from mlipbench_hpc.campaign.spec import Units

    for name, known in FACTORS.items():
        assert set(Units.model_fields[name].annotation.__args__) == set(known)


def test_dipoles_along_z(tmp_path: Path):
    first, second = images()
    first.calc.results["dipole"] = np.array([1.0, 2.0, 3.0])
    ase.io.write(tmp_path / "a.xyz", [first, second], format="extxyz")
    first.calc.results.pop("dipole")
    first.info["mu"] = [0.0, 0.0, 1.0]
    ase.io.write(tmp_path / "b.xyz", [first, second], format="extxyz")
    folder = deepmd(tmp_path / "c")
    np.save(folder / "set.000" / "dipole.npy", [[0.0, 0.0, 4.0], [0.0, 0.0, -5.0]])
    result = read(tmp_path / "a.xyz", "extxyz", EV | {"dipole": "e·Å"}, NAMES, None).dipoles
    assert result == pytest.approx([3.0, np.nan], nan_ok=True)
    result = read(tmp_path / "b.xyz", "extxyz", EV | {"dipole": "Debye"}, NAMES | {"dipole": "mu"}, 1).dipoles
    assert result == pytest.approx([0.20819434], rel=1e-7)  # CODATA 2018
    result = read(folder, "deepmd-npy", EV | {"dipole": "e·Bohr"}, NAMES, None).dipoles
    assert result == pytest.approx([4 * 0.529177211, -5 * 0.529177211], rel=1e-8)


def test_a_dipole_that_is_no_vector(tmp_path: Path):
    first, _ = images()
    first.info["mu"] = 1.0
    ase.io.write(tmp_path / "a.xyz", [first], format="extxyz")
    with pytest.raises(DataError, match=r"frame 0: `mu` has shape \(\), expected \(3,\)"):
        read(tmp_path / "a.xyz", "extxyz", EV | {"dipole": "e·Å"}, NAMES | {"dipole": "mu"}, None)


class Bomb:
    def __reduce__(self):
        return (Path("exploded").touch, ())


@pytest.mark.parametrize("format", ["extxyz", "ase-db", "deepmd-npy"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_is_never_loaded(tmp_path: Path, monkeypatch, format: str, protocol: int):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_bytes(pickle.dumps(Bomb(), protocol))
    with pytest.raises(DataError, match=r"Python pickle|neither SQLite nor valid JSON"):
        frames_of(tmp_path / "data", format, EV, NAMES, None)
    assert not Path("exploded").exists()


def test_a_foreign_sqlite_file_is_refused_and_left_as_it_was(tmp_path: Path):
    with sqlite3.connect(tmp_path / "other.db") as base:
        base.execute("create table recipes (name text)")
    base.close()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(DataError, match="not an ASE database"):
        frames_of(tmp_path / "other.db", "ase-db", EV, NAMES, None)
    assert (tmp_path / "other.db").read_bytes() == before
