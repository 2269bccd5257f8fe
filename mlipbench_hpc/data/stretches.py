"""Bond lengths and the forces along them, frame by frame, and displacements from a mean structure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Frames, Ints

HYDROGEN = 1
# Length in Å and stiffness in eV/Å² of bonds of H, by the atomic number of the other end.
KNOWN = {8: (0.97, 48.7), 7: (1.01, 40.0), 6: (1.09, 30.0)}
# Å. Largest distance from these lengths.
STRETCH_A = 0.15
# Å. Reach of the search for nearest neighbours; first neighbours, in units of the median nearest distance.
REACH_A, FIRST = 3.3, 1.1
# Searches for neighbours in all; frames of one search have at least this share of its bonds.
MOST_SEARCHES, SAME_BONDS = 200, 0.5
# Frames of the same atoms that give a mean structure.
FEWEST_FOR_MEAN = 3


@dataclass(frozen=True)
class Stretches:
    """B bonds: frame (B,), stretch (B,) Å from the typical length, pull (B,) eV/Å that lengthens the bond.

    bond (B,): number of the pair of atoms, the same in all frames in which it was followed; -1 where unknown.
    """

    frame: Ints
    stretch: Floats
    pull: Floats
    bond: Ints

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def join(cls, parts: list["Stretches"]) -> "Stretches":
        """All bonds of the parts, in their order."""
        none = cls(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
        every = [none, *parts]
        return cls(
            np.concatenate([part.frame for part in every]),
            np.concatenate([part.stretch for part in every]),
            np.concatenate([part.pull for part in every]),
            np.concatenate([part.bond for part in every]),
        )


class Neighbours:
    """Pairs of near atoms of one frame, each in both directions."""

    def __init__(self, frames: Frames, index: int) -> None:
        from ase.neighborlist import neighbor_list

        own = frames.atoms_of(index)
        self.index, self.numbers, self.forces = index, frames.numbers[own], frames.forces[own]
        self.first, self.second, self.length, vector = neighbor_list("ijdD", frames.atoms(index), REACH_A)
        self.direction = vector / np.maximum(self.length, 1e-9)[:, None]
        self.shortest = np.full(len(self.numbers), np.inf)
        np.minimum.at(self.shortest, self.first, self.length)
        self.ends = self.numbers[self.first], self.numbers[self.second]

    def hydrogens(self, end: int) -> Ints:
        """Each H whose nearest atom is `end` at about the known length, and that atom, (2, B)."""
        chosen = (
            (self.ends[0] == HYDROGEN) & (self.ends[1] == end) & (self.length == self.shortest[self.first])
        )
        chosen &= np.abs(self.length - KNOWN[end][0]) < STRETCH_A
        return np.stack([self.first[chosen], self.second[chosen]])

    def kinds(self) -> set[tuple[int, int]]:
        """Elements of each atom and its nearest neighbour, ascending."""
        nearest = self.length == self.shortest[self.first]
        rows = zip(*(numbers[nearest].tolist() for numbers in self.ends), strict=True)
        return {(min(row), max(row)) for row in rows}

    def nearest(self, kind: tuple[int, int]) -> Stretches:
        """First neighbours of one kind: half the difference of their forces, stretch from the mean."""
        of_kind = (self.ends[0] == kind[0]) & (self.ends[1] == kind[1])
        if not of_kind.any():
            return Stretches.join([])
        limit = FIRST * np.median(self.shortest[self.first[of_kind]])
        chosen = of_kind & (self.length < limit) & ((kind[0] != kind[1]) | (self.first < self.second))
        first, second, length = self.first[chosen], self.second[chosen], self.length[chosen]
        if not len(length):
            return Stretches.join([])
        pull = 0.5 * ((self.forces[second] - self.forces[first]) * self.direction[chosen]).sum(axis=1)
        unknown = np.full(len(length), -1)
        return Stretches(np.full(len(length), self.index), length - length.mean(), pull, unknown)


def of_hydrogen(frames: Frames) -> tuple[dict[int, Stretches], int]:
    """Bonds of H by the other end, and the number of frames that were looked at.

    The bonds of one frame are followed through all frames of the same atoms; where fewer than half are left,
    they are sought anew, at most 200 times in all.
    """
    tables, searches, looked = defaultdict[int, list[Stretches]](list), 0, 0
    groups = same_atoms(frames)
    for group in groups[:: -(-len(groups) // MOST_SEARCHES) or 1]:
        rest = group
        while len(rest) and searches < MOST_SEARCHES:
            bonds, there = _followed(frames, rest)
            for end, table in bonds.items():
                tables[end].append(table)
            searches, looked, rest = searches + 1, looked + int(there.sum()), rest[~there]
    return {end: Stretches.join(tables[end]) for end in KNOWN}, looked


def same_atoms(frames: Frames) -> list[Ints]:
    """Indices of frames of the same atoms in the same order, group by group."""
    groups = defaultdict[bytes, list[int]](list)
    for index in range(len(frames)):
        groups[frames.numbers[frames.atoms_of(index)].tobytes()].append(index)
    return [np.array(group, dtype=np.int64) for group in groups.values()]


def _followed(frames: Frames, group: Ints) -> tuple[dict[int, Stretches], NDArray[np.bool_]]:
    """Bonds of the first frame of a group (G,) in those frames in which most are left, and which these are.

    No neighbours are sought where there is no hydrogen.
    """
    there = np.ones(len(group), dtype=bool)
    if not (frames.numbers[frames.atoms_of(int(group[0]))] == HYDROGEN).any():
        return {}, there
    near = Neighbours(frames, int(group[0]))
    pairs = {end: near.hydrogens(end) for end in KNOWN}
    left = {end: _lengths(frames, group, pair)[0] for end, pair in pairs.items()}
    amount = sum((abs(left[end] - KNOWN[end][0]) < STRETCH_A).sum(axis=1) for end in KNOWN)
    there = np.asarray(amount >= SAME_BONDS * sum(pair.shape[1] for pair in pairs.values()))
    there[0] = True
    return {end: _along(frames, group[there], pairs[end], KNOWN[end][0]) for end in KNOWN}, there


def _lengths(frames: Frames, group: Ints, pairs: Ints) -> tuple[Floats, Floats]:
    """Lengths (G, B) Å of bonds, pairs (2, B), in frames of a group (G,), and unit vectors (G, B, 3)."""
    first, second = frames.offsets[group][:, None] + pairs[:, None]
    vectors = frames.positions[second] - frames.positions[first]
    cells, pbc = frames.cells[group], frames.pbc[group]
    images = np.rint(vectors @ np.linalg.pinv(cells)) * pbc[:, None]
    vectors = vectors - images @ cells
    lengths = np.linalg.norm(vectors, axis=2)
    return lengths, vectors / np.maximum(lengths, 1e-9)[..., None]


def _along(frames: Frames, group: Ints, pairs: Ints, length: float) -> Stretches:
    """Stretch of bonds from a length in Å; the pull is that of the force on H, which has one bond."""
    lengths, directions = _lengths(frames, group, pairs)
    forces = frames.forces[frames.offsets[group][:, None] + pairs[0]]
    # A force of zero is that of a fixed atom.
    near = (np.abs(lengths - length) < STRETCH_A) & forces.any(axis=2)
    pull = -(forces * directions).sum(axis=2)
    index = np.broadcast_to(group[:, None], near.shape)
    # Numbers of atoms in all frames are unique: a bond has that of its H in the first frame.
    bond = np.broadcast_to(frames.offsets[group[0]] + pairs[0], near.shape)
    return Stretches(index[near], lengths[near] - length, pull[near], bond[near])


def outward(frames: Frames) -> Floats:
    """Cosine (F,) between forces and displacements from the mean structure of frames of the same atoms.

    In a harmonic well -u·K·u, the sum of products, is negative for each displacement u, whatever the static
    structure. NaN where fewer than three periodic frames give a mean.
    """
    cosine = np.full(len(frames), np.nan)
    for group, steps, forces in from_mean(frames):
        size = np.sqrt((steps**2).sum(axis=(1, 2)) * (forces**2).sum(axis=(1, 2)))
        cosine[group] = (steps * forces).sum(axis=(1, 2)) / np.where(size > 0.0, size, np.inf)
    return cosine


def from_mean(frames: Frames) -> Iterator[tuple[Ints, Floats, Floats]]:
    """Periodic frames (G,) of the same atoms, displacements (G, N, 3) Å from their mean, forces (G, N, 3)."""
    for every in same_atoms(frames):
        group = every[frames.pbc[every].all(axis=1)]
        if len(group) < FEWEST_FOR_MEAN:
            continue
        atoms = frames.offsets[group][:, None] + np.arange(frames.sizes[group[0]])
        cells, forces = frames.cells[group], frames.forces[atoms]
        shares = frames.positions[atoms] @ np.linalg.pinv(cells)
        shares = shares - np.rint(shares - shares[0])
        shares = shares - (shares - shares[0]).mean(axis=1, keepdims=True)
        yield group, (shares - shares.mean(axis=0)) @ cells, forces
