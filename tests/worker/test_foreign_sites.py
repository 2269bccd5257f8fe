"""Boxes of H5MD that are stored by themselves, names of its species; sites of water models without a mass."""

import re
from pathlib import Path
from typing import Any

import foreign_files as files
import numpy as np
import pytest
from foreign_files import ATOMS, CELL, FRAMES, NAMES, NUMBERS, POSITIONS, lattice, request

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign.elements import Naming, numbers_of, resolve
from mlipbench_hpc.worker.foreign.pdb import topology
from mlipbench_hpc.worker.foreign.record import Labels
from mlipbench_hpc.worker.foreign.trajectory import open_foreign

SPECIES = {79: 3, 8: 1, 1: 2, 11: 4}


def h5md(path: Path, edges: Any, steps: Any, **attributes: Any) -> Path:
    """Positions at every tenth step; the box at `steps`, or at none where these are None."""
    h5py = pytest.importorskip("h5py", reason="make setup ENVS=tests")
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        group["position/value"], group["position/step"] = POSITIONS, 10 * np.arange(FRAMES)
        group["position/value"].attrs["unit"] = "Angstrom"
        group["species"] = np.array([SPECIES[number] for number in NUMBERS])
        group["box/edges/value"] = edges
        if steps is not None:
            group["box/edges/step"] = steps
        group["box"].attrs.update(attributes)
    return path


ELEMENTS = {"3": "Au", "1": "O", "2": "H", "4": "Na"}


@pytest.mark.parametrize("steps", [[0], [0, 50, 100, 150], None])
def test_a_constant_box_may_be_stored_less_often(tmp_path: Path, steps: list[int] | None) -> None:
    edges = np.broadcast_to(np.diag(CELL), (len(steps or [0]), 3))
    source = open_foreign(request(h5md(tmp_path / "t.h5md", edges, steps), elements=ELEMENTS))
    positions = np.concatenate([piece.positions for piece in source.pieces(7)])
    np.testing.assert_allclose(positions, POSITIONS, atol=1e-6)
    np.testing.assert_allclose(source.cell, CELL)


def test_the_box_of_a_frame_is_that_of_its_step(tmp_path: Path) -> None:
    """Boxes at every fifth step, of which every second is a frame's; heights differ, but not in those."""
    edges = np.tile(np.diag(CELL), (2 * FRAMES, 1))
    edges[1::2, 2] += 1.0
    path = h5md(tmp_path / "t.h5md", edges, 5 * np.arange(2 * FRAMES))
    np.testing.assert_allclose(open_foreign(request(path, elements=ELEMENTS)).cell, CELL)


def test_a_box_that_changes_between_frames_is_refused(tmp_path: Path) -> None:
    edges = np.diag(CELL) + np.array([[0, 0, 0], [0, 0, 0.5]])
    path = h5md(tmp_path / "t.h5md", edges, [0, 100])
    with pytest.raises(
        InputFailure, match=r"frame 1 has no box of its own \(2 boxes for 20 frames\), and the"
    ):
        open_foreign(request(path, elements=ELEMENTS))


def test_the_boundary_of_h5md(tmp_path: Path) -> None:
    edges = np.broadcast_to(np.diag(CELL), (FRAMES, 3))
    boundary = np.array(["periodic", "periodic", "none"], dtype="S8")
    path = h5md(tmp_path / "t.h5md", edges, None, boundary=boundary)
    source = open_foreign(request(path, elements=ELEMENTS))
    assert any("z is not periodic in it" in line for line in source.facts)
    path = h5md(tmp_path / "p.h5md", edges, None, boundary=np.array(["periodic"] * 3, dtype="S8"))
    assert not any(
        "z is not periodic" in line for line in open_foreign(request(path, elements=ELEMENTS)).facts
    )


def test_species_of_h5md_by_number_and_by_name(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="make setup ENVS=tests")
    edges = np.broadcast_to(np.diag(CELL), (FRAMES, 3))
    path = h5md(tmp_path / "t.h5md", edges, None)
    with pytest.raises(
        InputFailure,
        match="no element for types 3, 1, 2, 4; pass --elements 3=… 1=… 2=… 4=…, with symbols of elements",
    ):
        open_foreign(request(path))
    names = {symbol: SPECIES[number] for symbol, number in zip(NAMES, NUMBERS, strict=True)}
    with h5py.File(path, "a") as file:
        numbers = file["particles/all/species"][()]
        del file["particles/all/species"]
        kind = h5py.enum_dtype(names, basetype="i4")
        file["particles/all"].create_dataset("species", data=numbers.astype("i4"), dtype=kind)
    np.testing.assert_array_equal(open_foreign(request(path)).numbers, NUMBERS)


