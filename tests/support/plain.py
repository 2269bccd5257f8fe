"""Profiles by their definition, frame by frame in numpy: what the compiled passes are held against."""

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.profiles import (
    DENSITY,
    MOL_PER_L,
    ORIENTATION,
    TOTAL_ORIENTATION,
    WATER_G_PER_CM3,
    Profiler,
    concentration,
)

Positions = NDArray[np.floating]


def directions(result: Profiler, positions: Positions) -> np.ndarray:
    """(F, W, 3): the sum of each intact molecule's two O-H vectors, as a unit vector."""
    oxygen, one, other = (np.asarray(positions[:, column], dtype=float) for column in result.waters.intact.T)
    bisector = minimum_image(one - oxygen, result.cell) + minimum_image(other - oxygen, result.cell)
    return bisector / np.linalg.norm(bisector, axis=-1, keepdims=True)


def per_frame(product: Profiler, positions: Positions) -> dict[str, np.ndarray]:
    """Of frames (F, N, 3) Å: (F, B) of each profile, P_z (F, 1); waters are those of the first frame."""
    slice_volume = product.cell[0, 0] * product.cell[1, 1] * product.width
    mass, amount = WATER_G_PER_CM3 / slice_volume, MOL_PER_L / slice_volume
    result = {DENSITY: mass * _counts(product, positions, product.waters.intact[:, 0])}
    result |= {
        kind: mass * _counts(product, positions, own)
        for kind, own in product.waters.kinds.items()
        if len(own)
    }
    result |= {
        concentration(ion): amount * _counts(product, positions, own) for ion, own in product.ions.items()
    }
    if product.faces:
        cosines, oxygens = directions(product, positions)[..., 2], product.waters.intact[:, 0]
        result[ORIENTATION] = mass * _counts(product, positions, oxygens, cosines)
        result[TOTAL_ORIENTATION] = cosines.sum(axis=1, keepdims=True)
    return result


def _counts(
    result: Profiler, positions: Positions, atoms: np.ndarray, cosines: np.ndarray | None = None
) -> np.ndarray:
    """Atoms in each bin (F, B), weighted with the cosine (F, len(atoms)) to each face's own normal."""
    if not result.faces:
        z = np.asarray(positions[:, atoms, 2], dtype=float)
        return _histogram(result, np.mod(z, result.cell[2, 2]), None)
    total = np.zeros((len(positions), result.bins))
    for face in result.faces:
        weights = None if cosines is None else face.normal * cosines
        total += _histogram(result, face.heights(positions, result.cell, atoms), weights)
    return total / len(result.faces)


def _histogram(result: Profiler, z: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """(F, B) of z (F, K) Å."""
    bin_of = np.clip(np.floor(z / result.width).astype(np.int64) - result.first_bin, 0, result.bins - 1)
    flat = (bin_of + result.bins * np.arange(len(z))[:, None]).ravel()
    counts = np.bincount(flat, None if weights is None else weights.ravel(), len(z) * result.bins)
    return counts.reshape(len(z), result.bins).astype(float)
