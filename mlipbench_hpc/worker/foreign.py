"""Trajectories that other programs wrote, through MDAnalysis (extended XYZ through ASE), frame by frame."""

import itertools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase.cell import Cell
from ase.data import atomic_numbers
from ase.io import iread

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.trajectory import cell_vectors

# Formats by file ending. None of them can carry code.
FORMATS = {
    ".xtc": "XTC", ".trr": "TRR", ".dcd": "DCD", ".nc": "NCDF", ".ncdf": "NCDF", ".xyz": "XYZ",
    ".extxyz": "EXTXYZ", ".lammpstrj": "LAMMPSDUMP", ".lammpsdump": "LAMMPSDUMP", ".dump": "LAMMPSDUMP",
    ".pdb": "PDB", ".gro": "GRO",
}  # fmt: skip
# Lines of each frame besides the atoms'.
LINES = {"XYZ": 2, "EXTXYZ": 2, "LAMMPSDUMP": 9}
TIMED = ("XTC", "TRR", "DCD", "NCDF")
CELL_CHANGES = 1e-4
# How a reader ends at half a frame.
BROKEN = (OSError, ValueError, IndexError, EOFError, KeyError, RuntimeError)
Frame = tuple[Floats, Floats | None, float | None]


@dataclass
class Foreign:
    """One trajectory. numbers (N,); cell (3, 3) Å, lower triangular; said: what was found and guessed.

    expected: frames that the file seems to hold; more: there is half a frame, or fewer than its header says;
    ends: why reading stopped early.
    """

    path: Path
    format: str
    numbers: Ints
    cell: Floats
    given: bool
    expected: int
    more: bool
    topology: Path | None
    said: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def frames(self) -> Iterator[tuple[Floats, float | None]]:
        """Positions (N, 3) Å in the orientation of `cell` and time in ps of every whole frame.

        Raises InputFailure where the cell or the number of atoms changes.
        """
        self.ends.clear()
        for index, (positions, box, time) in enumerate(raw(self.path, self.format, self.topology, self.ends)):
            if len(positions) != len(self.numbers):
                raise InputFailure(f"{self.path}: frame {index} has {len(positions)} atoms, the first "
                                   f"{len(self.numbers)}")  # fmt: skip
            if not np.isfinite(positions).all():
                raise InputFailure(f"{self.path}: frame {index} holds positions that are not finite")
            turned, cell = standard(positions, box)
            if not self.given and (cell is None or not np.allclose(cell, self.cell, 0, CELL_CHANGES)):
                raise InputFailure(
                    f"{self.path}: the cell changes at frame {index}, so that bins have no constant volume; "
                    "pass --cell to analyse it in a cell of your own"
                )
            yield turned, time


def standard(positions: Floats, cell: Floats | None) -> tuple[Floats, Floats | None]:
    """Positions and cell turned so that a lies along x and b in the xy plane; no cell changes nothing."""
    if cell is None or not np.triu(cell, 1).any():
        return positions, cell
    if np.linalg.det(cell) <= 0:
        raise InputFailure("the cell is left-handed or flat: swap two of its vectors")
    lower, rotation = Cell(cell).standard_form()
    return np.asarray(positions @ rotation.T), np.asarray(np.tril(lower[:]))


def open_foreign(request: dict[str, Any]) -> Foreign:
    """What `mlipbench analyse` was given: path, topology, cell, elements. Raises InputFailure."""
    path = Path(request["trajectory"])
    topology = Path(request["topology"]) if request["topology"] else None
    kind = format_of(path)
    said: list[str] = []
    ends: list[str] = []
    first = next(raw(path, kind, topology, ends), None)
    if first is None:
        raise InputFailure(f"{path}: it holds no whole frame ({'; '.join(ends) or 'it is empty'})")
    numbers = elements(path, kind, topology, request, said)
    cell = standard(first[0], first[1])[1]
    if request["cell"]:
        lengths, angles = (request["cell"] + [90.0, 90.0, 90.0])[:3], (request["cell"] + [90.0] * 3)[3:6]
        cell = cell_vectors(np.array([lengths]), np.array([angles]))[0]
    if cell is None or not np.isfinite(cell).all() or np.linalg.det(cell) <= 0:
        raise InputFailure(f"{path}: no cell in it; pass --cell A B C [α β γ] in Å and degrees")
    expected, more = count(path, kind, topology, len(numbers))
    return Foreign(path, kind, numbers, cell, bool(request["cell"]), expected, more, topology, said)


