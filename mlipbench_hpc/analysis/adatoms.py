"""Atoms of a slab outside its layers: adatoms and steps that are bound to it, and dissolved atoms."""

import numpy as np

from mlipbench_hpc.analysis.atomic_layers import Layers
from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.sample import NO_ATOMS, Sample
from mlipbench_hpc.data.frames import Floats, Ints

# Largest distance between bound atoms, in units of the neighbour distance within the slab.
BOND = 1.25
# Number of frames in most of which an adatom is bound.
FRAMES = 5


def loose_atoms(sample: Sample, layers: Layers) -> tuple[Ints, Ints]:
    """Atoms of sparse layers: adatoms, and the dissolved, which are not bound to the slab in most frames.

    Atoms may be bound through others.
    """
    left, count = layers.sparse, len(sample.positions)
    if not len(left):
        return NO_ATOMS, NO_ATOMS
    reach = np.concatenate([np.full(len(layer), _reach(sample, layer, layers)) for layer in layers.full])
    frames = np.unique(np.linspace(0, count - 1, FRAMES).round().astype(np.int64))
    votes = sum(np.isin(left, _bound(sample, layers, frame, reach)).astype(int) for frame in frames)
    bound = 2 * np.asarray(votes) > len(frames)
    return left[bound], left[~bound]


def _bound(sample: Sample, layers: Layers, frame: int, reach: Floats) -> Ints:
    """Atoms of sparse layers that are bound in one frame; reach (K,): of each atom of the full layers, Å."""
    positions = np.asarray(sample.positions[frame], dtype=float)
    bound, edge, left = NO_ATOMS, np.concatenate(layers.full), layers.sparse
    while len(left) and len(edge):
        vectors = positions[left][:, None] - positions[edge][None]
        apart = np.linalg.norm(minimum_image(vectors, sample.cell), axis=-1)
        near = (apart <= reach).any(axis=1)
        reach = reach[apart[near].argmin(axis=1)]
        bound, edge, left = np.concatenate([bound, left[near]]), left[near], left[~near]
    return bound


def _reach(sample: Sample, layer: Ints, layers: Layers) -> float:
    """Longest bond in Å of atoms of a layer, from their median distance to the nearest atom of the slab."""
    vectors = sample.first[layer][:, None] - sample.first[np.concatenate(layers.full)][None]
    distances = np.linalg.norm(minimum_image(vectors, sample.cell), axis=-1)
    return BOND * float(np.median(np.where(distances > 0, distances, np.inf).min(axis=1)))
