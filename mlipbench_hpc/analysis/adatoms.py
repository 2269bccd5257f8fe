"""Atoms of a slab outside its layers: adatoms and steps that are bound to it, and dissolved atoms."""

import numpy as np

from mlipbench_hpc.analysis.atomic_layers import Layers
from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.sample import NO_ATOMS, Sample
from mlipbench_hpc.data.frames import Ints

# Largest distance between bound atoms, in units of the neighbour distance within the slab.
BOND = 1.25


def loose_atoms(sample: Sample, layers: Layers) -> tuple[Ints, Ints]:
    """Atoms of sparse layers: those bound to the slab, directly or through others, and the dissolved ones."""
    full, left = np.concatenate(layers.full), layers.sparse
    if not len(left):
        return NO_ATOMS, NO_ATOMS
    reach = BOND * _neighbour_distance(sample, layers.full)
    bound, edge = NO_ATOMS, full
    while len(left) and len(edge):
        vectors = sample.first[left][:, None] - sample.first[edge][None]
        near = np.linalg.norm(minimum_image(vectors, sample.cell), axis=-1).min(axis=1) <= reach
        bound, edge, left = np.concatenate([bound, left[near]]), left[near], left[~near]
    return np.sort(bound), left


def _neighbour_distance(sample: Sample, layers: tuple[Ints, ...]) -> float:
    """Median over one layer of the distance to the nearest atom of the slab, Å."""
    layer, full = layers[len(layers) // 2], np.concatenate(layers)
    vectors = sample.first[layer][:, None] - sample.first[full][None]
    distances = np.linalg.norm(minimum_image(vectors, sample.cell), axis=-1)
    return float(np.median(np.where(distances > 0, distances, np.inf).min(axis=1)))
