"""Continuity of a run: every frame keeps the unit of length and the order of atoms of the first."""

from pathlib import Path

import numpy as np

from mlipbench_hpc.analysis.geometry import HYDROGEN, minimum_image, owners
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign.record import BOHR, NM, Positions

# Largest and least number of O-H bonds whose lengths are followed.
BONDS, FEWEST_BONDS = 64, 6
# Lengths in another unit, relative to those in Å, and relative tolerance of the median and the quartiles.
RATIOS = {"bohr": 1 / BOHR, "nm": 1 / NM, "Å instead of bohr": BOHR, "Å instead of nm": NM}
MEDIAN_TOLERANCE, QUARTILE_TOLERANCE = 0.04, 0.12
# Number of atoms of an element that are followed, and least number of these that jump in another order.
ATOMS, FEWEST_JUMPS = 48, 12
# Å. A jump, and the distance from an atom of the frame before within which three quarters of jumping atoms
# lie: in an unrelated frame of liquid water one hydrogen of eight, and one oxygen of fourteen does.
JUMP_A, SAME_PLACE_A = 2.5, 0.8
SHARE = 0.3
# Å. Where most atoms make steps no longer than this, no component of their median is longer, so none of these
# steps is a jump from it.
SHORT_A = 0.9
# Relative to the first frame's: where half of a frame's bonds are between these, it is in no other unit.
SAME_LENGTHS = 0.75, 1.5


class Continuity:
    """Comparison of each frame with the one before and with the bonds of the first.

    numbers (N,); first (N, 3) Å: positions of the first frame; cell (3, 3) Å.
    """

    def __init__(self, numbers: Ints, first: Positions, cell: Floats) -> None:
        self.cell = cell
        owner_of = owners(numbers, np.asarray(first, dtype=float), cell)
        bonds = sample(np.flatnonzero((numbers == HYDROGEN) & (owner_of >= 0)), BONDS)
        self.bonds = np.stack([bonds, owner_of[bonds]])
        vectors = first[None, self.bonds[0]] - first[None, self.bonds[1]]
        self.length = float(np.median(self._lengths(vectors))) if len(bonds) else 0.0
        same = {int(number): np.flatnonzero(numbers == number) for number in np.unique(numbers)}
        self.elements = {
            number: atoms for number, atoms in same.items() if number > 0 and len(atoms) >= FEWEST_JUMPS
        }
        self.samples = {number: sample(atoms, ATOMS) for number, atoms in self.elements.items()}
        self.last = first

    def check(self, path: Path, positions: Positions, frame: int) -> None:
        """Raise InputFailure where a frame (positions (f, N, 3) Å) is in another unit or order of atoms.

        frame: index of the first of these frames in the file, for messages.
        """
        self._check_unit(path, positions, frame)
        for atoms in self.samples.values():
            own, needed = positions[:, atoms], max(FEWEST_JUMPS, SHARE * len(atoms))
            moves = np.diff(own, axis=0, prepend=self.last[None, atoms])
            far = (squares(moves) > SHORT_A**2).sum(axis=1)
            suspect = np.flatnonzero(far >= min(needed, len(atoms) // 2))
            steps = minimum_image(moves[suspect].astype(float), self.cell)
            jumps = np.linalg.norm(steps - np.median(steps, axis=1, keepdims=True), axis=2) > JUMP_A
            for place in np.flatnonzero(jumps.sum(axis=1) >= needed):
                index, jumping = int(suspect[place]), atoms[jumps[place]]
                before = positions[index - 1] if index else self.last
                self._check_order(path, before, positions[index], jumping, frame + index)
        self.last = np.array(positions[-1])

    def _lengths(self, vectors: Floats) -> Floats:
        """Lengths (f, B) in Å of bonds with these vectors (f, B, 3), of any periodic images."""
        return np.asarray(np.linalg.norm(minimum_image(np.asarray(vectors, dtype=float), self.cell), axis=2))

    def _check_unit(self, path: Path, positions: Positions, frame: int) -> None:
        if self.bonds.shape[1] < FEWEST_BONDS:
            return
        vectors = positions[:, self.bonds[0]] - positions[:, self.bonds[1]]
        shortest, longest = (float(bound * self.length) ** 2 for bound in SAME_LENGTHS)
        lengths = squares(vectors)
        same = ((lengths > shortest) & (lengths < longest)).sum(axis=1)
        suspect = np.flatnonzero(2 * same <= len(self.bonds[0]))
        if not len(suspect):
            return
        quartiles = np.quantile(self._lengths(vectors[suspect]), [0.25, 0.5, 0.75], axis=1) / self.length
        low, median, high = quartiles
        for unit, ratio in RATIOS.items():
            near = np.abs(median / ratio - 1) < MEDIAN_TOLERANCE
            near &= (low > ratio * (1 - QUARTILE_TOLERANCE)) & (high < ratio * (1 + QUARTILE_TOLERANCE))
            if near.any():
                index = int(near.argmax())
                raise InputFailure(
                    f"{path}: O-H bonds of frame {frame + suspect[index]} are "
                    f"{median[index] * self.length:.3g} Å long, those of the first frame "
                    f"{self.length:.3g} Å: lengths are in {unit}; convert it"
                )

    def _check_order(self, path: Path, before: Positions, now: Positions, atoms: Ints, frame: int) -> None:
        """Raise InputFailure where the jumping `atoms` stand where others of their element stood."""
        number = next(number for number, own in self.elements.items() if atoms[0] in own)
        there = before[self.elements[number]].astype(float)
        vectors = (minimum_image(now[atom] - there, self.cell) for atom in atoms)
        nearest = np.array([np.linalg.norm(part, axis=1).min() for part in vectors])
        if np.quantile(nearest, 0.75) < SAME_PLACE_A:
            raise InputFailure(
                f"{path}: in frame {frame} {len(atoms)} of {len(self.samples[number])} atoms of one element "
                f"(first atom {atoms[0] + 1}) are more than {JUMP_A} Å from their places in the frame "
                f"before, where others of that element stood {np.median(nearest):.2g} Å away: its rows "
                "are in another order, so atoms cannot be followed; write ids, or sort the rows"
            )


def squares(vectors: Positions) -> Positions:
    """Squared lengths (f, K) of vectors (f, K, 3)."""
    return np.asarray(np.einsum("fkx,fkx->fk", vectors, vectors))


def sample(atoms: Ints, most: int) -> Ints:
    """At most `most` of the atoms (K,), evenly spread."""
    return atoms[:: max(1, -(-len(atoms) // most))]
