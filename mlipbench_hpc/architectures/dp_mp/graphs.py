"""Frames as arrays of fixed shape, whose atoms and edges come in chunks that share their weights.

The nets of a Deep Potential depend on the species of both ends of an edge. Edges that share their centre
and the species of their neighbours come in rows of EDGES, rows that share an ordered pair of species in
chunks of ROWS, atoms that share a species in chunks of ATOMS. All nets are then one batched product with
weights gathered per chunk, and one compiled program serves every composition.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from mlipbench_hpc.architectures.shared.structures import (
    COARSE_BITS,
    SIGNIFICANT_BITS,
    ceiling,
    structures,
)
from mlipbench_hpc.data.frames import Floats, Frames, Ints

EDGES, ROWS, ATOMS = 4, 16, 16
# Chunks of edges come in multiples of this: small frames share one program, to large ones it adds little.
CHUNKS = 8
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Shape:
    """Numbers of chunks of atoms and of edges: what a program is compiled for."""

    atoms: int
    edges: int

    def ceiling(self, bits: int = SIGNIFICANT_BITS) -> "Shape":
        """Rounded up by `ceiling`, so that few programs serve all frames and all steps of MD.

        It depends on the frame alone: the same frame always meets the same program, and gives the same bits.
        """
        return Shape(ceiling(self.atoms, bits), ceiling(self.edges, bits))


@dataclass(frozen=True)
class Graph:
    """One frame of N atoms in S slots, S a multiple of ATOMS; K species, whose index is a `kind`.

    slots (N,): the slot of each atom. kinds (S/ATOMS,): of each chunk of slots. positions (S, 3) Å.
    pairs (C,): kind of the centre times K plus kind of the neighbour, of each chunk of edges. centres
    (C, ROWS) and neighbours (C, ROWS, EDGES): slots. shifts (C, ROWS, EDGES, 3) Å, added to the vector from
    centre to neighbour. Edges that only fill a row lead from a slot to its image at twice the cutoff, where
    nothing acts.
    """

    slots: Ints
    kinds: Ints
    positions: Floats
    pairs: Ints
    centres: Ints
    neighbours: Ints
    shifts: Floats

    @property
    def occupancy(self) -> Floats:
        """(S,) 1 where a slot holds an atom, else 0."""
        mask = np.zeros(len(self.positions))
        mask[self.slots] = 1.0
        return mask

    @property
    def distances(self) -> Floats:
        """(C, ROWS, EDGES) Å; those that only fill a row are longer than the cutoff."""
        vectors = self.positions[self.neighbours] - self.positions[self.centres][:, :, None] + self.shifts
        lengths: Floats = np.linalg.norm(vectors, axis=-1)
        return lengths

    def neighbour_counts(self, species: int, cutoff: float) -> Ints:
        """(S, K) neighbours of each kind within `cutoff` Å of what is in each slot."""
        near = (self.distances < cutoff).sum(axis=-1)
        places = self.centres * species + (self.pairs % species)[:, None]
        size = len(self.positions) * species
        return np.bincount(places.ravel(), near.ravel(), size).astype(np.int64).reshape(-1, species)

    @property
    def shape(self) -> Shape:
        """Room for its chunks, at least one of atoms: no program is compiled for nothing."""
        return Shape(max(len(self.kinds), 1), max(-(-len(self.pairs) // CHUNKS), 1) * CHUNKS)

    def arrays(self, dtype: str) -> Arrays:
        """What the energy is a function of: floats in `dtype`, integers in 32 bits."""
        names = [field.name for field in fields(self) if field.name != "slots"]
        values = {name: getattr(self, name) for name in names} | {"occupancy": self.occupancy}
        return {
            name: value.astype(dtype if value.dtype.kind == "f" else np.int32)
            for name, value in values.items()
        }


def union(items: Sequence[Graph]) -> Shape:
    """Room for any of them."""
    shapes = [item.shape for item in items]
    return Shape(max(shape.atoms for shape in shapes), max(shape.edges for shape in shapes))


def shared_shapes(items: Sequence[Graph]) -> list[Shape]:
    """Room for each, the same for all of about one size: the largest of them decides."""
    groups: dict[Shape, list[Graph]] = {}
    keys = [item.shape.ceiling(COARSE_BITS) for item in items]
    for key, item in zip(keys, items, strict=True):
        groups.setdefault(key, []).append(item)
    shapes = {key: union(group).ceiling() for key, group in groups.items()}
    return [shapes[key] for key in keys]


def graphs(frames: Frames, elements: Sequence[int], cutoff: float) -> Iterator[Graph]:
    """One for each frame, as small as it can be. elements: sorted atomic numbers; cutoff Å."""
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
    species = len(elements)
    kinds = np.searchsorted(np.asarray(elements), numbers)
    atoms, chunk_kinds = chunks(kinds, ATOMS)
    slots = np.zeros(len(numbers), dtype=np.int64)
    slots[atoms[atoms >= 0]] = np.flatnonzero(atoms.ravel() >= 0)
    places = np.zeros((atoms.size, 3))
    places[slots] = positions
    box = complete_cell(cell)
    first, second, images = neighbour_list("ijS", cutoff=cutoff, positions=positions, cell=box, pbc=pbc)
    rows, owners = chunks(first * species + kinds[second], EDGES)
    centre, partner = np.divmod(owners, species)
    groups, pairs = chunks(kinds[centre] * species + partner, ROWS)
    # Index -1 leads to what is appended: a row without edges, slot 0, an image out of reach.
    edges = np.append(rows, np.full((1, EDGES), -1), axis=0)[groups]
    centres = np.append(slots[centre], 0)[groups]
    neighbours = np.where(edges < 0, centres[..., None], np.append(slots[second], 0)[edges])
    shifts = np.append(images @ box, [[2 * cutoff, 0.0, 0.0]], axis=0)[edges]
    return Graph(slots, chunk_kinds, places, pairs, centres, neighbours, shifts)


def chunks(kinds: Ints, size: int) -> tuple[Ints, Ints]:
    """Items by kind (N,): (C, size) their indices, each row of one kind and -1 at its end; (C,) the kinds."""
    order = np.argsort(kinds, kind="stable")
    present, counts = np.unique(kinds, return_counts=True)
    rows = -(-counts // size)
    table = np.full((int(rows.sum()), size), -1, dtype=np.int64)
    starts = (np.cumsum(rows) - rows) * size
    table.ravel()[np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(len(kinds))] = order
    return table, np.repeat(present, rows)


def pad(source: Graph, shape: Shape, cutoff: float) -> Graph:
    """The same frame with as many chunks as `shape` says; the others hold nothing. cutoff Å."""
    atoms, edges = shape.atoms - len(source.kinds), shape.edges - len(source.pairs)
    empty = np.zeros((edges, ROWS, EDGES), dtype=np.int64)
    far = np.broadcast_to([2 * cutoff, 0.0, 0.0], (edges, ROWS, EDGES, 3))
    return Graph(
        source.slots,
        np.append(source.kinds, np.zeros(atoms, dtype=np.int64)),
        np.append(source.positions, np.zeros((atoms * ATOMS, 3)), axis=0),
        np.append(source.pairs, np.zeros(edges, dtype=np.int64)),
        np.append(source.centres, empty[..., 0], axis=0),
        np.append(source.neighbours, empty, axis=0),
        np.append(source.shifts, far, axis=0),
    )


def stack(items: Sequence[Graph], dtype: str) -> Arrays:
    """Frames of one shape as arrays with one more axis in front, floats in `dtype`."""
    arrays = [item.arrays(dtype) for item in items]
    return {name: np.stack([values[name] for values in arrays]) for name in arrays[0]}
