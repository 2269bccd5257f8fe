"""Compiled heights of surface layers in one frame, and atoms outside their layer; as `slab.Face.planes`."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlipbench_hpc.analysis.slab import OUTSIDE
from mlipbench_hpc.data.frames import Floats, Ints


@njit(cache=True, nogil=True)
def plane_of(frame: NDArray[np.floating], atoms: Ints, cell: Floats, inverse: Floats) -> tuple[float, bool]:
    """Mean z of a layer, each atom taken to the image nearest to the first; without atoms outside it.

    True where there may be any: its atoms fill more than 1.5 Å along z.
    """
    total = low = high = 0.0
    for atom in atoms:
        z = np.float64(frame[atom, 2]) - frame[atoms[0], 2]
        z -= np.rint(z * inverse[2]) * cell[2, 2]
        total += z
        low, high = min(low, z), max(high, z)
    if high - low > OUTSIDE:
        return plane_of_most(frame, atoms, cell, inverse), True
    return np.float64(frame[atoms[0], 2]) + total / len(atoms), False


@njit(cache=True, nogil=True)
def plane_of_most(frame: NDArray[np.floating], atoms: Ints, cell: Floats, inverse: Floats) -> float:
    """Mean z of the atoms near the one with most neighbours, as `slab.plane_of_most`."""
    most, plane = 0, 0.0
    for centre in atoms:
        count, total = 0, 0.0
        for atom in atoms:
            z = np.float64(frame[atom, 2]) - frame[centre, 2]
            z -= np.rint(z * inverse[2]) * cell[2, 2]
            if abs(z) <= OUTSIDE:
                count, total = count + 1, total + z
        if count > most:
            most, plane = count, np.float64(frame[centre, 2]) + total / count
    return plane


@njit(cache=True, nogil=True)
def planes_of(
    frame: NDArray[np.floating],
    layers: Ints,
    layer_start: Ints,
    cell: Floats,
    inverse: Floats,
    planes: Floats,
    outside: Floats,
) -> bool:
    """Fill planes (faces,) and outside (K,): heights of atoms outside their layer above it, 0 of the others.

    True where any atom is outside.
    """
    absent = False
    outside[:] = 0.0
    for face in range(len(planes)):
        atoms = layers[layer_start[face] : layer_start[face + 1]]
        planes[face], wide = plane_of(frame, atoms, cell, inverse)
        if not wide:
            continue
        for place in range(len(atoms)):
            z = np.float64(frame[atoms[place], 2]) - planes[face]
            z -= np.rint(z * inverse[2]) * cell[2, 2]
            if abs(z) > OUTSIDE:
                outside[layer_start[face] + place], absent = z, True
    return absent


@njit(cache=True, nogil=True)
def note(outside: Floats, frame: int, absences: Floats) -> None:
    """Add a frame to absences (K, 3): number of frames, the first of them, height in the last of them."""
    for place in range(len(outside)):
        if outside[place] != 0.0:
            if absences[place, 0] == 0.0:
                absences[place, 1] = frame
            absences[place, 0] += 1.0
            absences[place, 2] = outside[place]
