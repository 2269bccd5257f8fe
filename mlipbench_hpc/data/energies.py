"""Reference energies of the elements, energies without them, and isolated atoms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames, Ints

# Å. An atom whose images are farther apart than this has no neighbour in any model.
LONELY_A = 6.0
MILLI = 1000.0
Energies = dict[int, float]


def reference_energies(frames: Frames, indices: Sequence[int]) -> Energies:
    """Energy per atom of each species, eV by atomic number, by least squares over the frames at `indices`.

    Minimises Σ_f (E_f − Σ_Z n_fZ e_Z)². Where the compositions do not determine it (pure water: only
    2 e_H + e_O is known) the solution of least norm is taken: any solution gives the same sum for such
    compositions, and this one shares it out in proportion to the numbers of atoms.
    """
    species = frames.species()
    rows = np.asarray(indices, dtype=np.int64)
    solution, *_ = np.linalg.lstsq(counts(frames, species)[rows], frames.energies[rows], rcond=1e-10)
    return dict(zip(species, (float(value) for value in solution), strict=True))


def counts(frames: Frames, species: Sequence[int]) -> Floats:
    """Number (F, S) of atoms of each species (atomic numbers, ascending) in each frame."""
    table = np.zeros((len(frames), len(species)))
    np.add.at(table, (frames.frame_of_atom(), np.searchsorted(species, frames.numbers)), 1.0)
    return table


def without_reference(frames: Frames, reference: Mapping[int, float]) -> Frames:
    """Frames with energies (F,) eV minus those of their atoms (eV by atomic number).

    In float64: an all-electron total of 1e6 eV has no digits left for chemistry in float32.
    """
    known = sorted(reference)
    single = np.array([reference[number] for number in known])[np.searchsorted(known, frames.numbers)]
    return replace(frames, energies=frames.energies - np.add.reduceat(single, frames.offsets[:-1]))


def moved_reference(frames: Frames, predicted: Floats, reference: Mapping[int, float]) -> Energies:
    """Reference energies, eV by atomic number, with which a model's energies have the frames' energy zero.

    predicted: (F,) eV, by the model with `reference`. What the frames' energies differ from them by is shared
    out among their elements by least squares; other elements keep theirs.
    """
    away = replace(frames, energies=frames.energies - predicted)
    moves = reference_energies(away, range(len(frames)))
    return {number: energy + moves.get(number, 0.0) for number, energy in reference.items()}


def isolated_atoms(frames: Frames) -> Ints:
    """Indices of frames with one atom that has no neighbour within 6 Å, its own images included."""
    alone = [int(index) for index in np.flatnonzero(frames.sizes == 1) if _is_isolated(frames, int(index))]
    return np.array(alone, dtype=np.int64)


def _is_isolated(frames: Frames, index: int) -> bool:
    from ase.neighborlist import neighbor_list

    return len(neighbor_list("i", frames.atoms(index), LONELY_A)) == 0


def energies_of_isolated(frames: Frames, indices: Sequence[int] | Ints) -> Energies:
    """Energies of isolated atoms at `indices`, eV by atomic number. ValueError for two of one element."""
    energies: Energies = {}
    for index in indices:
        number, energy = int(frames.numbers[frames.offsets[index]]), float(frames.energies[index])
        if abs(energies.setdefault(number, energy) - energy) > 1e-6:
            raise ValueError(
                f"frame {index}: a second isolated atom {frames.formula(int(index))} with {energy:.6f} eV, "
                f"the first has {energies[number]:.6f} eV: leave one out"
            )
    return energies


@dataclass(frozen=True)
class Offset:
    """Energy offset of the frames of one composition.

    Their number, and mean (eV) and standard deviation (meV/atom) of energies without the reference energies.
    """

    frames: int
    mean_eV: float
    scatter_meV_per_atom: float


def offsets(frames: Frames, indices: Sequence[int], reference: Mapping[int, float]) -> dict[str, Offset]:
    """Energy offsets by composition.

    A model can learn frames with equal means; a mean that differs between numbers of ions by more than the
    scatter is an energy zero that depends on the composition (a charged cell, another code).
    """
    rest = without_reference(frames.select(list(indices)), reference)
    formulas = np.array([rest.formula(index) for index in range(len(rest))])
    return {str(name): _offset(rest, formulas == name) for name in np.unique(formulas)}


def _offset(rest: Frames, own: "np.ndarray[Any, np.dtype[np.bool_]]") -> Offset:
    energies, atoms = rest.energies[own], int(rest.sizes[own][0])
    return Offset(len(energies), float(energies.mean()), float(energies.std() / atoms * MILLI))
