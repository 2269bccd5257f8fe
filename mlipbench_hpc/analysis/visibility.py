"""Visibility: interfacial waters that have every ion in their receptive field (arXiv:2602.22931, Fig. 5)."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import OXYGEN
from mlipbench_hpc.analysis.molecules import ions_of
from mlipbench_hpc.analysis.slab import Slab, interfacial
from mlipbench_hpc.analysis.surface import surface
from mlipbench_hpc.data.frames import Floats, Ints


def visible_share(
    numbers: Ints,
    positions: NDArray[np.floating],
    cell: Floats,
    metal: int | Sequence[int],
    radii: Floats,
) -> Floats | None:
    """Share of the oxygens with 0 < z ≤ 4.5 Å that have every ion of the cell within each radius, (R,).

    numbers (N,), positions (N, 3) Å and cell (3, 3) Å, lower triangular, of one frame; radii (R,) Å are
    cutoff x layers; distances under the minimum image. Ions are single atoms, as everywhere.
    None where there is no ion, no such metal, or no water so near; ValueError where the metal has no surface.
    """
    outside = surface(numbers, positions[None], cell, Slab.of(metal))
    species = ions_of(numbers, positions, cell, outside)
    ion = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *species.values()]))
    oxygens = np.flatnonzero(numbers == OXYGEN)
    heights = [face.heights(positions[None], cell, oxygens)[0] for face in outside.faces]
    near = oxygens[np.any([interfacial(z) for z in heights], axis=0)] if outside.faces else oxygens[:0]
    if len(ion) == 0 or len(near) == 0:
        return None
    farthest = shortest(positions[near][:, None] - positions[ion][None], cell).max(axis=1)
    return np.asarray((farthest[:, None] <= radii).mean(axis=0), dtype=float)


def shortest(vectors: NDArray[np.floating], cell: Floats) -> Floats:
    """Lengths (...) Å of the shortest images of vectors (..., 3) Å, also beyond half the cell's width.

    cell (3, 3) Å; the 27 images around the one with fractional coordinates in [-1/2, 1/2] are compared, which
    suffices for every reduced cell.
    """
    fractional = np.asarray(vectors, dtype=float) @ np.linalg.inv(cell)
    home = (fractional - np.rint(fractional)) @ cell
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ cell
    return np.asarray(np.linalg.norm(home[..., None, :] + shifts, axis=-1).min(axis=-1))
