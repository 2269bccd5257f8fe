"""Frames as arrays of fixed size: atoms, and bonds between them, of one or several structures.

One program is compiled for each size, so batches are filled up to one of few: with atoms of a structure that
nobody asks for, and with bonds longer than the cutoff between the last of them and itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from mlipbench_hpc.architectures.grace_1l.tensor_potential import constants
from mlipbench_hpc.architectures.shared.structures import COARSE_BITS, ceiling, structures
from mlipbench_hpc.data.frames import Floats, Frames, Ints

# Room for small structures: they share one program, and to large ones it adds nothing.
LEAST_ATOMS, LEAST_BONDS = 64, 1024
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Room:
    """Structures, atoms and bonds of a batch: what a program is compiled for."""

    structures: int
    atoms: int
    bonds: int


@dataclass(frozen=True)
class Graph:
    """One structure of N atoms and E bonds, both ways.

    kinds (N,): index of each atom's element. centres and neighbours (E,): atoms of each bond. vectors (E, 3)
    Å: from centre to neighbour.
    """

    kinds: Ints
    centres: Ints
    neighbours: Ints
    vectors: Floats

    @property
    def room(self) -> Room:
        """Its own, rounded up by `ceiling`, so that few programs serve all frames and steps of MD.

        It depends on the structure alone: the same one always meets the same program and gives the same bits.
        """
        return sufficient(1, len(self.kinds), len(self.centres))


def sufficient(structures: int, atoms: int, bonds: int) -> Room:
    """Room for so many, and for the structure and the atom that fill it up."""
    return Room(
        structures + 1,
        max(ceiling(atoms + 1), LEAST_ATOMS),
        max(ceiling(bonds), LEAST_BONDS),
    )


def shared_rooms(items: Sequence[Graph]) -> list[Room]:
    """Room for each structure alone, the same for all of about one size: the largest of them decides."""
    groups: dict[tuple[int, ...], list[Graph]] = {}
    keys = [tuple(ceiling(count, COARSE_BITS) for count in counts_of(item)) for item in items]
    for key, item in zip(keys, items, strict=True):
        groups.setdefault(key, []).append(item)
    rooms = {key: common_room(group, 1) for key, group in groups.items()}
    return [rooms[key] for key in keys]


def common_room(items: Sequence[Graph], size: int) -> Room:
    """Room for any `size` of these structures."""
    largest = [sorted(counts)[-size:] for counts in zip(*map(counts_of, items), strict=True)]
    return sufficient(size, *map(sum, largest))


def counts_of(item: Graph) -> tuple[int, int]:
    """Atoms and bonds."""
    return len(item.kinds), len(item.centres)


def graphs(frames: Frames, elements: Sequence[int], cutoff: float) -> Iterator[Graph]:
    """One for each frame. elements: sorted atomic numbers; cutoff Å."""
    for structure in structures(frames):
        yield graph(*structure, elements, cutoff)


def graph(
    numbers: Ints,
    positions: Floats,
    cell: Floats,
    pbc: NDArray[np.bool_],
    elements: Sequence[int],
    cutoff: float,
) -> Graph:
    """Of one structure: numbers (N,), all in `elements`, positions (N, 3) Å, cell (3, 3) Å, cutoff Å."""
    kinds = np.searchsorted(np.asarray(elements), numbers)
    box = complete_cell(cell)
    first, second, images = neighbour_list("ijS", cutoff=cutoff, positions=positions, cell=box, pbc=pbc)
    return Graph(kinds, first, second, positions[second] - positions[first] + images @ box)


def batch(items: Sequence[Graph], room: Room, cutoff: float) -> dict[str, NDArray[Any]]:
    """The structures, filled up to `room`, by tensorpotential's names: what an energy is a function of."""
    sizes = np.array([len(item.kinds) for item in items])
    starts = np.cumsum(sizes) - sizes
    kinds = filled([item.kinds for item in items], room.atoms, 0)
    owners = filled([np.repeat(np.arange(len(items)), sizes)], room.atoms, room.structures - 1)
    places = {
        name: filled([getattr(item, name) + start for item, start in zip(items, starts, strict=True)],
                     room.bonds, room.atoms - 1)
        for name in ("centres", "neighbours")
    }  # fmt: skip
    values = {
        constants.ATOMIC_MU_I: kinds,
        constants.ATOMS_TO_STRUCTURE_MAP: owners,
        constants.BOND_IND_I: places["centres"],
        constants.BOND_IND_J: places["neighbours"],
        constants.BOND_MU_I: kinds[places["centres"]],
        constants.BOND_MU_J: kinds[places["neighbours"]],
        constants.N_ATOMS_BATCH_REAL: np.array(sizes.sum()),
        constants.N_ATOMS_BATCH_TOTAL: np.array(room.atoms),
        constants.N_STRUCTURES_BATCH_REAL: np.array(len(items)),
        constants.N_STRUCTURES_BATCH_TOTAL: np.array(room.structures),
    }
    vectors = filled([item.vectors for item in items], room.bonds, 2 * cutoff)
    return {name: value.astype(np.int32) for name, value in values.items()} | {constants.BOND_VECTOR: vectors}


def filled(parts: Sequence[NDArray[Any]], count: int, value: float) -> NDArray[Any]:
    """All rows of the parts, and rows of `value` after them, `count` in all."""
    rows = np.concatenate(parts)
    rest = np.full((count - len(rows), *rows.shape[1:]), value, dtype=rows.dtype)
    return np.concatenate([rows, rest])
