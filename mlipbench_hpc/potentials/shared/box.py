"""Water molecules of a frame: the hydrogens of each oxygen."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames, Ints

BOND_LIMIT_A = 1.3
GOLD = 79


@dataclass(frozen=True)
class Box:
    """Atoms in an orthorhombic periodic box: numbers (N,), edges (3,) Å, waters (M, 3): O, H, H."""

    numbers: Ints
    edges: Floats
    waters: Ints

    @classmethod
    def of(cls, frames: Frames, index: int) -> "Box":
        """Atoms and waters of one frame: every O with exactly two H within 1.3 Å (minimum image) is a water.

        Raises InputFailure for another box, or when some O or H is in no such molecule.
        """
        cell, own = frames.cells[index], frames.atoms_of(index)
        numbers, positions = frames.numbers[own], frames.positions[own]
        if not frames.pbc[index].all() or not np.allclose(cell, np.diag(np.diag(cell))):
            raise InputFailure("only orthorhombic boxes, periodic in all directions, are labelled")
        edges = np.diag(cell).copy()
        return cls(numbers, edges, _waters(numbers, positions, edges))

    def whole(self, positions: Floats) -> Floats:
        """Positions (N, 3) Å: every atom wrapped into the box, but each H beside its own O."""
        result = positions % self.edges
        oxygens = result[self.waters[:, 0]]
        for column in (1, 2):
            steps = positions[self.waters[:, column]] - oxygens
            result[self.waters[:, column]] = oxygens + steps - self.edges * np.round(steps / self.edges)
        return result

    def together(self, shifts: Floats) -> Floats:
        """Shifts (N, 3) of whole molecules, from one for each atom: H moves with its O, gold stays."""
        result = shifts.copy()
        result[self.waters[:, 1:]] = shifts[self.waters[:, :1]]
        result[self.numbers == GOLD] = 0.0
        return result

    def same(self, other: "Box") -> bool:
        """True where one running LAMMPS can label frames of both."""
        pairs = ((self.numbers, other.numbers), (self.edges, other.edges), (self.waters, other.waters))
        return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def _waters(numbers: Ints, positions: Floats, edges: Floats) -> Ints:
    oxygens, hydrogens = np.flatnonzero(numbers == 8), np.flatnonzero(numbers == 1)
    if len(hydrogens) != 2 * len(oxygens):
        received = f"{len(hydrogens)} H and {len(oxygens)} O"
        raise InputFailure(f"all H and O must form water (two H for each O); received {received}")
    if not len(oxygens):
        return np.zeros((0, 3), dtype=np.int64)
    steps = positions[hydrogens, None] - positions[oxygens]
    distances = np.linalg.norm(steps - edges * np.round(steps / edges), axis=-1)
    owners = distances.argmin(axis=1)
    broken = distances.min(axis=1) > BOND_LIMIT_A
    if broken.any() or (np.bincount(owners, minlength=len(oxygens)) != 2).any():
        raise InputFailure(f"some O does not own exactly two H within {BOND_LIMIT_A} Å")
    pairs = hydrogens[np.argsort(owners, kind="stable")].reshape(-1, 2)
    return np.column_stack([oxygens, pairs])
