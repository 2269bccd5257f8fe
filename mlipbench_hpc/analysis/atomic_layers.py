"""Layers of a slab by the heights of its atoms, and the gaps between them."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.sample import Sample, edge, middle
from mlipbench_hpc.analysis.slab import LAYER_GAP, SURFACE_GAP, no_gap, split
from mlipbench_hpc.data.frames import Floats, Ints

# Rows are nearer to each other than layers: 0.8 Å for (211), 0.9 Å for anatase (101). They are told apart
# where the population, blurred by a Gaussian of BLUR Å, falls below VALLEY of the lower of two maxima.
BLUR, VALLEY, GRID = 0.15, 0.3, 0.01
# A group up to so thick (Å) is one layer with atoms that stick out of it, unless each row holds a quarter.
THICKEST_ROW = 1.5
# A group thicker than this (Å) is no layer: it is cut wherever ROW_GAP (Å) of its height is empty.
THICKEST_LAYER, ROW_GAP = 2.0, 0.4
# Layers of an electrode have an atom on at most so much area, a single layer on at most LONE_AREA, Å².
AREA, LONE_AREA = 25.0, 12.0
# An atom of another element at most this far outside the middle of an outer layer belongs to the layer.
WITHIN = 0.75


@dataclass(frozen=True)
class Gap:
    """Gap between two layers, in Å along z: from `low`, the end of the layer below, `height` up."""

    below: Ints
    above: Ints
    low: float
    height: float

    def holds(self, z: Floats, length: float) -> NDArray[np.bool_]:
        """True for heights inside the gap."""
        return np.asarray(np.mod(z - self.low, length) < self.height)


@dataclass(frozen=True)
class Layers:
    """Layers of the slab from below, around the period of the cell, and the gaps between them.

    full: layers at least half as populated as the fullest of their electrode; sparse: atoms of no such layer.
    """

    full: tuple[Ints, ...]
    sparse: Ints
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, sample: Sample, atoms: Ints) -> "Layers":
        """Layers of these atoms. Raises ValueError where no gap of 5 Å is left."""
        z = sample.medians(atoms)
        groups = [group for part in split(z, sample.length, LAYER_GAP)[0] for group in _rows(z, part, sample)]
        full = [
            group
            for group, fullest in zip(groups, _fullest(sample, z, groups), strict=True)
            if 2 * len(group) >= fullest
        ]
        sparse = np.setdiff1d(np.arange(len(atoms)), np.concatenate(full))
        gaps, widest = [], 0.0
        for below, above in zip(full, [*full[1:], full[0]], strict=True):
            low, high = edge(z[below], sample.length, 1.0), edge(z[above], sample.length, -1.0)
            height = float(np.mod(high - low, sample.length)) or sample.length
            widest = max(widest, height)
            if height >= SURFACE_GAP:
                gaps.append(Gap(np.sort(atoms[below]), np.sort(atoms[above]), low, height))
        if not gaps:
            raise ValueError(no_gap(sample.first, sample.cell, atoms, widest))
        return cls(tuple(np.sort(atoms[group]) for group in full), np.sort(atoms[sparse]), tuple(gaps))

    def beside(self, layer: Ints, step: int) -> Ints:
        """Next full layer above (step 1) or below (step -1) a layer."""
        place = next(place for place, other in enumerate(self.full) if np.array_equal(other, layer))
        return self.full[(place + step) % len(self.full)]


def _rows(z: Floats, group: Ints, sample: Sample) -> list[Ints]:
    """Rows of a group of heights in ascending order, or the group itself where it is one layer."""
    heights = np.mod(z[group] - z[group[0]], sample.length)
    rows = np.split(group, np.searchsorted(heights, _valleys(heights)))
    if heights[-1] <= THICKEST_ROW and 4 * min(len(row) for row in rows) < len(group):
        return [group]
    return [part for row in rows for part in _pieces(np.mod(z[row] - z[row[0]], sample.length), row)]


def _pieces(heights: Floats, row: Ints) -> list[Ints]:
    """Parts of a row that is too thick for a layer, between gaps of 0.4 Å; heights (K,) Å, ascending."""
    if heights[-1] <= THICKEST_LAYER:
        return [row]
    return list(np.split(row, np.flatnonzero(np.diff(heights) > ROW_GAP) + 1))


def _valleys(heights: Floats) -> list[float]:
    """Heights in Å of the valleys between rows of atoms at heights (K,) Å, ascending from 0."""
    reach = round(4 * BLUR / GRID)
    counts = np.bincount(np.rint(heights / GRID).astype(np.int64) + reach, minlength=2 * reach + 1)
    blur = np.exp(-0.5 * (np.arange(-reach, reach + 1) * GRID / BLUR) ** 2)
    valleys, peak, lowest, place = list[float](), 0.0, 0.0, 0
    for index, value in enumerate(np.convolve(counts, blur, "same")):
        if value < lowest:
            lowest, place = value, index
        elif lowest < VALLEY * min(value, peak):
            valleys.append((place - reach) * GRID)
            peak = lowest = value
        if value > peak:
            peak = lowest = value
    return valleys


def _fullest(sample: Sample, z: Floats, groups: list[Ints]) -> list[int]:
    """Population of the fullest layer of the electrode nearest to each group; of all groups without a pair.

    z (K,) Å; groups: indices of heights, from below. Electrodes are 5 Å or more apart, and may differ in
    material; a few dissolved atoms at one height are none.
    """
    area = sample.cell[0, 0] * sample.cell[1, 1]
    dense = [group for group in groups if AREA * len(group) >= area]
    apart = [
        np.mod(edge(z[above], sample.length, -1.0) - edge(z[below], sample.length, 1.0), sample.length)
        for below, above in itertools.pairwise(dense)
    ]
    ends = [0, *(np.flatnonzero(np.array(apart) >= SURFACE_GAP) + 1), len(dense)]
    electrodes = [dense[start:end] for start, end in itertools.pairwise(ends) if end > start]
    electrodes = [layers for layers in electrodes if len(layers) > 1 or LONE_AREA * len(layers[0]) >= area]
    populations = [max(len(layer) for layer in layers) for layers in electrodes]
    if len(electrodes) < 2:
        return [max(len(group) for group in groups)] * len(groups)
    return [populations[_nearest(sample, z, group, electrodes)] for group in groups]


def _nearest(sample: Sample, z: Floats, group: Ints, electrodes: list[list[Ints]]) -> int:
    """Place of the electrode with the layer nearest to a group."""
    height = middle(z[group], sample.length)

    def distance(layers: list[Ints]) -> float:
        apart = np.array([middle(z[layer], sample.length) for layer in layers]) - height
        return float(np.abs(apart - sample.length * np.rint(apart / sample.length)).min())

    return int(np.argmin([distance(layers) for layers in electrodes]))


def within(sample: Sample, layers: Layers, others: Ints) -> Ints:
    """Other atoms that lie within the slab, or at most 0.75 Å outside the middle of an outer layer.

    Only elements of which most atoms do so count, because a single ion may come as near to a rough surface.
    """
    z = sample.medians(others)
    outside = np.zeros(len(others), dtype=bool)
    for gap in layers.gaps:
        low, high = (middle(sample.medians(layer), sample.length) for layer in (gap.below, gap.above))
        above = np.mod(z - low, sample.length)
        height = np.mod(high - low, sample.length) or sample.length
        outside |= (above > WITHIN) & (above < height - WITHIN)
    inside, kinds = others[~outside], sample.numbers[others]
    most = [kind for kind in np.unique(kinds) if 2 * outside[kinds == kind].sum() < (kinds == kind).sum()]
    return inside[np.isin(sample.numbers[inside], most)]
