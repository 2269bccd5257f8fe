"""Several frames of a slab: heights without its drift, and atoms in words."""

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Ints

NO_ATOMS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Sample:
    """Several frames: numbers (N,), heights (F, N) Å along z without the slab's drift, cell (3, 3) Å.

    positions (F, N, 3) Å. Heights of the slab's atoms do not jump between images.
    """

    numbers: Ints
    heights: Floats
    positions: NDArray[np.floating]
    cell: Floats

    @classmethod
    def of(cls, numbers: Ints, positions: NDArray[np.floating], cell: Floats, slab: Ints) -> "Sample":
        """Sample from positions (F, N, 3) Å, wrapped or not; slab: atoms of which most move with the slab."""
        z, length = np.asarray(positions[..., 2], dtype=float), float(cell[2, 2])
        steps = z - z[0]
        steps -= length * np.rint(steps / length)
        drift = np.median(steps[:, slab], axis=1)
        return cls(numbers, z[0] + steps - drift[:, None], positions, cell)

    @property
    def first(self) -> Floats:
        """Positions (N, 3) Å in the first frame."""
        return np.asarray(self.positions[0], dtype=float)

    @property
    def length(self) -> float:
        """Length of the cell along z in Å."""
        return float(self.cell[2, 2])

    def medians(self, atoms: Ints) -> Floats:
        """Median heights (K,) Å of atoms over the frames, in [0, length)."""
        return np.mod(np.median(self.heights[:, atoms], axis=0), self.length)

    def symbols(self, atoms: Ints) -> str:
        """Atoms in words, as `symbols`."""
        return symbols(self.numbers, atoms)


def symbols(numbers: Ints, atoms: Ints) -> str:
    """Atoms in words, such as `8 Ni and 8 Pt atoms (32 to 47)`; numbers (N,) of all atoms."""
    kinds, counts = np.unique(numbers[atoms], return_counts=True)
    words = " and ".join(f"{n} {chemical_symbols[z]}" for z, n in zip(kinds, counts, strict=True))
    return f"{words} atom{'s' * (len(atoms) > 1)} ({ranges(atoms)})"


def ranges(indices: Ints) -> str:
    """Sorted indices in words, such as `3, 32 to 47`; the first six stretches of them."""
    parts = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    words = [f"{part[0]} to {part[-1]}" if len(part) > 1 else str(part[0]) for part in parts]
    return ", ".join(words[:6]) + ", …" * (len(words) > 6)


def in_one_image(z: Floats, length: float) -> Floats:
    """Heights (K,) Å of one layer, each in the image nearest to the first."""
    return np.asarray(z[0] + (z - z[0]) - length * np.rint((z - z[0]) / length))


def middle(z: Floats, length: float) -> float:
    """Median of a layer's heights in Å."""
    return float(np.median(in_one_image(z, length)))


def edge(z: Floats, length: float, side: float) -> float:
    """Highest (side 1) or lowest (side -1) of a layer's heights in Å."""
    heights = in_one_image(z, length)
    return float(heights.max() if side > 0 else heights.min())
