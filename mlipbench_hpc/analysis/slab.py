"""Metal slabs: atoms of their faces, and heights of other atoms above a face."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import minimum_image, widest_gaps
from mlipbench_hpc.data.frames import Floats, Ints

LAYER_GAP = 1.0
SURFACE_GAP = 5.0
FIRST_LAYER = 4.5
# Å. Farther than this from the plane of its layer an atom is outside it, in that frame. Half a layer is about
# 1.2 Å, thermal motion stays below 1 Å; a corrugated layer is up to 2 Å thick.
OUTSIDE = 1.5
UPPER, LOWER, BOTH = "upper", "lower", "both"
SIDES = {UPPER: 1.0, LOWER: -1.0}


@dataclass(frozen=True)
class Slab:
    """Slab as stated by the user or the campaign.

    elements: atomic numbers; layer: indices of the atoms at z = 0, () where they are to be determined;
    face: "upper" (outward normal +z), "lower", "both", or "" for those that water touches.
    """

    elements: tuple[int, ...]
    layer: tuple[int, ...] = ()
    face: str = ""

    @classmethod
    def of(cls, slab: "int | Sequence[int] | Slab") -> "Slab":
        """Slab of one or more elements by atomic number; a Slab is returned unchanged."""
        if isinstance(slab, Slab):
            return slab
        return cls((slab,)) if isinstance(slab, int) else cls(tuple(slab))


@dataclass(frozen=True)
class Face:
    """One surface: indices (K,) of its outermost layer; normal is +1 or -1 along z, out of the metal."""

    layer: Ints
    normal: float

    @property
    def side(self) -> str:
        """Name of the face: upper or lower."""
        return UPPER if self.normal > 0 else LOWER

    def planes(self, positions: NDArray[np.floating], cell: Floats) -> Floats:
        """Height (F,) Å of z = 0: mean of the layer's atoms, frame by frame, without those outside it.

        positions (F, N, 3) Å, wrapped or not; cell (3, 3) Å, lower triangular. The layer is taken to the
        images nearest to its first atom before its mean is taken, so one that straddles the boundary of the
        cell has no false mean. Atoms outside: more than 1.5 Å from where most of the layer is.
        """
        layer = np.asarray(positions[:, self.layer], dtype=float)
        z = (layer[:, :1] + minimum_image(layer - layer[:, :1], cell))[..., 2]
        planes = np.asarray(z.mean(axis=1))
        for frame in np.flatnonzero(np.ptp(z, axis=1) > OUTSIDE):
            planes[frame] = plane_of_most(z[frame], float(cell[2, 2]))
        return planes

    def heights(self, positions: NDArray[np.floating], cell: Floats, atoms: Ints) -> Floats:
        """Distances (F, len(atoms)) Å from the layer's plane, frame by frame, in [-Lz/4, 3Lz/4).

        positions and cell: as of `planes`.
        """
        plane = self.planes(positions, cell)
        above = self.normal * (np.asarray(positions[:, atoms, 2], dtype=float) - plane[:, None])
        return wrapped(above, float(cell[2, 2]))


def plane_of_most(z: Floats, length: float) -> float:
    """Mean height in Å of the atoms within 1.5 Å of the one that has most others so near along z.

    z (K,) Å: heights of a layer; length: period in Å.
    """
    apart = z[None] - z[:, None]
    apart -= length * np.rint(apart / length)
    near = np.abs(apart) <= OUTSIDE
    centre = int(near.sum(axis=1).argmax())
    return float(z[centre] + apart[centre, near[centre]].mean())


def wrapped(z: Floats, length: float) -> Floats:
    """Heights z in Å, moved by whole cells of `length` Å into [-length/4, 3 length/4)."""
    return np.asarray(z - length * np.floor(z / length + 0.25))


def interfacial(heights: Floats) -> NDArray[np.bool_]:
    """Mask of heights in the first layer, 0 < z ≤ 4.5 Å; heights of any shape in Å."""
    return np.asarray((heights > 0) & (heights <= FIRST_LAYER))


def atomic_numbers_of(metal: str | Sequence[str]) -> list[int]:
    """Atomic numbers of the element or elements of a slab."""
    return [atomic_numbers[symbol] for symbol in ([metal] if isinstance(metal, str) else metal)]


def layers_of(
    numbers: Ints, positions: NDArray[np.floating], cell: Floats, metal: int | Sequence[int]
) -> tuple[Ints, ...]:
    """Atoms of each layer of a slab to be built or held fixed, the lowest first; () without such a metal.

    numbers (N,), positions (N, 3) Å and cell (3, 3) Å, lower triangular, of one frame; metal: atomic
    number(s). The slab lies between the two ends of the widest gap in z without metal; layers
    are more than 1 Å apart. Raises ValueError where the metal leaves no gap of 5 Å.
    """
    atoms = np.flatnonzero(np.isin(numbers, metal))
    if len(atoms) == 0:
        return ()
    length = float(cell[2, 2])
    z = np.mod(np.asarray(positions[atoms, 2], dtype=float), length)
    parts, widest = split(z, length, LAYER_GAP)
    if widest < SURFACE_GAP:
        raise ValueError(no_gap(positions, cell, atoms, widest))
    return tuple(np.sort(atoms[part]) for part in parts)


def split(z: Floats, length: float, apart: float) -> tuple[list[Ints], float]:
    """Indices of heights z (K,) Å in groups further than `apart` from each other, around the period.

    The first group begins above the widest gap, whose width in Å is the second value.
    """
    order = np.argsort(z, kind="stable")
    gaps = np.diff(z[order], append=z[order[0]] + length)
    widest = int(gaps.argmax())
    order, steps = np.roll(order, -widest - 1), np.roll(gaps, -widest - 1)[:-1]
    return np.split(order, np.flatnonzero(steps > apart) + 1), float(gaps[widest])


def no_gap(positions: NDArray[np.floating], cell: Floats, atoms: Ints, widest: float) -> str:
    """Message of a slab without a surface across z, with the lattice vector across which it has one.

    positions (N, 3) Å and cell (3, 3) Å of one frame; atoms: of the slab; widest: Å, its gap along z.
    """
    message = f"the metal fills the cell: its widest gap along z is {widest:.2f} Å, and a surface needs "
    gaps = widest_gaps(np.asarray(positions[atoms], dtype=float), cell)
    axis = int(gaps[:2].argmax())
    if gaps[axis] < SURFACE_GAP:
        return f"{message}{SURFACE_GAP:g} Å"
    return (
        f"{message}{SURFACE_GAP:g} Å; across lattice vector {'ab'[axis]} it is {gaps[axis]:.2f} Å: the "
        "surface has to lie in the xy plane, so turn the cell and its positions"
    )
