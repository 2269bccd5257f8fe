"""Which atom is which in other programs' files: ids, types, element columns, names, topologies."""

from pathlib import Path

import foreign_files as files
import numpy as np
import pytest
from foreign_files import ATOMS, CELL, ELEMENTS, FRAMES, NAMES, NUMBERS, POSITIONS, lattice, request

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.analyse_files import analyse
from mlipbench_hpc.worker.foreign.elements import by_masses
from mlipbench_hpc.worker.foreign.trajectory import open_foreign

LAST = f"{ATOMS} 4 "


def test_an_id_that_stands_twice(tmp_path: Path) -> None:
    lines = files.dump(list(range(FRAMES))).splitlines()
    rows = [k for k, line in enumerate(lines) if line.startswith(LAST)]
    lines[rows[3]] = lines[rows[3]].replace(LAST, "7 4 ")
    (path := tmp_path / "t.lammpstrj").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputFailure, match="frame 3 holds id 7 twice"):
        list(open_foreign(request(path, elements=ELEMENTS)).pieces(4))


def test_an_id_that_changes_on_the_way(tmp_path: Path) -> None:
    lines = files.dump(list(range(FRAMES))).splitlines()
    rows = [k for k, line in enumerate(lines) if line.startswith(LAST)]
    lines[rows[5]] = lines[rows[5]].replace(LAST, "999 4 ")
    (path := tmp_path / "t.lammpstrj").write_text("\n".join(lines) + "\n")
    with pytest.raises(
        InputFailure, match=rf"frame 5 (has|lacks) an atom of id ({ATOMS}|999), unlike the first"
    ):
        list(open_foreign(request(path, elements=ELEMENTS)).pieces(4))


def test_a_type_that_changes_on_the_way(tmp_path: Path) -> None:
    """As where atoms are swapped: an id is another element from then on."""
    lines = files.dump(list(range(FRAMES))).splitlines()
    rows = [k for k, line in enumerate(lines) if line.startswith(LAST)]
    lines[rows[5]] = lines[rows[5]].replace(LAST, f"{ATOMS} 1 ")
    (path := tmp_path / "t.lammpstrj").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputFailure, match="frame 5 has other species"):
        list(open_foreign(request(path, elements=ELEMENTS)).pieces(4))


@pytest.mark.parametrize("name", ["t.gro", "t.pdb", "t.nc"])
def test_ids_of_other_formats(tmp_path: Path, name: str) -> None:
    """Atom 1 is called 2 in the third frame."""
    path = tmp_path / name
    if name == "t.nc":
        files.netcdf(path)
        content = bytearray(path.read_bytes())
        from scipy.io import netcdf_file

        with netcdf_file(path, "a", mmap=False) as file:
            order = file.variables["id"][2]
            order[order == 1] = 2
            file.variables["id"][2] = order
        assert path.read_bytes() != bytes(content)
        asked = request(path, elements=ELEMENTS)
    else:
        text = files.gro([0.1 * k for k in range(FRAMES)]) if name == "t.gro" else files.pdb()
        lines = text.splitlines()
        own = "   AU    1 " if name == "t.gro" else "ATOM      1 "
        rows = [k for k, line in enumerate(lines) if own in line]
        lines[rows[2]] = lines[rows[2]].replace(own, own.replace("1 ", "2 "))
        path.write_text("\n".join(lines) + "\n")
        asked = request(path)
    with pytest.raises(InputFailure, match="frame 2 holds id 2 twice"):
        list(open_foreign(asked).pieces(4))


def test_an_element_column_of_c_alone_is_lammps_default(tmp_path: Path) -> None:
    (path := tmp_path / "t.lammpstrj").write_text(files.dump(list(range(FRAMES)), elements=["C"] * ATOMS))
    source = open_foreign(request(path, elements=ELEMENTS))
    np.testing.assert_array_equal(source.numbers, NUMBERS)
    assert "says C for every atom" in source.warnings[0]
    with pytest.raises(InputFailure, match="no element for types 1, 2, 3, 4;"):
        open_foreign(request(path))


