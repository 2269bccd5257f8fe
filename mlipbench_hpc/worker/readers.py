"""Frames of trajectories that other programs wrote: MDAnalysis reads them, ASE extended XYZ."""

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.netcdf import Records, open_records
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker import dumps
from mlipbench_hpc.worker.dumps import HALF

# Formats by file ending. None of them can carry code.
FORMATS = {
    ".xtc": "XTC", ".trr": "TRR", ".dcd": "DCD", ".nc": "NCDF", ".ncdf": "NCDF", ".xyz": "XYZ",
    ".extxyz": "EXTXYZ", ".lammpstrj": "LAMMPSDUMP", ".lammpsdump": "LAMMPSDUMP", ".dump": "LAMMPSDUMP",
    ".pdb": "PDB", ".gro": "GRO", ".h5md": "H5MD", ".h5": "H5MD",
}  # fmt: skip
# Lines of each frame besides the atoms'.
LINES = {"XYZ": 2, "EXTXYZ": 2}
# Formats that name no atoms, and give times.
TIMED = ("XTC", "TRR", "DCD", "NCDF", "H5MD")
# How a reader ends at half a frame.
BROKEN = (OSError, ValueError, IndexError, EOFError, KeyError, RuntimeError)
# Where the columns of this record of a PDB begin, and the last one ends.
CRYST1 = (6, 15, 24, 33, 40, 47, 54)
NM = np.float32(10.0)
AMBER_UNITS = {
    "coordinates": "angstrom",
    "time": "picosecond",
    "cell_lengths": "angstrom",
    "cell_angles": "degree",
}
# Positions (N, 3) Å, cell (3, 3) Å and time ps, the last two None where nothing says them.
Frame = tuple[NDArray[np.floating], Floats | None, float | None]


@dataclass(frozen=True)
class Piece:
    """Consecutive frames: positions (f, N, 3) Å; cells (f, 3, 3) Å and times (f,) ps, None if not said."""

    positions: NDArray[np.floating]
    cells: Floats | None
    times: Floats | None


def read(path: Path, kind: str, topology: Path | None, size: int, ends: list[str]) -> Iterator[Piece]:
    """Every whole frame as it stands, `size` at a time.

    Reading stops at half a frame, and `ends` then says why. Raises InputFailure where nothing can be read, or
    the number of atoms changes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MDAnalysis guesses masses and the like; nothing of that is used
        if kind == "NCDF":
            yield from _amber(path, size)
        elif kind == "EXTXYZ":
            yield from _gathered(_extxyz(path), size, path, ends)
        elif kind == "XTC":
            yield from map(_in_angstrom, _xtc(path, size, ends))
        elif kind == "TRR":
            yield from map(_in_angstrom, _gathered(_trr(path), size, path, ends))
        elif kind == "LAMMPSDUMP":
            yield from _gathered(dumps.frames(path), size, path, ends)
        else:
            yield from _gathered(_mdanalysis(path, kind, topology), size, path, ends)


def _gathered(frames: Iterator[Frame], size: int, path: Path, ends: list[str]) -> Iterator[Piece]:
    """Pieces of single frames."""
    held: list[Frame] = []
    atoms = index = 0
    try:
        for index, frame in enumerate(frames):
            atoms = atoms or len(frame[0])
            if len(frame[0]) != atoms:
                raise InputFailure(f"{path}: frame {index} has {len(frame[0])} atoms, the first {atoms}")
            held.append(frame)
            if len(held) == size:
                yield _piece(held)
                held = []
    except BROKEN as error:
        ends.append(_why(error))
    if held:
        yield _piece(held)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _piece(frames: list[Frame]) -> Piece:
    positions, cells, times = zip(*frames, strict=True)
    return Piece(
        np.array(positions),
        None if any(cell is None for cell in cells) else np.array(cells),
        None if any(time is None for time in times) else np.array(times, dtype=float),
    )


def _extxyz(path: Path) -> Iterator[Frame]:
    from ase.io import iread  # takes as long as all else that `analyse` imports

    first: NDArray[np.int64] | None = None
    for index, atoms in enumerate(iread(path, index=":", format="extxyz")):
        first = atoms.numbers if first is None else first
        if len(atoms) == len(first) and (atoms.numbers != first).any():
            raise InputFailure(f"{path}: {reordered(index)}")
        cell = np.asarray(atoms.cell[:], dtype=float)
        yield np.asarray(atoms.positions, dtype=float), cell if cell.any() else None, None


def _in_angstrom(piece: Piece) -> Piece:
    """What was in nm; a box of zeros is none."""
    assert piece.cells is not None
    cells = 10.0 * piece.cells.astype(float)
    np.multiply(piece.positions, NM, out=piece.positions)
    return Piece(piece.positions, cells if cells.any(axis=(1, 2)).all() else None, piece.times)


def _xtc(path: Path, size: int, ends: list[str]) -> Iterator[Piece]:
    """In nm, and without MDAnalysis' universe around it, which takes as long as the decoding."""
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    end, going = 0, True
    try:
        file = XTCFile(str(path))
    except BROKEN as error:
        ends.append(_why(error))
        return
    with file:
        while going:
            positions = np.empty((size, file.n_atoms, 3), dtype=np.float32)
            boxes, times = [], []
            try:
                for row in positions:
                    frame = file.read_direct_x(row)
                    boxes.append(frame.box)
                    times.append(frame.time)
                    end = file._bytes_tell()
            except (StopIteration, *BROKEN) as error:
                going = False
                if not isinstance(error, StopIteration):
                    ends.append(_why(error))
                elif end < path.stat().st_size:
                    ends.append(HALF)
            if times:
                yield Piece(positions[: len(times)], np.array(boxes), np.array(times, dtype=float))


