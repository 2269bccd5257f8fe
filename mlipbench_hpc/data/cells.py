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
    return bool(_valid(cell[None], pbc[None])[0])


def valid(frames: Frames) -> NDArray[np.bool_]:
    """Of each frame (F,), whether its cell is valid."""
    return _valid(frames.cells, frames.pbc)


def _valid(cells: Floats, pbc: NDArray[np.bool_]) -> NDArray[np.bool_]:
    finite = np.isfinite(cells).all(axis=(1, 2))
    known = np.where(finite.reshape(-1, 1, 1), cells, 0.0)
    thinnest = np.linalg.svd(known, compute_uv=False).min(axis=1, initial=np.inf)
    return np.asarray(finite & ((thinnest > THINNEST_A) | ~pbc.any(axis=1)))


def placed(frames: Frames) -> NDArray[np.bool_]:
    """Of each frame (F,), whether it has atoms, all positions are finite, and its cell is valid."""
    lost = frames.frame_of_atom()[~np.isfinite(frames.positions).all(axis=1)]
    return valid(frames) & (frames.sizes > 0) & ~np.isin(np.arange(len(frames)), lost)
