"""Definition of a valid cell."""

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Frames

RULE = (
    "three independent lattice vectors where a frame is periodic at all (along an open direction: the box "
    "with its vacuum)"
)
THINNEST_A = 1e-3


def is_valid(cell: Floats, pbc: NDArray[np.bool_]) -> bool:
    """True where a cell (3, 3) Å, rows are lattice vectors, can be trained on and simulated in.

    A frame without periodic directions needs no cell.
    """
    if not np.isfinite(cell).all():
        return False
    return not pbc.any() or float(np.linalg.svd(cell, compute_uv=False).min()) > THINNEST_A


def is_placed(frames: Frames, index: int) -> bool:
    """True where a frame has atoms, all positions are finite, and its cell is valid."""
    positions = frames.positions[frames.atoms_of(index)]
    known = len(positions) > 0 and bool(np.isfinite(positions).all())
    return known and is_valid(frames.cells[index], frames.pbc[index])
