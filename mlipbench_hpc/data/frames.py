"""Labelled structures as flat arrays, in one file that loads without pickle."""

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.str_]
OPTIONAL = ("masses", "groups", "sets")


@dataclass(frozen=True)
class Frames:
    """F frames with A atoms in all; frame i owns atoms offsets[i] to offsets[i+1].

    offsets (F+1,) int64; numbers (A,) int64 atomic numbers; positions (A, 3) Å; cells (F, 3, 3) Å, rows are
    lattice vectors; pbc (F, 3) bool; energies (F,) eV; forces (A, 3) eV/Å; both are NaN where a frame carries
    no label. masses (A,) u: the data's own, NaN for the element's; groups (F,) and sets (F,): names of the
    trajectory and of the set (train, …) that a frame is of, empty where it has none. These are None where no
    frame has any.
    """

    offsets: Ints
    numbers: Ints
    positions: Floats
    cells: Floats
    pbc: NDArray[np.bool_]
    energies: Floats
    forces: Floats
    masses: Floats | None = None
    groups: Words | None = None
    sets: Words | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def atoms_of(self, index: int) -> slice:
        """Slice of the flat atoms of frame `index`."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    @property
    def sizes(self) -> Ints:
        """Number of atoms (F,) of each frame."""
        return np.diff(self.offsets)

    def frame_of_atom(self) -> Ints:
        """Index (A,) of the frame of each flat atom."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def select(self, indices: list[int] | Ints) -> "Frames":
        """Frames at `indices`, in that order."""
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
            None if self.masses is None else self.masses[flat],
            None if self.groups is None else self.groups[rows],
            None if self.sets is None else self.sets[rows],
        )

    def formula(self, index: int) -> str:
        """Composition of frame `index`: its stratum."""
        return composition(self.numbers[self.atoms_of(index)])

    def species(self) -> list[int]:
        """Atomic numbers that occur, sorted."""
        return [int(number) for number in np.unique(self.numbers)]

    def atoms(self, index: int) -> "Atoms":
        """One frame as ase.Atoms, without its labels; with masses of its own where the data have some."""
        from ase import Atoms

        own = self.atoms_of(index)
        stated = self.masses is not None and not np.isnan(self.masses[own]).all()
        return Atoms(
            numbers=self.numbers[own],
            positions=self.positions[own],
            cell=self.cells[index],
            pbc=self.pbc[index],
            masses=self.masses_of(index) if stated else None,
        )

    def masses_of(self, index: int) -> Floats:
        """Masses (N,) u of one frame, by element where the data state none."""
        from ase.data import atomic_masses

        own = self.atoms_of(index)
        usual: Floats = atomic_masses[self.numbers[own]]
        if self.masses is None:
            return usual
        return np.where(np.isnan(self.masses[own]), usual, self.masses[own])

    def save(self, path: Path) -> None:
        """Write all arrays as one .npz."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        with path.open("wb") as stream:
            np.savez(stream, **{name: array for name, array in arrays.items() if array is not None})

    @classmethod
    def load(cls, path: Path) -> "Frames":
        """Read the file of `save`; pickles are refused."""
        with np.load(path, allow_pickle=False) as archive:
            return cls(**{field.name: archive[field.name] for field in fields(cls) if field.name in archive})

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
    """Formula of atomic numbers (N,), in alphabetical order of the symbols, such as H128O64."""
    return _composition(np.asarray(numbers, dtype=np.int64).tobytes())


@lru_cache(maxsize=256)  # Thousands of frames of a dataset are of a few lists of atoms.
def _composition(numbers: bytes) -> str:
    from ase.data import chemical_symbols

    every = enumerate(np.bincount(np.frombuffer(numbers, dtype=np.int64)).tolist())
    counts = {chemical_symbols[number]: amount for number, amount in every if amount}
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
        if field.name != "offsets" and field.name not in OPTIONAL
    }
    optional = {name: _optional(parts, name) for name in OPTIONAL}
    return Frames(offsets=offsets.astype(np.int64), **others, **optional)


def _optional(parts: list[Frames], name: str) -> Any:
    """One array of all parts, filled for parts without it; None where no part has it."""
    arrays = [getattr(part, name) for part in parts]
    if all(array is None for array in arrays):
        return None
    empty = [
        np.full(len(part.numbers), np.nan) if name == "masses" else np.full(len(part), "") for part in parts
    ]
    return np.concatenate(
        [blank if array is None else array for array, blank in zip(arrays, empty, strict=True)]
    )
