"""PDB: models, or frames that END ends.

Our own reader, because MDAnalysis takes its cell from the last CRYST1 or from none, and ignores serial
numbers.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.gromacs import serials, titled
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.record import HALF, Content, CutShort, Frame, Labels

# Starts of the columns of this record, and the end of the last one.
CRYST1 = (6, 15, 24, 33, 40, 47, 54)
PLACES, SHORTEST = ((30, 38), (38, 46), (46, 54)), 54
Block = tuple[str, list[str], Floats | None]


def content(path: Path) -> Content:
    """Content of a PDB of any number of frames. Raises InputFailure."""
    return titled(path, "PDB", blocks(path), _labels, _frames)


def blocks(path: Path) -> Iterator[Block]:
    """Titles, rows of atoms and cell (3, 3) Å of each frame; a cell holds until the next one."""
    title, rows, cell, atoms = "", list[str](), None, 0
    with path.open(errors="replace") as stream:
        for line in stream:
            if line.startswith(("ATOM", "HETATM")):
                rows.append(line.rstrip("\n"))
            elif line.startswith("CRYST1"):
                cell = _cell(path, line)
            elif line.startswith(("TITLE", "REMARK")):
                title += line
            elif line.startswith(("MODEL", "END")) and rows:
                yield title, rows, cell
                title, atoms, rows = "", len(rows), list[str]()
    if rows and (atoms not in (0, len(rows)) or len(rows[-1]) < SHORTEST):
        raise CutShort(HALF)
    if rows:
        yield title, rows, cell


def _cell(path: Path, line: str) -> Floats | None:
    """Cell (3, 3) Å of a CRYST1 line; None for edges of 1 Å, which mean no cell."""
    try:
        box = np.array([line[start:end] for start, end in itertools.pairwise(CRYST1)], dtype=float)
    except ValueError as error:
        raise InputFailure(f"{path}: received `{line.strip()}`, expected lengths and angles") from error
    if (box[:3] == 1.0).all() or not box[:3].all():
        return None
    # In single precision, as MDAnalysis reads it.
    box = box.astype(np.float32).astype(float)
    return np.asarray(cell_vectors(box[None, :3], box[None, 3:])[0])


def topology(path: Path) -> Labels:
    """Names of the first frame's atoms in the order of the file. Raises InputFailure where there are none."""
    try:
        _, rows, _ = next(blocks(path), ("", [], None))
    except CutShort as error:
        raise InputFailure(f"{path}: {error}") from error
    return _named(rows)


def _labels(path: Path, rows: list[str]) -> Labels:
    """Names of atoms in the order of serial numbers."""
    ids, labels = serials([row[6:11] for row in rows]), _named(rows)
    if ids is None:
        return labels
    order = order_of(path, 0, ids)
    names, beside = (
        tuple(words[index] for index in order) if words else () for words in (labels.names, labels.beside)
    )
    return Labels(names, labels.kind, beside=beside)


def _named(rows: list[str]) -> Labels:
    elements = tuple(row[76:78].strip().title() for row in rows)
    names = tuple(row[12:16].strip() for row in rows)
    if all(element in atomic_numbers for element in elements):
        return Labels(elements, "elements", beside=names)
    return Labels(names, "names")


def _frames(path: Path, amount: int) -> Iterator[Frame]:
    for index, (_, rows, cell) in zip(range(amount), blocks(path), strict=False):
        parts = [" ".join(row[low:high] for low, high in PLACES) for row in rows]
        positions = record.numbers_in(path, index, parts, [0, 1, 2]).astype(np.float32)
        labels = tuple(row[12:16].strip() for row in rows)
        yield Frame(positions, cell, serials([row[6:11] for row in rows]), labels)
