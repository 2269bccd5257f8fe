"""A trajectory that another program wrote: its atoms, its cell, its frames, and what was guessed of it."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.cell import Cell
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker import dumps
from mlipbench_hpc.worker.readers import FORMATS, TIMED, Piece, count, read, topology_of

CELL_CHANGES = 1e-4
NAMING = "a PDB, GRO, PSF or (ext)xyz"


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

    def pieces(self, size: int) -> Iterator[Piece]:
        """Every whole frame, `size` at a time, positions in the orientation of `cell`.

        Raises InputFailure where the cell or the number of atoms changes, or a position is not finite.
        """
        self.ends.clear()
        seen = 0
        for piece in read(self.path, self.format, self.topology, size, self.ends):
            if (atoms := piece.positions.shape[1]) != len(self.numbers):
                raise InputFailure(f"{self.path}: it has {atoms} atoms, its topology {len(self.numbers)}")
            finite = np.isfinite(piece.positions).all(axis=(1, 2))
            if not finite.all():
                frame = seen + int(finite.argmin())
                raise InputFailure(f"{self.path}: frame {frame} holds positions that are not finite")
            yield self._turned(piece, seen)
            seen += len(piece.positions)

    def _turned(self, piece: Piece, seen: int) -> Piece:
        cells, positions = piece.cells, piece.positions
        if cells is not None and np.triu(cells, 1).any():
            turned = [standard(*frame) for frame in zip(positions, cells, strict=True)]
            positions, cells = (np.array(part) for part in zip(*turned, strict=True))
        far = np.array([True]) if cells is None else np.abs(cells - self.cell).max(axis=(1, 2)) > CELL_CHANGES
        if not self.given and far.any():
            raise InputFailure(
                f"{self.path}: the cell changes at frame {seen + int(far.argmax())}, so that bins have no "
                "constant volume; pass --cell to analyse it in a cell of your own"
            )
        return Piece(positions, cells, piece.times)


def standard(positions: NDArray[np.floating], cell: Floats) -> tuple[NDArray[np.floating], Floats]:
    """Positions and cell turned so that a lies along x and b in the xy plane."""
    if not np.triu(cell, 1).any():
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
    if kind in TIMED and topology is None:
        raise InputFailure(f"{path}: {kind} names no atoms; pass --topology with {NAMING}")
    if topology and (moving := FORMATS.get(topology.suffix.lower())) in TIMED:
        raise InputFailure(f"{topology}: {moving} names no atoms; as --topology expected {NAMING}")
    said: list[str] = []
    ends: list[str] = []
    first = next(read(path, kind, topology, 1, ends), None)
    if first is None:
        raise InputFailure(f"{path}: it holds no whole frame ({'; '.join(ends) or 'it is empty'})")
    numbers = elements(path, kind, topology, request, said)
    cell = None if first.cells is None else standard(first.positions[0], first.cells[0])[1]
    if request["cell"]:
        cell = given_cell(request["cell"])
    if cell is None or not np.isfinite(cell).all() or np.linalg.det(cell) <= 0:
        raise InputFailure(f"{path}: no cell in it; pass --cell A B C [α β γ] in Å and degrees")
    expected, more = count(path, kind, topology, len(numbers))
    return Foreign(path, kind, numbers, cell, bool(request["cell"]), expected, more, topology, said)


def given_cell(asked: list[float]) -> Floats:
    """(3, 3) Å of A B C in Å, or of A B C α β γ with angles in degrees. Raises InputFailure."""
    lengths, angles = np.array(asked[:3]), np.array(asked[3:] or [90.0] * 3)
    with np.errstate(invalid="ignore"):
        cell: Floats = cell_vectors(lengths[None], angles[None])[0]
    if not np.linalg.det(cell) > 0:
        raise InputFailure(
            f"--cell: received angles {angles[0]:g}, {angles[1]:g} and {angles[2]:g}, expected three that "
            "close a cell: each less than the sum of the others, and less than 360° together"
        )
    return cell


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


def elements(path: Path, kind: str, topology: Path | None, request: dict[str, Any], said: list[str]) -> Ints:
    """Atomic numbers (N,), from the file, or from names and types by what was asked; says what it guessed."""
    source = topology or path
    if FORMATS.get(source.suffix.lower()) in ("XYZ", "EXTXYZ"):
        symbols, what = _first_symbols(source), "species"
    elif FORMATS.get(source.suffix.lower()) == "LAMMPSDUMP":
        symbols, what = dumps.symbols(source)
    else:
        symbols, what = _topology_symbols(path, kind, topology)
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
    from ase.io import iread

    return tuple(next(iter(iread(path, index=":1", format="extxyz"))).get_chemical_symbols())


def _topology_symbols(path: Path, kind: str, topology: Path | None) -> tuple[tuple[str, ...], str]:
    atoms = topology_of(path, kind, topology)
    for attribute in ("elements", "names", "types"):
        found = tuple(str(value) for value in getattr(atoms, attribute, ()))
        if found and all(found):
            return tuple(one.title() if attribute == "elements" else one for one in found), attribute
    return ("",), "nothing"
