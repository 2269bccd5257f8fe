"""Layers of a slab by the heights of its atoms, and the gaps between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.sample import NO_ATOMS, Sample, edge, middle
from mlipbench_hpc.analysis.slab import LAYER_GAP, SURFACE_GAP
from mlipbench_hpc.data.frames import Floats, Ints

# Rows of a stepped surface are nearer to each other than layers: 0.8 Å for (211).
ROW_GAP = 0.4
THICKEST_ROW = 1.5
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

    full: layers at least half as populated as the fullest; sparse: atoms of no such layer.
    """

    full: tuple[Ints, ...]
    sparse: Ints
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, sample: Sample, atoms: Ints) -> "Layers":
        """Layers of these atoms. Raises ValueError where no gap of 5 Å is left."""
        z = sample.medians(atoms)
        groups = [group for part in _split(z, sample.length, LAYER_GAP) for group in _rows(z, part, sample)]
        fullest = max(len(group) for group in groups)
        full = [group for group in groups if 2 * len(group) >= fullest]
        sparse = np.concatenate([NO_ATOMS, *(group for group in groups if 2 * len(group) < fullest)])
        gaps, widest = [], 0.0
        for below, above in zip(full, [*full[1:], full[0]], strict=True):
            low, high = edge(z[below], sample.length, 1.0), edge(z[above], sample.length, -1.0)
            height = float(np.mod(high - low, sample.length)) or sample.length
            widest = max(widest, height)
            if height >= SURFACE_GAP:
                gaps.append(Gap(np.sort(atoms[below]), np.sort(atoms[above]), low, height))
        if not gaps:
            raise ValueError(
                f"the metal fills the cell: its widest gap along z is {widest:.2f} Å, and a surface needs "
                f"{SURFACE_GAP:g} Å"
            )
        return cls(tuple(np.sort(atoms[group]) for group in full), np.sort(atoms[sparse]), tuple(gaps))

    def beside(self, layer: Ints, step: int) -> Ints:
        """Next full layer above (step 1) or below (step -1) a layer."""
        place = next(place for place, other in enumerate(self.full) if np.array_equal(other, layer))
        return self.full[(place + step) % len(self.full)]


def _split(z: Floats, length: float, apart: float) -> list[Ints]:
    """Indices of heights z (K,) Å in groups further than `apart` from each other, around the period.

    The first group begins above the widest gap.
    """
    order = np.argsort(z, kind="stable")
    gaps = np.diff(z[order], append=z[order[0]] + length)
    widest = int(gaps.argmax())
    order, steps = np.roll(order, -widest - 1), np.roll(gaps, -widest - 1)[:-1]
    return list(np.split(order, np.flatnonzero(steps > apart) + 1))


def _rows(z: Floats, group: Ints, sample: Sample) -> list[Ints]:
    """Split a group of heights that is too thick for one layer into rows; else the group itself."""
    unrolled = np.mod(z[group] - z[group[0]], sample.length)
    if np.ptp(unrolled) <= THICKEST_ROW:
        return [group]
    return list(np.split(group, np.flatnonzero(np.diff(unrolled) > ROW_GAP) + 1))


def within(sample: Sample, layers: Layers, others: Ints) -> Ints:
    """Other atoms that lie within the slab, or at most 0.75 Å outside the middle of an outer layer.

    Only elements of which most atoms do so count, because a single ion may come as near to a rough surface.
    """
    z = sample.medians(others)
    outside = np.zeros(len(others), dtype=bool)
    for gap in layers.gaps:
        low, high = (middle(sample.medians(layer), sample.length) for layer in (gap.below, gap.above))
        above = np.mod(z - low, sample.length)
        outside |= (above > WITHIN) & (above < np.mod(high - low, sample.length) - WITHIN)
    inside, kinds = others[~outside], sample.numbers[others]
    most = [kind for kind in np.unique(kinds) if 2 * outside[kinds == kind].sum() < (kinds == kind).sum()]
    return inside[np.isin(sample.numbers[inside], most)]
