"""Results of the readers of all formats: whole frames in pieces, names of atoms, steps and times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign.identity import Identity

BOHR, NM = 0.529177210903, 10.0
# Units of time in files, in ps.
PS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "as": 1e-6, "au": 2.4188843265857e-5}
HALF = "half a frame at its end"
# Exceptions of readers of binary formats at half a frame.
BROKEN = (OSError, ValueError, IndexError, EOFError, KeyError, RuntimeError)
Positions = NDArray[np.floating]
Periodic = tuple[bool, bool, bool]
PERIODIC: Periodic = (True, True, True)


class CutShort(Exception):
    """End of the whole frames, although the file goes on or should; the message gives the reason."""


@dataclass(frozen=True)
class Frame:
    """One frame: positions (N, 3) Å; cell (3, 3) Å, rows are lattice vectors; ids (N,) and labels (N,).

    Labels are names or types. All as stored; all but positions are None where the file has none.
    """

    positions: Positions
    cell: Floats | None
    ids: Ints | None = None
    labels: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class Piece:
    """Consecutive frames: positions (f, N, 3) Å, cells (f, 3, 3) Å or None."""

    positions: Positions
    cells: Floats | None


@dataclass(frozen=True)
class Labels:
    """Names of atoms (N,) in the order of their ids, () where there are none; LAMMPS' types (N,) likewise.

    kind: of names: species, elements, names. beside: names of the atoms (N,) that stand beside elements.
    masses: as written (N,), in u.
    """

    names: tuple[str, ...] = ()
    kind: str = "names"
    types: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    masses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clock:
    """Steps (F,) and times (F,) of frames, None where the file holds none.

    unit: unit of the times in ps, None where the file does not name it. warning: an uncertainty in words;
    doubt: one of times that are used only where the request names none.
    """

    steps: Ints | None = None
    times: Floats | None = None
    unit: float | None = None
    warning: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Content:
    """One file whose frames are counted, but not yet read.

    frames: number of whole ones; rest: reason for missing frames, "" in a whole file; facts: units and the
    like, in words; pieces: the frames, so many at a time, atoms by id; it raises CutShort; periodic: along
    each lattice vector, true where the format does not say it; warnings: in words.
    """

    path: Path
    format: str
    frames: int
    labels: Labels
    clock: Clock
    rest: str
    pieces: Callable[[int], Iterator[Piece]]
    facts: tuple[str, ...] = ()
    periodic: Periodic = PERIODIC
    warnings: tuple[str, ...] = ()


def periodicity(path: Path, frames: list[Periodic]) -> Periodic:
    """Periodicity of all frames. Raises InputFailure where it changes."""
    first = frames[0] if frames else PERIODIC
    change = next((index for index, other in enumerate(frames) if other != first), 0)
    if change:
        raise InputFailure(
            f"{path}: the boundaries of the cell are periodic along other vectors from frame {change} on: "
            "pass the frames before and after it as files of their own"
        )
    return first


def gather(frames: Iterator[Frame], size: int, path: Path) -> Iterator[Piece]:
    """Pieces of single frames, atoms by id. Raises InputFailure where atoms are not those of the first."""
    identity, batch = Identity(path), list[Frame]()
    reason = ""
    try:
        for frame in frames:
            positions = identity.ordered(frame.positions, frame.ids, frame.labels)
            batch.append(Frame(positions, frame.cell))
            if len(batch) == size:
                yield join(batch)
                batch = []
    except CutShort as error:
        reason = str(error)
    except BROKEN as error:
        reason = f"{type(error).__name__}: {error}"
    if batch:
        yield join(batch)
    if reason:
        raise CutShort(reason)


def join(frames: list[Frame]) -> Piece:
    """One piece of frames of equally many atoms."""
    cells = [frame.cell for frame in frames if frame.cell is not None]
    return Piece(
        np.array([frame.positions for frame in frames]),
        np.array(cells) if len(cells) == len(frames) else None,
    )


def numbers_in(path: Path, frame: int, rows: list[str], columns: list[int]) -> Floats:
    """Numbers (N, len(columns)) of a frame's rows; InputFailure names the frame where a word is none."""
    try:
        return np.loadtxt(rows, usecols=columns, comments=None, ndmin=2)
    except (ValueError, IndexError) as error:
        raise InputFailure(
            f"{path}: frame {frame}: its rows are not all numbers where expected: {error}"
        ) from error
