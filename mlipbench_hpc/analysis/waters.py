"""Waters and other kinds of oxygen in one frame, by owners of hydrogens."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.bonding import within_reach
from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN, minimum_image, owners
from mlipbench_hpc.analysis.surface import Surface
from mlipbench_hpc.data.frames import Floats, Ints

# Largest distance in Å between a hydrogen and its owner, the nearest oxygen, in the first frame.
LONGEST_FIRST_OH = 1.5
HYDROXIDE, HYDRONIUM, OXIDE, OTHER = "hydroxide", "hydronium", "oxide", "other-oxygen"
KINDS = (HYDROXIDE, HYDRONIUM, OXIDE, OTHER)
HALOGENS = (9, 17, 35, 53)  # F, Cl, Br, I
# Elements that form molecules with oxygen: B, C, N, F, Si, P, S, Cl, As, Se, Br, I.
NONMETALS = (5, 6, 7, 9, 14, 15, 16, 17, 33, 34, 35, 53)


@dataclass(frozen=True)
class Waters:
    """The molecules of one frame.

    numbers (N,); owner (N,): oxygen of each hydrogen, -1 for other atoms and for hydrogens without one;
    oxygens (O,): all oxygens; bound (O,): part of another molecule in the first frame, that is bonded to a
    nonmetal or another oxygen; lattice (O,): without hydrogen, and bound to the slab; slab: its atoms.
    """

    numbers: Ints
    owner: Ints
    oxygens: Ints
    bound: NDArray[np.bool_]
    lattice: NDArray[np.bool_]
    slab: Ints

    @classmethod
    def assign(
        cls,
        numbers: Ints,
        positions: NDArray[np.floating],
        cell: Floats,
        surface: Surface | None = None,
        longest: float = LONGEST_FIRST_OH,
    ) -> "Waters":
        """Waters of the first frame: numbers (N,), positions (N, 3) Å, cell (3, 3) Å; longest bond in Å."""
        frame, slab = np.asarray(positions, dtype=float), (surface or Surface()).slab
        oxygens = np.flatnonzero(numbers == OXYGEN)
        nonmetals = nonmetals_of(numbers, slab)
        owner = _without_bonds(numbers, frame, cell, owners(numbers, frame, cell, longest=longest), nonmetals)
        bound = _bonded(numbers, frame, cell, oxygens, nonmetals)
        waters = cls(numbers, owner, oxygens, bound, np.zeros_like(bound), slab)
        single = waters.hydrogens < 2
        # Water beside a halide stays water, and oxygens of two hydrogens are not bonded to each other.
        others = nonmetals[~np.isin(numbers[nonmetals], HALOGENS)]
        bound[~single] &= _bonded(numbers, frame, cell, oxygens[~single], others)
        bound[single] |= _bonded(numbers, frame, cell, oxygens[single], oxygens[single])
        return waters.later(owner, frame, cell)

    def later(self, owner: Ints, positions: NDArray[np.floating], cell: Floats) -> "Waters":
        """Waters after hydrogens have changed their owner (N,); positions (N, 3) Å of that frame."""
        changed = replace(self, owner=owner)
        bare = changed.hydrogens == 0
        lattice = np.zeros(len(self.oxygens), dtype=bool)
        frame = np.asarray(positions, dtype=float)
        lattice[bare] = _bonded(self.numbers, frame, cell, self.oxygens[bare], self.slab)
        return replace(changed, lattice=lattice & ~self.bound)

    @cached_property
    def hydrogens(self) -> Ints:
        """Number of hydrogens that each oxygen owns (O,)."""
        owned = self.owner[self.owner >= 0]
        return np.bincount(owned, minlength=len(self.numbers))[self.oxygens]

    @cached_property
    def molecules(self) -> Ints:
        """Each oxygen with its two hydrogens, (O, 3); -1 twice where it is not in a water."""
        whole = (self.hydrogens == 2) & ~self.bound
        table = np.full((len(self.oxygens), 3), -1, dtype=np.int64)
        table[:, 0] = self.oxygens
        hydrogens = np.flatnonzero(self.owner >= 0)
        ordered = hydrogens[np.argsort(self.owner[hydrogens], kind="stable")]
        pairs = ordered[np.isin(self.owner[ordered], self.oxygens[whole])].reshape(-1, 2)
        table[whole, 1:] = pairs
        return table

    @cached_property
    def intact(self) -> Ints:
        """Oxygen and both hydrogens of each water, (W, 3)."""
        molecules = self.molecules
        return molecules[molecules[:, 1] >= 0]

    @cached_property
    def loose(self) -> Ints:
        """Hydrogens outside waters."""
        hydrogens = np.flatnonzero(self.numbers == HYDROGEN)
        return np.setdiff1d(hydrogens, self.intact[:, 1:])

    @property
    def kinds(self) -> dict[str, Ints]:
        """Oxygens outside waters, by kind: OH-, H3O+, of the slab or an oxide, of other molecules."""
        count, free = self.hydrogens, ~self.bound
        hydroxide, hydronium = (count == 1) & free, (count > 2) & free
        other = ~(hydroxide | hydronium | self.lattice | ((count == 2) & free))
        masks = (hydroxide, hydronium, self.lattice, other)
        return {kind: self.oxygens[mask] for kind, mask in zip(KINDS, masks, strict=True)}

    @property
    def left_out(self) -> int:
        """Number of oxygens outside waters."""
        return len(self.oxygens) - len(self.intact)


def _bonded(
    numbers: Ints, positions: Floats, cell: Floats, oxygens: Ints, others: Iterable[int]
) -> NDArray[np.bool_]:
    """Mask of oxygens (K,) within a bond's length of one of the other atoms, not counting themselves."""
    bonded = np.zeros(len(oxygens), dtype=bool)
    for atom in others:
        bonded |= within_reach(numbers, positions, cell, atom, oxygens)[0] & (oxygens != atom)
    return bonded


def _without_bonds(numbers: Ints, positions: Floats, cell: Floats, owner: Ints, nonmetals: Ints) -> Ints:
    """Owners (N,) without hydrogens that are bonded to a nonmetal nearer than their oxygen, as in NH4+."""
    hydrogens = np.flatnonzero(owner >= 0)
    apart = minimum_image(positions[owner[hydrogens]] - positions[hydrogens], cell)
    nearest = np.linalg.norm(apart, axis=-1)
    for atom in nonmetals:
        near, distances = within_reach(numbers, positions, cell, atom, hydrogens)
        owner[hydrogens[(distances < nearest) & near]] = -1
    return owner


def nonmetals_of(numbers: Ints, slab: Ints) -> Ints:
    """Atoms outside the slab of elements that form molecules with oxygen, but O and H."""
    return np.setdiff1d(np.flatnonzero(np.isin(numbers, NONMETALS)), slab)
