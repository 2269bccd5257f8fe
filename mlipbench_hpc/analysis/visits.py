"""Frames in which adatoms and dissolved atoms are in the layer at z = 0, for example before they left it."""

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.surface import Surface
from mlipbench_hpc.data.frames import Floats, Ints

# Å. An atom so near to the plane of a layer is in it; adatoms are 1.2 Å or more above it.
IN_LAYER = 1.0


class Visits:
    """Visits of atoms of a surface that are no part of its layer for most of the run.

    atoms (K,): adatoms and dissolved atoms; counts (K, 3): frames in a layer, the first and the last of them.
    """

    def __init__(self, surface: Surface, cell: Floats) -> None:
        self.atoms: Ints = np.sort(np.concatenate([surface.adatoms, surface.dissolved]))
        self.counts: Ints = np.zeros((len(self.atoms), 3), dtype=np.int64)
        self._faces, self._cell = surface.faces, cell

    def add(self, positions: NDArray[np.floating], begin: int) -> None:
        """Add frames (f, N, 3) Å, of which the first has the number `begin`."""
        if not len(self.atoms) or not len(positions):
            return
        heights = [face.heights(positions, self._cell, self.atoms) for face in self._faces]
        inside = np.any(np.abs(np.array(heights)) <= IN_LAYER, axis=0).T
        for count, frames in zip(self.counts, np.asarray(inside), strict=True):
            if frames.any():
                present = begin + np.flatnonzero(frames)
                first = count[1] if count[0] else present[0]
                count[:] = count[0] + len(present), first, present[-1]
