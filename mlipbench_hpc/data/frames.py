"""Labelled structures as flat arrays, in one file that loads without pickle."""

import hashlib
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """F frames with A atoms in all; frame i owns atoms offsets[i] to offsets[i+1].

    offsets (F+1,) int64; numbers (A,) int64 atomic numbers; positions (A, 3) Å; cells (F, 3, 3) Å, rows are
    lattice vectors; pbc (F, 3) bool; energies (F,) eV; forces (A, 3) eV/Å; both are NaN where a frame carries
    no label.
    """

    offsets: Ints
    numbers: Ints
    positions: Floats
    cells: Floats
    pbc: NDArray[np.bool_]
    energies: Floats
    forces: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def atoms_of(self, index: int) -> slice:
        """The slice of flat atoms that frame `index` owns."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    @property
    def sizes(self) -> Ints:
        """(F,) number of atoms of each frame."""
        return np.diff(self.offsets)

    def frame_of_atom(self) -> Ints:
        """(A,) index of the frame that owns each flat atom."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def select(self, indices: list[int] | Ints) -> "Frames":
        """The frames at `indices`, in that order."""
        chosen = [self.atoms_of(int(i)) for i in indices]
        flat = (
            np.concatenate([np.arange(s.start, s.stop) for s in chosen]) if chosen else np.zeros(0, np.int64)
        )
        rows = np.asarray(indices, dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(self.sizes[rows])]).astype(np.int64)
        return Frames(
            offsets,
            self.numbers[flat],
            self.positions[flat],
            self.cells[rows],
            self.pbc[rows],
            self.energies[rows],
            self.forces[flat],
        )

    def formula(self, index: int) -> str:
        """Composition of frame `index`: its stratum."""
        return composition(self.numbers[self.atoms_of(index)])

    def species(self) -> list[int]:
        """Sorted atomic numbers that occur."""
        return [int(number) for number in np.unique(self.numbers)]

    def fingerprint(self, index: int) -> str:
        """sha256 of one structure: species, cell and positions to 1e-3 Å, no labels.

        The order of the atoms and the periodic image that each is given in do not matter.
        """
        own, cell = self.atoms_of(index), np.nan_to_num(self.cells[index])
        places = np.nan_to_num(self.positions[own])
        if self.pbc[index].any() and abs(np.linalg.det(cell)) > 0:
            shares = places @ np.linalg.inv(cell)
            places = np.where(self.pbc[index], np.mod(shares + 1e-6, 1.0) - 1e-6, shares) @ cell
        rows = np.column_stack([self.numbers[own], np.round(places, 3) + 0.0])
        rows = rows[np.lexsort(rows.T[::-1])]
        return hashlib.sha256((np.round(cell, 6) + 0.0).tobytes() + rows.tobytes()).hexdigest()

    def atoms(self, index: int) -> "Atoms":
        """One frame as ase.Atoms, without its labels."""
        from ase import Atoms

        own = self.atoms_of(index)
        return Atoms(
            numbers=self.numbers[own],
            positions=self.positions[own],
            cell=self.cells[index],
            pbc=self.pbc[index],
        )

    def save(self, path: Path) -> None:
        """Write all arrays as one .npz."""
        with path.open("wb") as stream:
            np.savez(stream, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Frames":
        """Read what `save` wrote; pickles are refused."""
        with np.load(path, allow_pickle=False) as archive:
            return cls(**{field.name: archive[field.name] for field in fields(cls)})

    @classmethod
    def from_atoms(
        cls, images: "list[Atoms]", energies: Floats | None = None, forces: Floats | None = None
    ) -> "Frames":
        """Stack ase.Atoms; labels not given are NaN. energies (F,) eV, forces (A, 3) eV/Å."""
        offsets = np.concatenate([[0], np.cumsum([len(image) for image in images])]).astype(np.int64)
        empty = np.full((int(offsets[-1]), 3), np.nan)
        return cls(
            offsets=offsets,
            numbers=np.concatenate([image.numbers for image in images]).astype(np.int64),
            positions=np.concatenate([image.positions for image in images]),
            cells=np.array([np.asarray(image.cell) for image in images], dtype=float),
            pbc=np.array([image.pbc for image in images], dtype=bool),
            energies=np.full(len(images), np.nan) if energies is None else np.asarray(energies, dtype=float),
            forces=empty if forces is None else np.asarray(forces, dtype=float),
        )


def composition(numbers: Ints) -> str:
    """Of atomic numbers (N,), in alphabetical order of the symbols, such as H128O64."""
    from ase.data import chemical_symbols

    counts = Counter(chemical_symbols[int(number)] for number in numbers)
    return "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))


def concatenate(parts: list[Frames]) -> Frames:
    """All frames of `parts`, in order."""
    shifts = np.cumsum([0] + [int(part.offsets[-1]) for part in parts])
    offsets = np.concatenate(
        [[0]] + [part.offsets[1:] + shift for part, shift in zip(parts, shifts, strict=False)]
    )
    others = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Frames)
        if field.name != "offsets"
    }
    return Frames(offsets=offsets.astype(np.int64), **others)
