"""Standard form of a lattice: a along x, b in the xy plane, c upwards, reduced; the surface lies in xy."""

import itertools
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker.foreign.record import Positions

# Å. Vectors with a smaller z lie in the xy plane; cells that differ less are equal (thermal noise, rounding).
FLAT, NOISE = 1e-3, 3e-3
# Å by which a cell of the request may differ from the file's.
TYPED = 0.02
# Relative difference of the volumes of two bases of one lattice.
SAME_VOLUME = 0.01
# Half a lattice vector, with a margin so that a hexagonal cell keeps its angle from frame to frame.
HALF = 0.5 + 1e-3
# Smallest share of a rectangular cell's volume.
THIN = 1e-6
# Combinations of three vectors, searched for two in the xy plane.
COMBINATIONS = np.array(list(itertools.product(range(-2, 3), repeat=3)))


@dataclass(frozen=True)
class Lattice:
    """Cell (3, 3) Å, lower triangular, positive diagonal; turn: rotation to its axes, None for none."""

    cell: Floats
    turn: Floats | None

    def to_axes(self, positions: Positions) -> Positions:
        """Positions (…, 3) Å in the axes of the cell."""
        return positions if self.turn is None else np.asarray(positions @ self.turn)


def lattice_of(cell: Floats) -> Lattice:
    """Lattice of any three vectors (rows, Å). Raises InputFailure where they span no volume."""
    check_volume(cell)
    basis = reduce(horizontal(cell))
    if not np.triu(basis, 1).any() and (np.diag(basis) > 0).all():
        return Lattice(basis, None)
    x = basis[0] / np.linalg.norm(basis[0])
    normal = np.cross(basis[0], basis[1])
    z = normal / np.linalg.norm(normal)
    turn = np.array([x, np.cross(z, x), z]).T
    lower = np.tril(basis @ turn)
    return Lattice(
        lower * np.where(np.diag(lower) < 0, -1.0, 1.0)[:, None],
        None if np.allclose(turn, np.eye(3), 0, 1e-12) else turn,
    )


def check_volume(cell: Floats) -> None:
    """Raise InputFailure with the reason where three vectors are no cell."""
    names, lengths = "abc", np.linalg.norm(cell, axis=1)
    if not np.isfinite(cell).all():
        raise InputFailure("the cell holds numbers that are not finite")
    if not lengths.all():
        zero = " and ".join(names[index] for index in np.flatnonzero(lengths == 0))
        raise InputFailure(f"no cell: lattice vector {zero} is zero")
    if abs(np.linalg.det(cell)) < THIN * lengths.prod():
        raise InputFailure(
            "no cell: its third lattice vector c lies in the plane of a and b, so it has no volume"
        )


def horizontal(cell: Floats) -> Floats:
    """Basis of the same lattice whose first two vectors lie in the xy plane, a to the right, b and c upwards.

    The basis is returned unchanged where the lattice has no such vectors.
    """
    if not (np.abs(cell[:2, 2]) <= FLAT).all():
        vectors = COMBINATIONS @ cell
        vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")][1:]
        flat = vectors[np.abs(vectors[:, 2]) <= FLAT]
        pair = next((np.array([flat[0], other]) for other in flat[1:] if independent(flat[0], other)), None)
        if pair is None:
            return cell
        pair = pair[np.argsort(-np.abs(pair[:, 0]) / np.linalg.norm(pair, axis=1), kind="stable")]
        volumes = np.abs(vectors @ np.cross(*pair))
        full = np.isclose(volumes, abs(np.linalg.det(cell)), rtol=1e-6)
        if not full.any():
            return cell
        cell = np.array([*pair, vectors[full][0]])
    a, b, c = cell
    a = a if a[0] >= 0 else -a
    b = b if np.cross(a, b)[2] > 0 else -b
    return np.array([a, b, c if c[2] > 0 else -c])


def independent(vector: Floats, other: Floats) -> bool:
    """True for two vectors that are not parallel."""
    return bool(
        np.linalg.norm(np.cross(vector, other)) > THIN * np.linalg.norm(vector) * np.linalg.norm(other)
    )


def reduce(basis: Floats) -> Floats:
    """Reduced basis of the same lattice: multiples of the vectors before are subtracted where necessary."""
    a, b, c = basis
    while True:
        along, across = (b @ a) / (a @ a), (a @ b) / (b @ b)
        if abs(along) > HALF:
            b = b - np.rint(along) * a
        elif abs(across) > HALF:
            a = a - np.rint(across) * b
        else:
            break
    shares = np.linalg.lstsq(np.array([a, b]).T, c, rcond=None)[0]
    shifts = np.where(np.abs(shares) > HALF, np.rint(shares), 0.0)
    # Adding zero leaves no -0.
    return np.array([a, b, c - shifts @ np.array([a, b])]) + 0.0


def request_cell(lengths_and_angles: list[float]) -> Floats:
    """Cell (3, 3) Å of A B C in Å, or of A B C α β γ with angles in degrees. Raises InputFailure."""
    lengths, angles = np.array(lengths_and_angles[:3]), np.array(lengths_and_angles[3:] or [90.0] * 3)
    with np.errstate(invalid="ignore"):
        cell: Floats = cell_vectors(lengths[None], angles[None])[0]
    if not np.linalg.det(cell) > 0:
        raise InputFailure(
            f"--cell: received angles {angles[0]:g}, {angles[1]:g} and {angles[2]:g}, expected three that "
            "close a cell: each less than the sum of the others, and less than 360° together"
        )
    return cell


def edges(cell: Floats) -> str:
    """Lengths of the vectors, and their angles where these are not right, in words."""
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    tilt = (
        "" if np.allclose(angles, 90.0, atol=0.01) else " at " + ", ".join(f"{a:.2f}" for a in angles) + "°"
    )
    return " x ".join(f"{length:.4f}" for length in lengths) + f" Å{tilt}"


def is_same(cell: Floats, other: Floats) -> bool:
    """True for two bases (3, 3) Å of one lattice: whole combinations of each other, as exactly as typed."""
    if abs(abs(np.linalg.det(cell) / np.linalg.det(other)) - 1.0) > SAME_VOLUME:
        return False
    whole = np.rint(cell @ np.linalg.inv(other))
    return bool(np.abs(whole @ other - cell).max() <= TYPED and round(abs(np.linalg.det(whole))) == 1)
