"""Fused atoms: pairs that come too close where a model was never trained on their repulsion."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.engines.system import System


@dataclass(frozen=True)
class Contacts:
    """Check of pairs of atoms, neither of them an H, that began farther apart than `limit` Å.

    one, other (P,): indices of each pair, at least one of the two mobile. Atoms bound closer than that from
    the start (the C and O of an adsorbed CO) are left out.
    """

    one: Ints
    other: Ints
    system: System
    limit: float

    @classmethod
    def of(cls, system: System, limit: float) -> "Contacts":
        """Pairs at the start of a system."""
        heavy = np.flatnonzero(system.start.numbers != 1)
        first, second = np.triu_indices(len(heavy), 1)
        one, other = heavy[first], heavy[second]
        moves = np.isin(one, system.mobile) | np.isin(other, system.mobile)
        every = cls(one[moves], other[moves], system, limit)
        apart = every._distances(system.start.get_positions()) > limit
        return cls(every.one[apart], every.other[apart], system, limit)

    def nearest(self, positions: Floats) -> tuple[int, int, float] | None:
        """Both atoms of the closest pair and their distance, if within the limit. positions (N, 3) Å."""
        distances = self._distances(positions)
        if len(distances) == 0 or distances.min() > self.limit:
            return None
        worst = int(distances.argmin())
        return int(self.one[worst]), int(self.other[worst]), float(distances[worst])

    def _distances(self, positions: Floats) -> Floats:
        """Distance (P,) in Å to the image with fractional coordinates within half a cell.

        It equals the minimum image's wherever that is shorter than half the cell's smallest width.
        """
        vectors = positions[self.other] - positions[self.one]
        if self.system.start.cell.rank == 3:
            cell = np.asarray(self.system.start.cell)
            vectors -= (np.rint(vectors @ np.linalg.inv(cell)) * self.system.start.pbc) @ cell
        lengths: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        return lengths
