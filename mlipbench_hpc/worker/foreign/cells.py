"""The one cell of all frames: the file's, or the request's where the file has none; others are refused."""

from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign import lattice
from mlipbench_hpc.worker.foreign.height import Cut, Open, cut_of
from mlipbench_hpc.worker.foreign.plausible import check_positions
from mlipbench_hpc.worker.foreign.record import PERIODIC, Content, CutShort, Piece, Positions

# Number of first frames that decide whether the cell changes.
FIRST = 8
# Height of a cell that is open along z, in units of the atoms' extent or its own height: heights are wrapped
# at -1/4 and 3/4 of it, which no atom within three times the extent can reach.
TALL = 4.0
# Reason why a file has no cell, by format.
NO_CELL = {
    "XYZ": "plain XYZ holds none",
    "extended XYZ": "a comment without Lattice",
    "PDB": "no CRYST1, or the edges of 1 Å that stand for none",
    "GRO": "a box of zeros",
    "XTC": "a box of zeros",
    "TRR": "a box of zeros, or none",
    "DCD": "none in its header, or lengths of zero",
    "NetCDF": "no cell_lengths and cell_angles, or lengths of zero",
    "H5MD": "no box/edges, or zeros",
    "ASE trajectory": "a cell of zeros",
}


def cell_of(
    contents: list[Content], numbers: Ints, request: dict[str, Any]
) -> tuple[Floats, Cut | Open | None, list[str]]:
    """The one cell of all frames (3, 3) Å, the cut where the height alone changes, and facts in words.

    Along an open z there is no period: `Open`.

    Raises InputFailure where there is no cell, or the request's is another than the file's.
    """
    path, first = contents[0].path, beginning(contents[0])
    check_positions(path, first, len(numbers), 0)
    requested = lattice.lattice_of(lattice.request_cell(request["cell"])).cell if request["cell"] else None
    if first.cells is None and requested is None:
        raise InputFailure(
            f"{path}: no cell in it; pass --cell A B C [α β γ] in Å and degrees: "
            f"{NO_CELL.get(contents[0].format, 'a frame has none')}"
        )
    if first.cells is None:
        assert requested is not None
        return requested, None, []
    first = Piece(*normal(path, first.positions, first.cells, 0))
    assert first.cells is not None
    cell = np.array(first.cells[0])
    if is_open(contents):
        return open_cell(path, first, cell, requested)
    if requested is not None:
        if np.abs(requested - cell).max() <= lattice.TYPED:
            return requested, None, []
        if not lattice.is_same(requested, cell):
            raise InputFailure(contradiction_message(path, 0, requested, cell))
        return cell, None, ["--cell is another basis of the file's lattice, whose own is taken"]
    apart = np.abs(first.cells - cell).max(axis=0)
    only_height = apart[2, 2] > lattice.NOISE and (np.delete(apart.ravel(), 8) <= lattice.NOISE).all()
    return height_varies(contents, first, numbers, request) if only_height else (cell, None, [])


def is_open(contents: list[Content]) -> bool:
    """True where z alone, along the third lattice vector, is not periodic; InputFailure for unlike files."""
    first = contents[0].periodic
    other = next((content for content in contents if content.periodic != first), None)
    if other is not None:
        raise InputFailure(
            f"{other.path}: its boundaries are not periodic along the vectors of {contents[0].path}: "
            "pass the files of one run"
        )
    return first == (True, True, False)


def boundary_warnings(contents: list[Content]) -> list[str]:
    """Other open boundaries, which are read as periodic, in words."""
    first = contents[0].periodic
    if first in (PERIODIC, (True, True, False)):
        return []
    names = " and ".join(name for name, flag in zip("abc", first, strict=True) if not flag)
    return [
        f"{contents[0].path.name} says that its cell is not periodic along {names}: it is read as "
        'periodic along all three vectors; where z alone is open, write `pbc="T T F"` or `pp pp ff` into it'
    ]


