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


def directions(made: Profiler, positions: Positions) -> np.ndarray:
    """(F, W, 3): the sum of each intact molecule's two O-H vectors, as a unit vector."""
    oxygen, one, other = (np.asarray(positions[:, column], dtype=float) for column in made.waters.intact.T)
    bisector = minimum_image(one - oxygen, made.cell) + minimum_image(other - oxygen, made.cell)
    return bisector / np.linalg.norm(bisector, axis=-1, keepdims=True)


def per_frame(made: Profiler, positions: Positions) -> dict[str, np.ndarray]:
    """Of frames (F, N, 3) Å: (F, B) of each profile, P_z (F, 1); waters are those of the first frame."""
    slice_volume = made.cell[0, 0] * made.cell[1, 1] * made.width
    mass, amount = WATER_G_PER_CM3 / slice_volume, MOL_PER_L / slice_volume
    found = {DENSITY: mass * _counts(made, positions, made.waters.intact[:, 0])}
    found |= {
        kind: mass * _counts(made, positions, own) for kind, own in made.waters.kinds.items() if len(own)
    }
    found |= {concentration(ion): amount * _counts(made, positions, own) for ion, own in made.ions.items()}
    if made.faces:
        cosines, oxygens = directions(made, positions)[..., 2], made.waters.intact[:, 0]
        found[ORIENTATION] = mass * _counts(made, positions, oxygens, cosines)
        found[TOTAL_ORIENTATION] = cosines.sum(axis=1, keepdims=True)
    return found


def _counts(
    made: Profiler, positions: Positions, atoms: np.ndarray, cosines: np.ndarray | None = None
) -> np.ndarray:
    """Atoms in each bin (F, B), weighted with the cosine (F, len(atoms)) to each face's own normal."""
    if not made.faces:
        z = np.asarray(positions[:, atoms, 2], dtype=float)
        return _histogram(made, np.mod(z, made.cell[2, 2]), None)
    total = np.zeros((len(positions), made.bins))
    for face in made.faces:
        weights = None if cosines is None else face.normal * cosines
        total += _histogram(made, face.heights(positions, made.cell, atoms), weights)
    return total / len(made.faces)


def _histogram(made: Profiler, z: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """(F, B) of z (F, K) Å."""
    bin_of = np.clip(np.floor(z / made.width).astype(np.int64) - made.first_bin, 0, made.bins - 1)
    flat = (bin_of + made.bins * np.arange(len(z))[:, None]).ravel()
    counts = np.bincount(flat, None if weights is None else weights.ravel(), len(z) * made.bins)
    return counts.reshape(len(z), made.bins).astype(float)