def _trr(path: Path) -> Iterator[Frame]:
    """In nm."""
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile

    end = 0
    with TRRFile(str(path)) as file:
        for index, frame in enumerate(file):
            if not frame.hasx:
                raise InputFailure(f"{path}: frame {index} has no positions")
            end = file._bytes_tell()
            yield frame.x, frame.box, frame.time
        if end < path.stat().st_size:
            raise EOFError(HALF)


def _mdanalysis(path: Path, kind: str, topology: Path | None) -> Iterator[Frame]:
    trajectory, cells = universe(path, kind, topology).trajectory, _Cells()
    box = _crystal(path) if kind == "PDB" else None
    rows = _rows_of_xyz(path)
    first = next(_rows_of_xyz(path)) if kind == "XYZ" else []
    for index in range(len(trajectory)):
        step = trajectory[index]
        # The cell of a PDB stands until another is given.
        box = box if step.dimensions is None and kind == "PDB" else step.dimensions
        if kind == "XYZ" and next(rows) != first:
            raise InputFailure(f"{path}: {reordered(index)}")
        yield step.positions.copy(), cells.of(box), float(step.time) if kind in TIMED else None


def reordered(index: int) -> str:
    """What is wrong with a frame that names other atoms than the first: nobody could be followed."""
    return f"frame {index} has other species, or in another order, than the first"


def _rows_of_xyz(path: Path) -> Iterator[list[str]]:
    """First words of the atoms' lines, frame by frame."""
    with path.open() as stream:
        for line in stream:
            next(stream)
            yield [row.split(maxsplit=1)[0] for row in itertools.islice(stream, int(line))]


def _crystal(path: Path) -> NDArray[Any] | None:
    """Lengths in Å and angles in degrees (6,) of a PDB's CRYST1 before any atom, which MDAnalysis skips.

    None where there is none, or the edges of 1 Å that stand for none.
    """
    with path.open(errors="replace") as stream:
        head = itertools.takewhile(lambda line: not line.startswith(("ATOM", "HETATM")), stream)
        record = next((line for line in head if line.startswith("CRYST1")), None)
    if record is None:
        return None
    box = np.array([record[start:end] for start, end in itertools.pairwise(CRYST1)], dtype=float)
    return None if (box[:3] == 1.0).all() else box


class _Cells:
    """Vectors of boxes, most of which are the one before."""

    def __init__(self) -> None:
        self.box, self.cell = np.zeros(0), np.zeros((3, 3))

    def of(self, box: NDArray[Any] | None) -> Floats | None:
        """(3, 3) Å of three lengths in Å and three angles in degrees; None without a box."""
        if box is None or not box[:3].all():
            return None
        if not np.array_equal(box, self.box):
            self.box = np.array(box, dtype=float)
            self.cell = cell_vectors(self.box[None, :3], self.box[None, 3:])[0]
        return self.cell