def test_a_mass_column_names_the_elements(tmp_path: Path) -> None:
    """Unless one mass is of no element, as hydrogen's of 3 u, or `--elements` says what types are."""
    masses = {"Au": "196.97", "O": "15.9994", "H": "1.008", "Na": "23"}
    path = tmp_path / "t.lammpstrj"

    def write(hydrogen: str) -> None:
        words = [{**masses, "H": hydrogen}[name] for name in NAMES]
        path.write_text(files.dump(list(range(FRAMES)), elements=words).replace("type element", "type mass"))

    write("1.008")
    source = open_foreign(request(path))
    np.testing.assert_array_equal(source.numbers, NUMBERS)
    assert "elements from masses of t.lammpstrj" in source.facts
    write("3.024")
    with pytest.raises(InputFailure, match="no element for types 1, 2, 3, 4;"):
        open_foreign(request(path))
    np.testing.assert_array_equal(open_foreign(request(path, elements=ELEMENTS)).numbers, NUMBERS)


@pytest.mark.parametrize(
    ("masses", "symbols"),
    [
        (("1", "16.0", "197"), ("H", "O", "Au")),
        (("39.948", "40.078"), ()),
        (("58.93", "58.69"), ("Co", "Ni")),
        (("14.027",), ()),
        ((), ()),
    ],
)
def test_masses_are_those_of_one_element(masses: tuple[str, ...], symbols: tuple[str, ...]) -> None:
    """Argon and calcium lie within 0.2 u of each other; 14.027 u are those of CH2, not of nitrogen."""
    assert by_masses(masses) == symbols


def test_a_topology_in_another_order_is_named_as_the_cause(tmp_path: Path) -> None:
    """NetCDF without types holds no names: by those of a sorted topology hydrogens lie far from oxygens."""
    files.netcdf(path := tmp_path / "t.nc", ids=False)
    (top := tmp_path / "top.xyz").write_text(files.xyz([""], POSITIONS[:1]))
    np.testing.assert_array_equal(open_foreign(request(path, topology=str(top))).numbers, NUMBERS)
    names = sorted(NAMES)
    top.write_text(files.xyz([""], POSITIONS[:1], names))
    with pytest.raises(InputFailure, match=r"hydrogens lie .* by the names in .*top\.xyz: its atoms are in"):
        open_foreign(request(path, topology=str(top)))


def test_an_element_column_against_elements(tmp_path: Path) -> None:
    (path := tmp_path / "t.lammpstrj").write_text(files.dump(list(range(FRAMES)), elements=NAMES))
    np.testing.assert_array_equal(open_foreign(request(path, elements=ELEMENTS)).numbers, NUMBERS)
    with pytest.raises(
        InputFailure, match=r"received `2=N`, but atoms of type 2 are O by elements of t\.lammpstrj"
    ):
        open_foreign(request(path, elements=ELEMENTS | {"2": "N"}))


def test_types_against_a_topology(tmp_path: Path) -> None:
    """Rows of the topology in another order than the ids."""
    (path := tmp_path / "t.lammpstrj").write_text(files.dump(list(range(FRAMES))))
    (top := tmp_path / "top.xyz").write_text(files.xyz([""], POSITIONS[:1], NAMES[::-1]))
    with pytest.raises(
        InputFailure, match=r"atoms of type 1 are .* and Au by species of top.xyz: its atoms are in another"
    ):
        open_foreign(request(path, topology=str(top)))
    top.write_text(files.xyz([""], POSITIONS[:1]))
    source = open_foreign(request(path, topology=str(top)))
    np.testing.assert_array_equal(source.numbers, NUMBERS)
    with pytest.raises(InputFailure, match="received `3=Na`, but atoms of type 3 are H"):
        open_foreign(request(path, topology=str(top), elements={"3": "Na"}))


