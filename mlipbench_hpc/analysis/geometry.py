"""Periodic geometry: minimum image, perpendicular widths, owners of hydrogens."""

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Ints

LONGEST_OH = 1.3
PAIRS_AT_ONCE = 400_000
HYDROGEN, OXYGEN = 1, 8
# Length of a cell along an open direction, in units of the extent of its atoms, of which no bond is a half.
APART = 4.0


def minimum_image(vectors: Floats, cell: Floats, pbc: NDArray[np.bool_] | bool = True) -> Floats:
    """Periodic images of `vectors` (..., 3) Å whose fractional coordinates lie in [-1/2, 1/2].

    cell (3, 3) Å, rows are lattice vectors (a row may be zero where pbc is False); pbc (3,). Since the
    fractional coordinate along a is at most |v|/w_a, w_a the perpendicular width, this image is the
    shortest one whenever the shortest is shorter than half the smallest width, for any triclinic cell.
    """
    shifts = np.rint(vectors @ np.linalg.pinv(cell)) * pbc
    return np.asarray(vectors - shifts @ cell)


def closed_cell(cell: Floats, pbc: NDArray[np.bool_], positions: Floats) -> Floats:
    """Cell (3, 3) Å that is periodic, with its images far from all positions (N, 3) Å."""
    vectors = np.array(complete_cell(np.where(pbc[:, None], cell, 0.0)), dtype=np.float64)
    vectors[~pbc] *= APART * (1.0 + float(np.ptp(positions, axis=0).max()))
    return vectors


def perpendicular_widths(cells: Floats) -> Floats:
    """Distances between opposite faces, (..., 3) Å, of cells (..., 3, 3) Å: w_a = V / |b x c|."""
    normals = np.cross(np.roll(cells, -1, axis=-2), np.roll(cells, -2, axis=-2))
    volumes = np.abs(np.linalg.det(cells))
    return np.asarray(volumes[..., None] / np.linalg.norm(normals, axis=-1))


def widest_gaps(positions: Floats, cell: Floats) -> Floats:
    """Widest empty stretch (3,) Å across each lattice vector between atoms (K, 3) Å, around the period."""
    shares = np.sort(np.mod(positions @ np.linalg.inv(cell), 1.0), axis=0)
    gaps = np.diff(shares, axis=0, append=shares[:1] + 1.0).max(axis=0)
    return np.asarray(gaps * perpendicular_widths(cell))


def owners(
    numbers: Ints,
    positions: Floats,
    cell: Floats,
    pbc: NDArray[np.bool_] | bool = True,
    longest: float = LONGEST_OH,
) -> Ints:
    """Owner of each hydrogen: the nearest oxygen, at most `longest` Å away by minimum image.

    numbers (N,) atomic numbers, positions (N, 3) Å, cell (3, 3) Å, pbc (3,). Returns (N,) indices into
    the frame for hydrogens, -1 for other atoms and for hydrogens without an oxygen that near.
    """
    hydrogens, oxygens = np.flatnonzero(numbers == HYDROGEN), np.flatnonzero(numbers == OXYGEN)
    owner_of = np.full(len(numbers), -1)
    if len(hydrogens) == 0 or len(oxygens) == 0:
        return owner_of
    some = max(1, PAIRS_AT_ONCE // len(oxygens))  # so that memory does not grow with the pairs
    for part in (hydrogens[start : start + some] for start in range(0, len(hydrogens), some)):
        vectors = minimum_image(positions[part][:, None] - positions[oxygens][None], cell, pbc)
        distances = np.linalg.norm(vectors, axis=-1)
        nearest = distances.argmin(axis=1)
        near = distances[np.arange(len(part)), nearest] <= longest
        owner_of[part[near]] = oxygens[nearest[near]]
    return owner_of
