"""Water molecules: which hydrogens belong to which oxygen, their direction, and what changes later."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN, minimum_image, owners
from mlipbench_hpc.analysis.surface import Surface
from mlipbench_hpc.data.frames import Floats, Ints

# Nearer to another oxygen means at least half an O-O distance away from one's own.
SUSPECT_OH = 1.15


@dataclass(frozen=True)
class Waters:
    """The molecules of one frame, kept for all later ones.

    intact (W, 3): indices of O and its two H; oxygens (O,): all oxygens; left_out: oxygens that do not own
    exactly two H; owner (N,): oxygen of each hydrogen, -1 for other atoms and for hydrogens without one.
    """

    intact: Ints
    oxygens: Ints
    left_out: int
    owner: Ints

    @classmethod
    def assign(cls, numbers: Ints, positions: NDArray[np.floating], cell: Floats) -> "Waters":
        """From one frame: numbers (N,), positions (N, 3) Å, cell (3, 3) Å."""
        owner = owners(numbers, np.asarray(positions, dtype=float), cell)
        oxygens = np.flatnonzero(numbers == OXYGEN)
        hydrogens = np.flatnonzero(owner >= 0)
        hydrogens_of = np.bincount(owner[hydrogens], minlength=len(numbers))
        whole = oxygens[hydrogens_of[oxygens] == 2]
        by_owner = hydrogens[np.argsort(owner[hydrogens], kind="stable")]
        pairs = by_owner[np.isin(owner[by_owner], whole)].reshape(-1, 2)
        return cls(np.column_stack([whole, pairs]), oxygens, len(oxygens) - len(whole), owner)

    def changed(self, positions: NDArray[np.floating], cell: Floats) -> Ints:
        """Hydrogens that in any of these frames are nearer to another oxygen than to their owner.

        positions (F, N, 3) Å, cell (3, 3) Å.
        """
        owned = np.flatnonzero(self.owner >= 0)
        bonds = np.asarray(positions[:, owned], dtype=float) - positions[:, self.owner[owned]]
        lengths = np.linalg.norm(minimum_image(bonds, cell), axis=-1)
        frames, which = np.nonzero(lengths > SUSPECT_OH)
        reach = positions[frames, owned[which]][:, None] - positions[frames[:, None], self.oxygens]
        nearest = self.oxygens[np.linalg.norm(minimum_image(reach, cell), axis=-1).argmin(axis=1)]
        moved = nearest != self.owner[owned[which]]
        return np.unique(owned[which[moved]])


def ions(numbers: Ints, surface: Surface) -> dict[int, Ints]:
    """Atoms by atomic number of all that is neither water nor slab, in the order of atomic numbers."""
    others = np.setdiff1d(np.flatnonzero(~np.isin(numbers, (HYDROGEN, OXYGEN))), surface.slab)
    return {int(number): others[numbers[others] == number] for number in np.unique(numbers[others])}