def format_of(path: Path) -> str:
    """From the ending, and for .xyz from the second line."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputFailure(f"{path}: received ending `{path.suffix}`, expected one of {', '.join(FORMATS)}")
    if kind == "XYZ":
        with path.open(errors="replace") as stream:
            lines = list(itertools.islice(stream, 2))
        return "EXTXYZ" if len(lines) > 1 and re.search(r"\b(Lattice|Properties)=", lines[1]) else "XYZ"
    return kind


def raw(path: Path, kind: str, topology: Path | None, ends: list[str]) -> Iterator[Frame]:
    """Every whole frame as it stands: positions Å, cell Å or None, time ps or None.

    Reading stops at half a frame, and `ends` then says why.
    """
    reader = _extxyz(path) if kind == "EXTXYZ" else _mdanalysis(path, kind, topology)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MDAnalysis guesses masses and the like; nothing of that is used
        try:
            yield from reader
        except BROKEN as error:
            ends.append(f"{type(error).__name__}: {error}")


def _extxyz(path: Path) -> Iterator[Frame]:
    for atoms in iread(path, index=":", format="extxyz"):
        cell = np.asarray(atoms.cell[:], dtype=float)
        yield np.asarray(atoms.positions, dtype=float), cell if cell.any() else None, None


def _mdanalysis(path: Path, kind: str, topology: Path | None) -> Iterator[Frame]:
    trajectory = _universe(path, kind, topology).trajectory
    for index in range(len(trajectory)):
        step = trajectory[index]
        box = step.dimensions
        cell = None if box is None or not box[:3].all() else _cell(np.asarray(box, dtype=float))
        time = float(step.time) if kind in TIMED else None
        yield np.asarray(step.positions, dtype=float), cell, time


def _cell(box: Floats) -> Floats:
    return np.asarray(cell_vectors(box[None, :3], box[None, 3:])[0])


def count(path: Path, kind: str, topology: Path | None, atoms: int) -> tuple[int, bool]:
    """How many frames there seem to be, and whether half a one follows (binary readers find that out later).

    In text a last line without its end may have lost digits: its frame does not count.
    """
    if kind in LINES:
        with path.open("rb") as stream:
            lines, rest = 0, b""
            while block := stream.read(1 << 20):
                lines += block.count(b"\n")
                rest = block
        blank = rest[len(rest.rstrip()) :]
        frames, left = divmod(lines - max(0, blank.count(b"\n") - 1), atoms + LINES[kind])
        return frames, left > 0 or b"\n" not in blank
    frames = len(_universe(path, kind, topology).trajectory)
    return frames, kind == "DCD" and _dcd_says(path) > frames


def _dcd_says(path: Path) -> int:
    """Frames by the header of a DCD: the integer after `CORD`, in the order of the record's length, 84."""
    with path.open("rb") as stream:
        start = stream.read(12)
    order: Literal["little", "big"] = "little" if start[:1] == b"T" else "big"
    return int.from_bytes(start[8:12], order)


