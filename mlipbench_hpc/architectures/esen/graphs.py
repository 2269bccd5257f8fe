"""Frames as graphs, and graphs as batches of fairchem-core.

Neighbours are found here, in float64 and in cells of any size, and all of them are kept: fairchem-core's own
search takes a limited number of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from mlipbench_hpc.architectures.esen.fairchem_core import AtomicData
from mlipbench_hpc.architectures.shared.structures import structures
from mlipbench_hpc.architectures.shared.torch_dtype import DTYPES
from mlipbench_hpc.data.frames import Floats, Frames, Ints

# fairchem-core's models serve several datasets at once, each under its name; ours know this one.
DATASET = "campaign"


@dataclass(frozen=True)
class Graph:
    """One structure of N atoms and E edges.

    numbers (N,); positions (N, 3) Å; cell (3, 3) Å; pbc (3,); edges (2, E): neighbours, and the atoms that
    they are neighbours of; images (E, 3): cells between the two. energy eV and forces (N, 3) eV/Å are labels.
    """

    numbers: Ints
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    edges: Ints
    images: Ints
    energy: float
    forces: Floats


def graphs(frames: Frames, cutoff: float) -> Iterator[Graph]:
    """One graph for each frame. cutoff: Å."""
    for index, structure in enumerate(structures(frames)):
        yield graph(*structure, cutoff, float(frames.energies[index]), frames.forces[frames.atoms_of(index)])


def graph(
    numbers: Ints,
    positions: Floats,
    cell: Floats,
    pbc: NDArray[np.bool_],
    cutoff: float,
    energy: float = np.nan,
    forces: Floats | None = None,
) -> Graph:
    """Graph of one structure: numbers (N,), positions (N, 3) Å, cell (3, 3) Å, cutoff Å, and its labels."""
    box = complete_cell(cell)
    atoms, neighbours, images = neighbour_list("ijS", cutoff=cutoff, positions=positions, cell=box, pbc=pbc)
    edges = np.stack([neighbours, atoms]).astype(np.int64)
    labels = np.full_like(positions, np.nan) if forces is None else forces
    return Graph(numbers, positions, box, pbc, edges, images, energy, labels)


def batch(items: Sequence[Graph], dtype: str, device: str, dataset: str = DATASET) -> AtomicData:
    """Graphs as one batch whose real numbers have `dtype`; energies and forces may be NaN.

    dataset: name of the one that the model serves.
    """
    sizes, edges = [len(item.numbers) for item in items], [item.edges.shape[1] for item in items]
    first = np.cumsum([0, *sizes[:-1]])
    zeros = torch.zeros(sum(sizes), dtype=torch.long)
    neutral = torch.zeros(len(items), dtype=torch.long)

    def real(arrays: Sequence[Floats | Ints]) -> torch.Tensor:
        return torch.tensor(np.concatenate(arrays), dtype=DTYPES[dtype])

    data = AtomicData(
        pos=real([item.positions for item in items]),
        atomic_numbers=torch.tensor(np.concatenate([item.numbers for item in items]), dtype=torch.long),
        cell=real([item.cell[None] for item in items]),
        pbc=torch.tensor(np.array([item.pbc for item in items])),
        natoms=torch.tensor(sizes),
        edge_index=torch.tensor(
            np.concatenate([item.edges + start for item, start in zip(items, first, strict=True)], axis=1)
        ),
        cell_offsets=real([item.images for item in items]),
        nedges=torch.tensor(edges),
        charge=neutral,
        spin=neutral,
        fixed=zeros,
        tags=zeros,
        energy=real([np.array([item.energy]) for item in items]),
        forces=real([item.forces for item in items]),
        batch=torch.repeat_interleave(torch.arange(len(items)), torch.tensor(sizes)),
        sid=[""] * len(items),
        dataset=[dataset] * len(items),
    )
    data.dataset_name = [dataset] * len(items)  # compute_loss looks here.
    return data.to(device)
