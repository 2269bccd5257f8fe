"""Structures of frames one by one, and sizes of arrays that few compiled programs serve."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Frames, Ints

SIGNIFICANT_BITS = 4
# Of frames that share one program, for the largest of them.
COARSE_BITS = 2


def structures(frames: Frames) -> Iterator[tuple[Ints, Floats, Floats, NDArray[np.bool_]]]:
    """Numbers (N,), positions (N, 3) Å, cell (3, 3) Å and periodicity (3,) of each frame."""
    for index in range(len(frames)):
        atoms = frames.atoms_of(index)
        yield frames.numbers[atoms], frames.positions[atoms], frames.cells[index], frames.pbc[index]


def ceiling(count: int, bits: int = SIGNIFICANT_BITS) -> int:
    """The next number of at most `bits` binary digits, zeros behind them apart."""
    unit = 1 << max(count.bit_length() - bits, 0)
    return -(-count // unit) * unit
