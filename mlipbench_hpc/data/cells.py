"""Definition of a valid cell."""

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats

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