def test_names_against_a_topology(tmp_path: Path) -> None:
    (path := tmp_path / "t.extxyz").write_text(files.xyz([lattice()] * FRAMES))
    (top := tmp_path / "top.xyz").write_text(files.xyz([""], POSITIONS[:1], NAMES[::-1]))
    with pytest.raises(
        InputFailure, match=r"t.extxyz: atom 1 is Au, in .*top.xyz it is Na: its atoms are in another order"
    ):
        open_foreign(request(path, topology=str(top)))


@pytest.mark.parametrize("ending", ["xyz", "extxyz"])
def test_species_that_are_no_elements(tmp_path: Path, ending: str) -> None:
    comment = lattice() if ending == "extxyz" else ""
    names = ["D" if name == "H" else name for name in NAMES]
    (path := tmp_path / f"t.{ending}").write_text(files.xyz([comment] * FRAMES, names=names))
    cell = np.diag(CELL).tolist()
    with pytest.raises(InputFailure, match=r"no element for species D; pass --elements D=…"):
        open_foreign(request(path, cell=cell))
    source = open_foreign(request(path, cell=cell, elements={"D": "H", "Q": "F"}))
    np.testing.assert_array_equal(source.numbers, NUMBERS)
    assert "--elements: no atom is called Q" in source.facts


@pytest.mark.parametrize("ending", ["xyz", "extxyz"])
def test_numbers_as_species(tmp_path: Path, ending: str) -> None:
    """Atomic numbers where they are plausible; LAMMPS writes its types into the same column."""
    comment, cell = lattice() if ending == "extxyz" else "", np.diag(CELL).tolist()
    path = tmp_path / f"t.{ending}"
    path.write_text(files.xyz([comment] * FRAMES, names=[str(number) for number in NUMBERS]))
    np.testing.assert_array_equal(open_foreign(request(path, cell=cell)).numbers, NUMBERS)
    path.write_text(files.xyz([comment] * FRAMES, names=[str(files.TYPES[number]) for number in NUMBERS]))
    with pytest.raises(InputFailure, match="no element for species 1, 2, 3, 4"):
        open_foreign(request(path, cell=cell))
    np.testing.assert_array_equal(open_foreign(request(path, cell=cell, elements=ELEMENTS)).numbers, NUMBERS)


def test_a_frame_of_zeros_and_a_molecule_at_one_point(tmp_path: Path) -> None:
    path = tmp_path / "t.extxyz"
    positions = POSITIONS.copy()
    positions[7] = 0.0
    path.write_text(files.xyz([lattice()] * FRAMES, positions))
    with pytest.raises(InputFailure, match=rf"in frame 7 {ATOMS} atoms coincide with another atom"):
        list(open_foreign(request(path)).pieces(4))
    first = int(np.flatnonzero(NUMBERS == 8)[1])
    positions[7] = POSITIONS[7]
    positions[7, first : first + 3] = positions[7, first]
    path.write_text(files.xyz([lattice()] * FRAMES, positions))
    with pytest.raises(
        InputFailure,
        match=rf"in frame 7 3 atoms coincide with another atom, the first is atom {first + 1} at",
    ):
        list(open_foreign(request(path)).pieces(4))


def test_a_molecule_at_one_point_whose_atoms_stand_apart(tmp_path: Path) -> None:
    """Oxygens, then the first hydrogen of each: the analysis stumbles over it, and the frame is named."""
    oxygens = np.flatnonzero(NUMBERS == 8)
    others = [np.flatnonzero(number == NUMBERS) for number in (79, 11)]
    order = np.concatenate([others[0], oxygens, oxygens + 1, oxygens + 2, others[1]])
    positions, oxygen = POSITIONS.copy(), int(np.flatnonzero(NUMBERS == 8)[0])
    positions[4, [oxygen + 1, oxygen + 2]] = positions[4, oxygen]
    path = tmp_path / "t.extxyz"
    path.write_text(files.xyz([lattice()] * FRAMES, positions[:, order], [NAMES[k] for k in order]))
    (tmp_path / "out").mkdir()
    asked = request(path)
    with pytest.raises(InputFailure, match="in frame 4 3 atoms coincide with another atom"):
        analyse(asked, open_foreign(asked))
