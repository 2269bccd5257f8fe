"""Plausibility of positions in Å: finite, no two atoms at one point, O-H bonds of about 1 Å."""

from pathlib import Path

import numpy as np
from numba import njit

from mlipbench_hpc.analysis.fused import native
from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN, minimum_image
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign.record import Piece, Positions

# Number of hydrogens in the check of bonds.
SAMPLE = 200
# Limits in Å, by unit, of the median distance from H to the nearest O, and of all these distances.
UNITS = {"bohr": (1.6, 2.1, 1.5, np.inf), "nm": (0.08, 0.12, 0.0, 0.2)}
# Hydrogens of an oxygen up to which nearly all must be bound to one, and Å of a bond that is none.
WATERS, BROKEN = 2.5, 1.3
# The same limits for lengths in Å that were converted as if they were in bohr.
TWICE = (0.42, 0.62, 0.0, 0.75)


def check_lengths(
    path: Path, numbers: Ints, positions: Positions, cell: Floats, topology: Path | None = None
) -> None:
    """Raise InputFailure where the bonds of one frame have their lengths in bohr or nm, or are none.

    numbers (N,), positions (N, 3) Å, cell (3, 3) Å. topology: file that alone names the atoms; in another
    order its names part hydrogens from the oxygens of their waters.
    """
    hydrogens, oxygens = np.flatnonzero(numbers == HYDROGEN), np.flatnonzero(numbers == OXYGEN)
    if len(hydrogens) == 0 or len(oxygens) == 0:
        return
    sample = hydrogens[:: -(-len(hydrogens) // SAMPLE)]
    vectors = (np.asarray(positions[oxygens] - positions[atom], dtype=float) for atom in sample)
    nearest = np.array([np.linalg.norm(minimum_image(part, cell), axis=1).min() for part in vectors])
    for unit, limits in UNITS.items():
        if within(nearest, *limits):
            raise InputFailure(
                f"{path}: hydrogens lie {np.median(nearest):.3g} Å from the nearest oxygen, the O-H "
                f"distance in {unit}: lengths are in {unit}, expected Å; convert them, or name the unit in "
                "the file"
            )
    if within(nearest, *TWICE):
        raise InputFailure(
            f"{path}: hydrogens lie {np.median(nearest):.3g} Å from the nearest oxygen: its lengths are said "
            "to be in bohr, and are in Å; correct what the file says"
        )
    if topology and len(hydrogens) <= WATERS * len(oxygens) and np.median(nearest) > BROKEN:
        raise InputFailure(
            f"{path}: hydrogens lie {np.median(nearest):.3g} Å from the nearest oxygen by the names in "
            f"{topology}: its atoms are in another order, or of another system"
        )


def within(nearest: Floats, low: float, high: float, shortest: float, longest: float) -> bool:
    """True where the median of distances (K,) lies between two limits, and all between two others."""
    return low < float(np.median(nearest)) < high and nearest.min() > shortest and nearest.max() < longest


def check_positions(path: Path, piece: Piece, atoms: int, frame: int) -> None:
    """Raise InputFailure where positions of these frames, the first of index `frame`, cannot be right."""
    if (amount := piece.positions.shape[1]) != atoms:
        raise InputFailure(f"{path}: it has {amount} atoms, its topology {atoms}")
    index, atom = _fault(native(piece.positions))
    if index < 0:
        return
    positions = piece.positions[index]
    if not np.isfinite(positions).all():
        raise InputFailure(f"{path}: frame {frame + index} holds positions that are not finite")
    amount = int((positions[1:] == positions[:-1]).all(axis=1).sum()) + 1
    raise InputFailure(coincidence_message(path, frame + index, positions, atom, amount))


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _fault(positions: Positions) -> tuple[int, int]:
    """First frame and atom that is not finite, or else at the point of the next atom; -1 twice if none.

    positions (F, N, 3) Å. Compiled, because every frame of every file is checked.
    """
    for frame in range(len(positions)):
        here, atoms, total = positions[frame], positions.shape[1], 0.0
        for atom in range(atoms):
            # Zero unless a component is infinite or NaN.
            total += 0.0 * here[atom, 0] + 0.0 * here[atom, 1] + 0.0 * here[atom, 2]
        if total != 0.0:
            return frame, 0
        for atom in range(atoms - 1):
            if (
                here[atom, 0] == here[atom + 1, 0]
                and here[atom, 1] == here[atom + 1, 1]
                and here[atom, 2] == here[atom + 1, 2]
            ):
                return frame, atom
    return -1, -1


def coincidence_message(path: Path, frame: int, positions: Positions, atom: int, amount: int) -> str:
    """Message of atoms at one point, with the point."""
    place = " ".join(f"{value:.4f}" for value in positions[atom])
    return (
        f"{path}: in frame {frame} {amount} atoms coincide with another atom, the first is atom "
        f"{atom + 1} at {place} Å; leave the frame out"
    )
