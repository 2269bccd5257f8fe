"""Extended XYZ as people write it: read to the last byte, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.data.read import DataError, Source, read, read_structures
from mlipbench_hpc.data.records import element

EV = {"energy": "eV", "force": "eV/Å", "dipole": "e·Å"}
NAMES = {"energy": "energy", "forces": "forces", "dipole": "dipole"}
PROPERTIES = "Properties=species:S:1:pos:R:3:forces:R:3"


def frame(comment: str = "energy=-1.5", words: tuple[str, str] = ("O", "H"), x: float = 0.96) -> str:
    """Two atoms in a box."""
    rows = f"{words[0]} 0 0 0 0.1 0 0\n{words[1]} {x} 0 0 -0.1 0 0\n"
    return f'2\nLattice="9 0 0 0 9 0 0 0 9" {PROPERTIES} {comment}\n{rows}'


def source(tmp_path: Path, text: str | bytes, **changes: object) -> Source:
    path = tmp_path / "a.xyz"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    arguments: dict[str, object] = {"units": EV, "labels": NAMES, "limit": None} | changes
    return read(path, "extxyz", **arguments)  # type: ignore[arg-type]


def test_blank_lines_between_frames_hide_none(tmp_path: Path) -> None:
    frames = [frame(f"energy={-number}", x=0.9 + 0.01 * number) for number in range(12)]
    content = source(tmp_path, "\n".join(frames) + "\n\n  \n")
    assert content.frames.energies.tolist() == [-float(number) for number in range(12)]
    size = (tmp_path / "a.xyz").stat().st_size
    assert content.extent == f"{size:,} bytes read, 0 left"
    assert len(source(tmp_path, "".join(frames).rstrip("\n")).frames) == 12


def test_what_a_limit_leaves_is_said(tmp_path: Path) -> None:
    first, second = frame(), frame(x=1.1)
    content = source(tmp_path, first + second, limit=1)
    assert content.extent == f"{len(first)} bytes read, {len(second)} left (frames: 1)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (frame() + "O 0 0 0\n", "frame 1: line 5: 'O 0 0 0', expected the number of atoms of a frame"),
        (frame() + frame().split("O 0")[0], "frame 1: line 7: the frame ends, expected 7 of atom 1"),
        (frame() + frame().replace("-0.1 0 0", "-0.1"), "frame 1: line 8: 5 words, expected 7 of atom 2"),
        (frame("energy"), "frame 0: `energy` has no value"),
        (frame(words=("OW", "HW1")), "frame 0: 'OW' is no element: write symbols of elements for names of"),
        (frame("energy=n/a"), "frame 0: `energy` is 'n/a', expected one number"),
        (frame('energy="1 2"'), "frame 0: `energy` is '\\[1 2\\]', expected one number"),
        (frame(words=("O", "Qq")), "frame 0: 'Qq' is no element"),
        ("99999\n" + frame(), "announces 99999 atoms, more than the rest of the file can hold"),
        (
            frame("energy=1 config_type=IsolatedAtom"),
            "frame 0: config_type says IsolatedAtom, but it has 2 atoms",
        ),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        source(tmp_path, text)


@pytest.mark.parametrize(
    ("word", "number", "mass"),
    [
        ("Cu", 29, None), ("CU", 29, None), ("Cu1", 29, None), ("29", 29, None), ("O_w", 8, None),
        ("D", 1, 2.014), ("T", 1, 3.016), ("X", 0, None), ("Bq", 0, None), ("H2", 1, None),
    ],
)  # fmt: skip
def test_species_as_people_write_them(word: str, number: int, mass: float | None) -> None:
    known = element(word)
    assert known[0] == number
    assert known[1] == pytest.approx(mass, abs=1e-3) if mass else np.isnan(known[1])


def test_heavy_hydrogen_has_its_mass_and_is_said(tmp_path: Path) -> None:
    content = source(tmp_path, frame(words=("O", "D")))
    assert content.frames.numbers.tolist() == [8, 1]
    assert content.frames.atoms(0).get_masses() == pytest.approx([15.999, 2.014102], abs=1e-5)
    assert content.remarks == ("species D is H of 2.014 u",)


def test_a_column_of_masses(tmp_path: Path) -> None:
    text = frame().replace(PROPERTIES, f"{PROPERTIES}:mass:R:1")
    text = text.replace("0.1 0 0\n", "0.1 0 0 200.0\n")
    assert source(tmp_path, text).frames.masses == pytest.approx([200.0, 200.0])


def test_a_byte_order_mark_is_no_frame(tmp_path: Path) -> None:
    assert len(source(tmp_path, b"\xef\xbb\xbf" + frame().encode()).frames) == 1


@pytest.mark.parametrize("word", ["stress", "virial"])
@pytest.mark.parametrize("numbers", [6, 9, 1])
def test_a_stress_that_nobody_uses_may_have_any_shape(tmp_path: Path, word: str, numbers: int) -> None:
    text = frame(f'energy=-1.5 {word}="{"0.1 " * numbers}"')
    assert source(tmp_path, text).frames.energies.tolist() == [-1.5]


@pytest.mark.parametrize(
    ("comment", "wrong"),
    [
        ("energy=-1.5 charge=0 total_charge=0.0", False),
        ("energy=-1.5 charge=-1", True),
        ("energy=-1.5 fparam=0.5", True),
        ('energy=-1.5 electric_field="0 0 0.1"', True),
    ],
)
def test_what_no_model_is_told_refuses_the_file(tmp_path: Path, comment: str, wrong: bool) -> None:
    content = source(tmp_path, frame(comment))
    assert bool(content.wrong) == wrong
    if wrong:
        name = comment.split()[1].split("=")[0]
        assert f"1 frames have `{name}` (" in content.wrong[0]
        assert f"`ignore: [{name}]`" in content.wrong[0]
        assert source(tmp_path, frame(comment), ignore=(name,)).wrong == ()


@pytest.mark.parametrize(
    ("comment", "units", "word"),
    [
        ("energy=-1.5 energy_unit=Hartree", {}, "energy is in Hartree, `units` says eV"),
        ("energy=-1.5 units=kcal/mol", {}, "energy is in kcal/mol, `units` says eV"),
        ("energy=-1.5 energy_units=eV", {}, ""),
        ("energy=-1.5 energy-unit=au", {}, "energy is in Hartree, `units` says eV"),
        ("energy=-1.5 force-unit=kcal/mol/angstrom", {}, "force is in kcal/mol/Å, `units` says eV/Å"),
        (
            "energy=-1.5 energy-unit=quatloo",
            {},
            "by `energy-unit` in which unit energy is, and the unit is not",
        ),
        ("energy=-1.5 forces_unit=Hartree/Bohr", {}, "force is in Hartree/Bohr, `units` says eV/Å"),
        ("energy=-1.5 positions_unit=bohr", {}, "position is in Bohr, `units` says Å"),
        ("energy=-1.5 positions_unit=bohr", {"position": "Bohr"}, ""),
        ("energy=-1.5 energy_unit=Ry", {"energy": "Ry"}, ""),
    ],
)
def test_the_unit_that_a_file_states(tmp_path: Path, comment: str, units: dict[str, str], word: str) -> None:
    wrong = source(tmp_path, frame(comment), units=EV | units).wrong
    assert len(wrong) == bool(word)
    assert word in "".join(wrong)


def test_the_unit_in_the_name_of_a_label(tmp_path: Path) -> None:
    labels = NAMES | {"energy": "energy_Ha"}
    (sentence,) = source(tmp_path, frame("energy_Ha=-1.5"), labels=labels).wrong
    assert "the file says by `energy_Ha` that energy is in Hartree, `units` says eV" in sentence


def test_rydberg_and_bohr(tmp_path: Path) -> None:
    """CODATA: 1 Ry = 13.605693 eV, 1 Bohr = 0.529177 Å."""
    units = {"energy": "Ry", "force": "Ry/Bohr", "dipole": "e·Å", "position": "Bohr"}
    frames = source(tmp_path, frame(x=2.0), units=units).frames
    assert frames.energies[0] == pytest.approx(-1.5 * 13.605693, rel=1e-6)
    assert frames.forces[0, 0] == pytest.approx(0.1 * 13.605693 / 0.529177, rel=1e-5)
    assert frames.positions[1, 0] == pytest.approx(1.058354, rel=1e-6)
    assert frames.cells[0, 0, 0] == pytest.approx(9 * 0.529177, rel=1e-6)


def test_a_lone_atom_needs_no_force(tmp_path: Path) -> None:
    frames = source(tmp_path, frame() + "1\nenergy=-432.0\nO 0 0 0\n").frames
    assert frames.forces[2].tolist() == [0.0, 0.0, 0.0]


def test_free_energy_beside_energy_is_remarked(tmp_path: Path) -> None:
    (remark,) = source(tmp_path, frame("energy=-1.5 free_energy=-1.6")).remarks
    assert "1 frames have `free_energy` beside `energy`" in remark


def test_sets_and_trajectories_by_key(tmp_path: Path) -> None:
    labels = NAMES | {"trajectory": "run", "set": "config_type"}
    text = frame("energy=-1 run=7 config_type=train") + frame("energy=-1 config_type=test", x=1.0)
    frames = source(tmp_path, text, labels=labels).frames
    assert frames.groups is not None
    assert frames.sets is not None
    assert frames.groups.tolist() == ["7", ""]
    assert frames.sets.tolist() == ["train", "test"]
    part = frames.select([1])
    assert part.sets is not None
    assert part.sets.tolist() == ["test"]


def test_plain_xyz_has_neither_cell_nor_labels(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("2\nwater, half\nO 0 0 0\nH 0.96 0 0\n")
    frames = read_structures(tmp_path / "a.xyz", "extxyz", None).frames
    assert not frames.pbc.any()
    assert frames.positions.tolist() == [[0, 0, 0], [0.96, 0, 0]]


@pytest.mark.parametrize(("word", "unit"), [("a.u.", "Hartree"), ("Ry", "Ry"), ("kcal/mol", "kcal/mol")])
def test_a_unit_behind_a_number_is_a_statement(tmp_path: Path, word: str, unit: str) -> None:
    content = source(tmp_path, frame(f"energy=-10 {word}"))
    assert content.wrong == (f"the file says by `{word}` that energy is in {unit}, `units` says eV",)
    assert source(tmp_path, frame(f"energy=-10 {word}"), units=EV | {"energy": unit}).wrong == ()
    assert source(tmp_path, frame("energy=-10 eV bulk")).wrong == ()


def test_a_list_of_masses_in_the_comment(tmp_path: Path) -> None:
    masses = source(tmp_path, frame('energy=-1.5 masses="17.999 2.014"')).frames.masses
    assert masses is not None
    assert masses.tolist() == [17.999, 2.014]
    assert source(tmp_path, frame("energy=-1.5 mass=18.0")).frames.masses is None
    with pytest.raises(
        DataError, match=r"`masses` has shape \(3,\), expected one number for each of 2 atoms"
    ):
        source(tmp_path, frame('energy=-1.5 masses="16 1 1"'))


@pytest.mark.parametrize("empty", ["config_type=", 'config_type=""', "config_type ="])
@pytest.mark.parametrize("last", [True, False])
def test_a_key_without_a_value_takes_no_other_key(tmp_path: Path, empty: str, last: bool) -> None:
    words = ["energy=-1.5", 'pbc="T T F"']
    comment = " ".join([*words, empty] if last else [empty, *words])
    content = source(tmp_path, frame(comment), labels=NAMES | {"set": "config_type"})
    assert content.frames.pbc.tolist() == [[True, True, False]]
    assert content.frames.energies.tolist() == [-1.5]
    assert content.frames.sets is None