def open_cell(
    path: Path, first: Piece, cell: Floats, requested: Floats | None
) -> tuple[Floats, Open, list[str]]:
    """Cell without a period along z for the first frames' positions and cell; facts in words.

    Raises InputFailure where the request's area is another than the file's.
    """
    if requested is not None and np.abs((requested - cell)[:2]).max() > lattice.TYPED:
        raise InputFailure(contradiction_message(path, 0, requested, cell))
    extent = float(np.ptp(np.asarray(first.positions[..., 2], dtype=float), axis=1).max())
    boundary = Open(TALL * max(extent, float(cell[2, 2])))
    tall = boundary.place(first.positions[0], cell if requested is None else requested)[1]
    taken = f"the cell is taken {boundary.height:.3f} Å high"
    return tall, boundary, [f"z is not periodic in it: heights do not wrap, for which {taken}"]


def beginning(content: Content) -> Piece:
    """First frames of a file; InputFailure where no frame is whole."""
    try:
        return next(content.pieces(FIRST))
    except CutShort as error:
        raise InputFailure(f"{content.path}: it holds no whole frame: {error}") from error


def height_varies(
    contents: list[Content], first: Piece, numbers: Ints, request: dict[str, Any]
) -> tuple[Floats, Cut, list[str]]:
    """Cell of the largest height, the cut at which frames are extended to it, and facts in words."""
    path, heights = contents[0].path, list[float]()
    for content in contents:
        try:
            for piece in content.pieces(FIRST):
                if piece.cells is not None:
                    heights += normal(content.path, piece.positions, piece.cells, 0)[1][:, 2, 2].tolist()
        except CutShort:
            pass
    assert first.cells is not None
    metal = np.flatnonzero(np.isin(numbers, atomic_numbers_of(request["surface"])))
    try:
        cut = cut_of(first.positions[0], first.cells[0], metal, max(heights))
    except ValueError as error:
        raise InputFailure(f"{path}: the cell changes (its height alone): {error}") from error
    cell = np.array(first.cells[0])
    cell[2, 2] = cut.height
    low, high = min(heights), max(heights)
    return (
        cell,
        cut,
        [
            f"the height of the cell changes from {low:.3f} to {high:.3f} Å at constant area: heights are "
            "from the surface, and frames are extended to the largest height within the metal"
        ],
    )


def normal(path: Path, positions: Positions, cells: Floats, frame: int) -> tuple[Positions, Floats]:
    """Positions (f, N, 3) and cells (f, 3, 3) Å in the standard form; the first frame has index `frame`.

    Raises InputFailure where a cell has no volume.
    """
    if (cells == cells[0]).all():
        form = lattice_at(path, cells[0], frame)
        return form.to_axes(positions), np.broadcast_to(form.cell, cells.shape)
    forms = [lattice_at(path, cell, frame + index) for index, cell in enumerate(cells)]
    if any(form.turn is not None for form in forms):
        pairs = zip(forms, positions, strict=True)
        positions = np.array([form.to_axes(stored) for form, stored in pairs])
    return positions, np.array([form.cell for form in forms])


def lattice_at(path: Path, cell: Floats, frame: int) -> lattice.Lattice:
    """Lattice of a cell as `lattice_of`; errors name the frame."""
    try:
        return lattice.lattice_of(np.asarray(cell, dtype=float))
    except InputFailure as error:
        raise InputFailure(
            f"{path}: frame {frame}: {error}; pass --cell A B C [α β γ] in Å and degrees"
        ) from error


def change_message(path: Path, frame: int, first: Floats, cell: Floats) -> str:
    """Message of a cell that changes from frame to frame, with the reason for its refusal."""
    return (
        f"{path}: the cell changes at frame {frame}, from {lattice.edges(first)} to {lattice.edges(cell)}, "
        "so that bins have no constant volume; expected a constant cell, or one of which the height alone "
        "changes from the beginning"
    )


def contradiction_message(path: Path, frame: int, requested: Floats, cell: Floats) -> str:
    """Message where the cell of the request is not the file's."""
    return (
        f"--cell: received {lattice.edges(requested)}, but {path} has {lattice.edges(cell)} in frame "
        f"{frame}: leave --cell out, or correct the file"
    )