def amber(path: Path) -> Records:
    """The records of a trajectory of AMBER (https://ambermd.org/netcdf/nctraj.xhtml), or InputFailure."""
    try:
        found = open_records(path)
    except ValueError as error:
        raise InputFailure(str(error)) from error
    if "coordinates" not in (found.rows.dtype.names or ()):
        raise InputFailure(f"{path}: it has no coordinates: expected AMBER's convention")
    for name, unit in AMBER_UNITS.items():
        if found.units.get(name, unit).rstrip("s") != unit:
            raise InputFailure(f"{path}: {name} is in `{found.units[name]}`, expected {unit}")
    return found


def _amber(path: Path, size: int) -> Iterator[Piece]:
    found = amber(path)

    def scaled(rows: NDArray[Any], name: str) -> Any:
        return rows[name] * found.scales[name] if name in found.scales else rows[name]

    names = found.rows.dtype.names or ()
    for start in range(0, len(found.rows), size):
        rows = found.rows[start : start + size]
        cells = None
        if {"cell_lengths", "cell_angles"} <= set(names):
            lengths, angles = (
                np.asarray(scaled(rows, f"cell_{what}"), float) for what in ("lengths", "angles")
            )
            cells = cell_vectors(lengths, angles) if lengths.all() else None
        times = np.asarray(scaled(rows, "time"), float) if "time" in names else None
        yield Piece(scaled(rows, "coordinates"), cells, times)
        let_go(found.rows)


def universe(path: Path, kind: str, topology: Path | None) -> Any:
    """MDAnalysis's view. Raises InputFailure with what it said."""
    if topology is None:
        return _opened(path, kind, path, format=kind, topology_format=kind)
    return _opened(path, kind, topology, path, format=kind, topology_format=_topology_format(topology))


def topology_of(path: Path, kind: str, topology: Path | None) -> Any:
    """The atoms that a topology names, or a trajectory that names its own."""
    if topology is not None:
        return _opened(topology, "a topology", topology, topology_format=_topology_format(topology)).atoms
    return universe(path, kind, None).atoms


def _opened(path: Path, what: str, *files: Path, **formats: str | None) -> Any:
    import MDAnalysis

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MDAnalysis.Universe(*map(str, files), to_guess=(), **formats)
    except Exception as error:
        raise InputFailure(f"{path}: MDAnalysis cannot read it as {what}: {error}") from error


def _topology_format(topology: Path) -> str | None:
    """None lets MDAnalysis take it from the ending; (extended) XYZ has the same columns."""
    kind = FORMATS.get(topology.suffix.lower())
    return "XYZ" if kind == "EXTXYZ" else kind if kind == "LAMMPSDUMP" else None


def count(path: Path, kind: str, topology: Path | None, atoms: int) -> tuple[int, bool]:
    """How many frames there seem to be, and whether half a one follows (binary readers find that out later).

    In text a last line without its end may have lost digits: its frame does not count.
    """
    if kind in LINES:
        return _counted_lines(path, atoms + LINES[kind])
    if kind == "LAMMPSDUMP":
        return dumps.count(path, atoms)
    if kind == "NCDF":
        found = amber(path)
        return len(found.rows), found.cut
    frames = len(universe(path, kind, topology).trajectory)
    return frames, kind == "DCD" and _dcd_says(path) > frames


def _counted_lines(path: Path, each: int) -> tuple[int, bool]:
    """Frames of `each` lines; blank lines at the end are none."""
    with path.open("rb") as stream:
        lines, rest = 0, b""
        while block := stream.read(1 << 20):
            lines += block.count(b"\n")
            rest = block
    blank = rest[len(rest.rstrip()) :]
    frames, left = divmod(lines - max(0, blank.count(b"\n") - 1), each)
    return frames, left > 0 or b"\n" not in blank


def _dcd_says(path: Path) -> int:
    """Frames by the header of a DCD: the integer after `CORD`, in the order of the record's length, 84."""
    with path.open("rb") as stream:
        start = stream.read(12)
    order: Literal["little", "big"] = "little" if start[:1] == b"T" else "big"
    return int.from_bytes(start[8:12], order)