def _universe(path: Path, kind: str, topology: Path | None) -> Any:
    """MDAnalysis's view. Raises InputFailure with what it said."""
    import MDAnalysis

    if kind in TIMED and topology is None:
        raise InputFailure(f"{path}: {kind} names no atoms; pass --topology with a PDB, GRO, PSF or (ext)xyz")
    given: dict[str, Any] = {"to_guess": ()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if topology is None:
                return MDAnalysis.Universe(path, format=kind, topology_format=kind, **given)
            atoms = _topology_format(topology)
            return MDAnalysis.Universe(topology, path, format=kind, topology_format=atoms, **given)
    except Exception as error:
        raise InputFailure(f"{path}: MDAnalysis cannot read it as {kind}: {error}") from error


def _topology_format(topology: Path) -> str | None:
    """None lets MDAnalysis take it from the ending; (extended) XYZ has the same columns."""
    kind = FORMATS.get(topology.suffix.lower())
    return "XYZ" if kind == "EXTXYZ" else kind if kind == "LAMMPSDUMP" else None


def elements(path: Path, kind: str, topology: Path | None, request: dict[str, Any], said: list[str]) -> Ints:
    """Atomic numbers (N,), from the file, or from names and types by what was asked; says what it guessed."""
    source = topology or path
    if FORMATS.get(source.suffix.lower()) in ("XYZ", "EXTXYZ"):
        symbols, what = _first_symbols(source), "species"
    elif FORMATS.get(source.suffix.lower()) == "LAMMPSDUMP":
        symbols, what = _dump_symbols(source)
    else:
        symbols, what = _topology_symbols(path, kind, source)
    if all(symbols):
        asked = {request["surface"], *request["ions"], "O", "H"}
        named = {symbol: known(symbol, request["elements"], asked) for symbol in dict.fromkeys(symbols)}
        unknown = [symbol for symbol, found in named.items() if found is None]
        if not unknown:
            guessed = [f"{name} = {found}" for name, found in named.items() if name != found]
            said += [f"elements from {what} of {source.name}" + (f": {', '.join(guessed)}" * bool(guessed))]
            return np.array([atomic_numbers[str(named[symbol])] for symbol in symbols])
        shown = ", ".join(unknown[:8])
        raise InputFailure(
            f"{source}: which element is {what} {shown}? Say so: --elements "
            + " ".join(f"{name}=…" for name in unknown[:8])
        )
    raise InputFailure(f"{source}: it names no atoms; pass --topology")


def known(name: str, given: dict[str, str], asked: set[str]) -> str | None:
    """The element of an atom's name or type: as given, a plain symbol, or the asked one it begins with."""
    if name in given:
        return given[name]
    letters = re.sub(r"[^A-Za-z]", "", name)
    symbol = letters.capitalize()
    if name in atomic_numbers and (name in asked or len(name) == len(letters)) and name.istitle():
        return name
    if symbol in asked:
        return symbol
    return symbol[:1] if symbol[:1] in ("O", "H") else None


def _first_symbols(path: Path) -> tuple[str, ...]:
    """The first column of a plain XYZ, or the species of extended XYZ."""
    if format_of(path) != "EXTXYZ" and path.suffix != ".extxyz":
        with path.open() as stream:
            amount = int(next(stream))
            return tuple(line.split()[0] for line in itertools.islice(stream, 1, amount + 1))
    return tuple(next(iter(iread(path, index=":1", format="extxyz"))).get_chemical_symbols())


def _dump_symbols(path: Path) -> tuple[tuple[str, ...], str]:
    """Elements or types of the first frame, by id as MDAnalysis sorts them."""
    with path.open() as stream:
        for line in stream:
            if line.startswith("ITEM: NUMBER OF ATOMS"):
                amount = int(next(stream))
            if line.startswith("ITEM: ATOMS"):
                columns = line.split()[2:]
                rows = [row.split() for row in itertools.islice(stream, amount)]
                break
    column = next((name for name in ("element", "type") if name in columns), None)
    if column is None:
        return ("",), "nothing"
    if "id" in columns:
        rows.sort(key=lambda row: int(row[columns.index("id")]))
    return tuple(row[columns.index(column)] for row in rows), f"{column}s"


def _topology_symbols(path: Path, kind: str, topology: Path) -> tuple[tuple[str, ...], str]:
    atoms = _universe(path, kind, topology if topology != path else None).atoms
    for attribute in ("elements", "names", "types"):
        found = tuple(str(value) for value in getattr(atoms, attribute, ()))
        if found and all(found):
            return tuple(one.title() if attribute == "elements" else one for one in found), attribute
    return ("",), "nothing"
