"""One cell for all frames where the height of their own is none or varies (open boundary, NPzT).

At constant area and varying height, frames are extended in the middle of the metal, and heights above either
face are then the same as in each frame's own cell.
"""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign.record import Positions

# Smallest distance between neighbouring layers, and largest thickness of a layer, in Å.
LAYERS_APART, LAYER = 0.8, 1.2


@dataclass(frozen=True)
class Cut:
    """Cut of a slab between layers: below, above (K,): their atoms; height: Å of the common cell."""

    below: Ints
    above: Ints
    height: float

    def place(self, positions: Positions, cell: Floats) -> tuple[Positions, Floats]:
        """Positions (N, 3) Å of one frame and its cell, in the common cell, z from the cut upwards."""
        length, z = float(cell[2, 2]), np.asarray(positions[:, 2], dtype=float)
        lower = near(z[self.below], float(z[self.below[0]]), length).mean()
        upper = near(z[self.above], lower, length).mean()
        middle = (lower + upper) / 2
        turns = np.floor((z - middle) / length)
        moved = np.asarray(positions, dtype=float) - turns[:, None] * cell[2]
        moved[:, 2] -= middle
        return moved.astype(positions.dtype), np.array(
            [cell[0], cell[1], [cell[2, 0], cell[2, 1], self.height]]
        )


@dataclass(frozen=True)
class Open:
    """Boundary along z that is not periodic: a cell of `height` Å so high that no height wraps in it."""

    height: float

    def place(self, positions: Positions, cell: Floats) -> tuple[Positions, Floats]:
        """Positions (N, 3) Å of one frame as they are, and its cell with the common height."""
        return positions, np.array([cell[0], cell[1], [0.0, 0.0, self.height]])


def near(z: Floats, reference: float, length: float) -> Floats:
    """Images of z (K,) nearest to a reference."""
    return np.asarray(z - length * np.rint((z - reference) / length))


def cut_of(positions: Positions, cell: Floats, metal: Ints, height: float) -> Cut:
    """Cut by one frame, nearest to the middle of the slab of atoms `metal` (K,).

    Raises ValueError, in words, where the slab has fewer than two layers.
    """
    if len(metal) < 2:
        raise ValueError("no slab, so heights have no origin")
    length = float(cell[2, 2])
    z = np.mod(np.asarray(positions[metal, 2], dtype=float), length)
    order = np.argsort(z, kind="stable")
    widest = int(np.diff(z[order], append=z[order[0]] + length).argmax())
    order = np.roll(order, -widest - 1)
    rising = np.mod(z[order] - z[order[0]], length)
    gaps = np.flatnonzero(np.diff(rising) > LAYERS_APART)
    if not len(gaps):
        raise ValueError("the slab has one layer; the cell can only be extended between two")
    middles = (rising[gaps] + rising[gaps + 1]) / 2
    gap = int(gaps[np.abs(middles - rising[-1] / 2).argmin()])
    below = rising[: gap + 1] > rising[gap] - LAYER
    above = rising[gap + 1 :] < rising[gap + 1] + LAYER
    return Cut(metal[order[: gap + 1][below]], metal[order[gap + 1 :][above]], height)
