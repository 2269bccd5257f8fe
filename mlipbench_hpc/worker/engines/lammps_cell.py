"""Box of LAMMPS: the commands that create it, and the wrapping of positions into it."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.potentials.shared.film import Vacuum

MARGIN_A = 1.0
REGION = "mlipbench_cell"


@dataclass(frozen=True)
class Cell:
    """Box of LAMMPS: corner low (3,) Å; vectors (3, 3) Å, lower triangular rows; boundary: three letters.

    repeats: directions in which the structure is periodic, so that its atoms may be wrapped into the box.
    """

    low: Floats
    vectors: Floats
    boundary: tuple[str, str, str]
    repeats: tuple[bool, bool, bool]

    def commands(self, kinds: int, words: str) -> list[str]:
        """Commands of the box for `kinds` atom types; words: the rest of create_box. repr keeps every bit."""
        high = self.low + np.diag(self.vectors)
        edges = " ".join(repr(float(value)) for pair in zip(self.low, high, strict=True) for value in pair)
        tilts = [float(self.vectors[row, column]) for row, column in ((1, 0), (2, 0), (2, 1))]
        shape = f"prism {edges} {' '.join(map(repr, tilts))}" if any(tilts) else f"block {edges}"
        return [
            f"boundary {' '.join(self.boundary)}",
            "box tilt large",
            f"region {REGION} {shape}",
            f"create_box {kinds} {REGION} {words}".rstrip(),
        ]

    def wrap(self, positions: Floats) -> tuple[Floats, Ints]:
        """Positions (N, 3) Å wrapped in periodic directions, and the whole vectors (N, 3) subtracted."""
        fractions = (positions - self.low) @ np.linalg.inv(self.vectors)
        cells = (np.floor(fractions) * self.repeats).astype(np.int64)
        return positions - cells @ self.vectors, cells


def periodic_cell(atoms: Atoms, open_boundary: str) -> Cell:
    """Cell of a structure in standard orientation.

    A non-periodic vector has no tilt in LAMMPS; a structure without a cell gets a box.
    """
    if atoms.cell.rank < 3:
        return open_space(atoms.positions, open_boundary)
    vectors = np.array(atoms.cell)
    for row in np.flatnonzero(~atoms.pbc):
        vectors[row, :row] = 0.0
    x, y, z = ("p" if flag else open_boundary for flag in atoms.pbc)
    return Cell(np.zeros(3), vectors, (x, y, z), (x == "p", y == "p", z == "p"))


def film_cell(atoms: Atoms) -> Cell:
    """Orthorhombic cell of a slab, periodic along z too, as a box that ends in the vacuum."""
    vacuum = Vacuum.of(atoms.positions[:, 2], float(atoms.cell[2, 2]))
    low = np.array([0.0, 0.0, vacuum.lower_end])
    return Cell(low, np.array(atoms.cell), ("p", "p", "f"), (True, True, True))


def open_space(positions: Floats, boundary: str = "s") -> Cell:
    """Box around positions (N, 3) Å."""
    low = positions.min(axis=0) - MARGIN_A
    vectors = np.diag(positions.max(axis=0) + MARGIN_A - low)
    return Cell(low, vectors, (boundary, boundary, boundary), (False, False, False))
