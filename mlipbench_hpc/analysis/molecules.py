"""Molecules other than water, OH- and H3O+: atoms joined by covalent bonds; single atoms are ions."""

from dataclasses import dataclass

import numpy as np
from ase.symbols import Symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.bonding import within_reach
from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN
from mlipbench_hpc.analysis.sample import NO_ATOMS
from mlipbench_hpc.analysis.surface import Surface
from mlipbench_hpc.analysis.waters import NONMETALS, Waters, nonmetals_of
from mlipbench_hpc.data.frames import Floats, Ints


@dataclass(frozen=True)
class Molecules:
    """Molecules of one formula: atoms (M, K); centres (M,), the atom of each whose height is its height."""

    atoms: Ints
    centres: Ints

    def oxygens(self, numbers: Ints) -> int:
        """Number of their oxygens; numbers (N,) of all atoms."""
        return int((numbers[self.atoms] == OXYGEN).sum())


def molecules_of(waters: Waters, positions: NDArray[np.floating], cell: Floats) -> dict[str, Molecules]:
    """Molecules of the first frame by formula (Hill's order): positions (N, 3) Å, cell (3, 3) Å.

    A bond is at most 1.2 times the sum of covalent radii, as for oxygens of `Waters`; a hydrogen belongs to
    its owner, without one to the nearest atom so near. A single atom is no molecule. The centre has most
    bonds to atoms other than hydrogen; among equals no oxygen, and the first.
    """
    heavy = np.union1d(nonmetals_of(waters.numbers, waters.slab), waters.oxygens[waters.bound])
    if not len(heavy):
        return {}
    # Here, because the report, which needs names of this module alone, would wait a second for them.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    frame, numbers = np.asarray(positions, dtype=float), waters.numbers
    inner = _bonds(numbers, frame, cell, heavy)
    pairs = np.concatenate([inner, _hydrogens(waters, frame, cell, heavy)])
    size = len(numbers)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    degree = np.bincount(inner.ravel(), minlength=size)
    groups: dict[str, list[Ints]] = {}
    for own in np.unique(label[pairs.ravel()]):
        atoms = np.flatnonzero(label == own)
        groups.setdefault(str(Symbols(numbers[atoms]).get_chemical_formula("hill")), []).append(atoms)
    return {
        formula: Molecules(np.array(group), np.array([_centre(numbers, degree, atoms) for atoms in group]))
        for formula, group in sorted(groups.items())
    }


def members(molecules: dict[str, Molecules]) -> Ints:
    """Atoms of all molecules, ascending."""
    return np.sort(np.concatenate([NO_ATOMS, *(group.atoms.ravel() for group in molecules.values())]))


def ions(numbers: Ints, surface: Surface, molecules: dict[str, Molecules]) -> dict[int, Ints]:
    """Single atoms outside the slab that are neither H nor O, by atomic number in ascending order.

    numbers (N,); molecules: all of the frame, whose atoms are no ions.
    """
    others = np.setdiff1d(np.flatnonzero(~np.isin(numbers, (HYDROGEN, OXYGEN))), surface.slab)
    others = np.setdiff1d(others, members(molecules))
    return {int(number): others[numbers[others] == number] for number in np.unique(numbers[others])}


def ions_of(
    numbers: Ints, positions: NDArray[np.floating], cell: Floats, surface: Surface
) -> dict[int, Ints]:
    """`ions` of a frame by itself: numbers (N,), positions (N, 3) Å, cell (3, 3) Å."""
    every = ions(numbers, surface, {})
    if not np.isin([*every], NONMETALS).any():
        return every
    waters = Waters.assign(numbers, positions, cell, surface)
    return ions(numbers, surface, molecules_of(waters, positions, cell))


def _centre(numbers: Ints, degree: Ints, atoms: Ints) -> int:
    heavy = atoms[numbers[atoms] != HYDROGEN]
    rank = np.lexsort((heavy, numbers[heavy] == OXYGEN, -degree[heavy]))
    return int(heavy[rank[0]])


def _bonds(numbers: Ints, positions: Floats, cell: Floats, heavy: Ints) -> Ints:
    """Pairs (B, 2) of bonded atoms among the heavy ones."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for place, atom in enumerate(heavy[:-1]):
        others = heavy[place + 1 :]
        near = others[within_reach(numbers, positions, cell, atom, others)[0]]
        pairs.append(np.stack([np.full(len(near), atom), near], axis=1))
    return np.concatenate(pairs)


def _hydrogens(waters: Waters, positions: Floats, cell: Floats, heavy: Ints) -> Ints:
    """Pairs (B, 2) of a heavy atom and a hydrogen that it owns, or that no oxygen owns and is near it."""
    owned = np.flatnonzero(np.isin(waters.owner, heavy))
    pairs = [(int(waters.owner[hydrogen]), int(hydrogen)) for hydrogen in owned]
    for hydrogen in map(int, np.flatnonzero((waters.numbers == HYDROGEN) & (waters.owner < 0))):
        near, distances = within_reach(waters.numbers, positions, cell, hydrogen, heavy)
        if near.any():
            pairs.append((int(heavy[np.where(near, distances, np.inf).argmin()]), hydrogen))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