@pytest.mark.parametrize(("name", "elements"), [("MW", {}), ("VW4", {}), ("EPW", {}), ("QQ", {"QQ": "X"})])
def test_sites_without_mass_are_left_out_and_counted(
    tmp_path: Path, name: str, elements: dict[str, str]
) -> None:
    """A site on each bisector, behind the second hydrogen of its molecule."""
    oxygens = np.flatnonzero(NUMBERS == 8)
    behind = oxygens + 3
    bisectors = POSITIONS[:, oxygens + 1] + POSITIONS[:, oxygens + 2] - 2 * POSITIONS[:, oxygens]
    positions = np.insert(POSITIONS, behind, POSITIONS[:, oxygens] + 0.13 * bisectors, axis=1)
    names = np.insert(np.array(NAMES, dtype="U4"), behind, name).tolist()
    (path := tmp_path / "t.extxyz").write_text(files.xyz([lattice()] * FRAMES, positions, names))
    source = open_foreign(request(path, elements=elements))
    np.testing.assert_array_equal(source.numbers, NUMBERS)
    read = np.concatenate([piece.positions for piece in source.pieces(7)])
    assert read.shape == (FRAMES, ATOMS, 3)
    np.testing.assert_allclose(read, POSITIONS, atol=1e-6)
    assert (
        f"{len(oxygens)} virtual sites ({name}) are left out, and atoms are counted without them"
        in source.facts
    )


def test_names_of_pseudopotentials_in_an_xdatcar(tmp_path: Path) -> None:
    text = files.xdatcar(list(range(1, FRAMES + 1)))
    (path := tmp_path / "XDATCAR").write_text(text.replace("Au", "Au_pv").replace("O ", "O_s/3a1b "))
    np.testing.assert_array_equal(open_foreign(request(path)).numbers, NUMBERS)


@pytest.mark.parametrize(
    ("words", "example"),
    [
        (["78", "8", "1"], "78=Pt 8=O 1=H, if they are atomic numbers"),
        (["k_ion", "na.p"], "of elements"),
        (["au_s"], "of elements"),
        (["AU", "xx7"], "AU=Au"),
        (["4", "6"], "of elements"),
        (["29"], "29=Cu, if they are atomic numbers"),
    ],
)
def test_the_example_of_elements_fits_the_names(words: list[str], example: str) -> None:
    words_of = example if example == "of elements" else f"such as {example}"
    with pytest.raises(InputFailure, match=re.escape(f", with symbols {words_of}") + "$"):
        resolve(Path("a"), tuple(words), "types", Naming({}, frozenset(), frozenset()))


@pytest.mark.parametrize("kind", ["names", "species", "types"])
@pytest.mark.parametrize(
    ("word", "symbol"),
    [("K+", "K"), ("Na3", "Na"), ("Fe2+", "Fe"), ("Cl-", "Cl"), ("SOD", "Na"), ("CLA", "Cl"), ("Hg1", "Hg")],
)
def test_ions_as_people_write_them(kind: str, word: str, symbol: str) -> None:
    naming = Naming({}, frozenset({"Au", "O", "H"}), frozenset({"Au"}))
    symbols = resolve(Path("a"), ("Au", "OW", "HW1", word), kind, naming)
    assert symbols == {"Au": "Au", "OW": "O", "HW1": "H", word: symbol}


def test_types_are_atomic_numbers_where_they_exceed_the_number_of_types() -> None:
    naming = Naming({}, frozenset({"Au", "O", "H"}), frozenset({"Au"}))
    symbols = resolve(Path("a"), ("79", "8", "1", "11"), "types", naming)
    assert symbols == {"79": "Au", "8": "O", "1": "H", "11": "Na"}
    carbon = Naming({}, frozenset({"C", "O", "H"}), frozenset({"C"}))
    with pytest.raises(InputFailure, match="no element for types"):
        resolve(Path("a"), tuple("12345678"), "types", carbon)


ROW = "ATOM  {:5d} {:<4s} SOL A{:4d}    {:8.3f}{:8.3f}{:8.3f}{:6.2f}{:6.2f}          {:>2s}"


def protein_data_bank(path: Path, rows: list[tuple[str, str]]) -> Labels:
    """Labels of a file of one frame with these names and elements, 2 Å apart."""
    lines = [ROW.format(k + 1, name, 1, 2.0 * k, 0, 0, 1, 0, symbol) for k, (name, symbol) in enumerate(rows)]
    path.write_text("\n".join([*lines, "END"]) + "\n")
    return topology(path)


@pytest.mark.parametrize(
    ("name", "symbol", "words"),
    [
        ("NA", "N", "atoms called NA have N in the element column, which is taken; if they are Na, pass"),
        ("CL", "C", "--elements C=Cl"),
        ("HG", "", "atoms called HG are read as H; if they are Hg, pass --elements HG=Hg"),
        ("NA", "NA", ""),
        ("ND", "N", "if they are Nd"),
        ("NB1", "N", "if they are Nb"),
        ("CX", "C", ""),
    ],
)
def test_names_and_elements_of_a_pdb(tmp_path: Path, name: str, symbol: str, words: str) -> None:
    rows = [("AU", "AU"), ("OW", "O"), ("HW1", "H"), (name, symbol)]
    labels = protein_data_bank(tmp_path / "t.pdb", rows)
    naming = Naming({}, frozenset({"Au", "O", "H"}), frozenset({"Au"}))
    warnings = numbers_of(tmp_path / "t.pdb", labels, None, None, naming).warnings
    assert len(warnings) == bool(words)
    assert words in " ".join(warnings)


def test_a_name_of_another_element_is_refused(tmp_path: Path) -> None:
    labels = protein_data_bank(tmp_path / "t.pdb", [("AU", "AU"), ("O", "H"), ("HW1", "H")])
    naming = Naming({}, frozenset({"Au", "O", "H"}), frozenset({"Au"}))
    with pytest.raises(InputFailure, match="an atom called O has H in the element column"):
        numbers_of(tmp_path / "t.pdb", labels, None, None, naming)
