"""Forces whose directions cannot be right: a component that is never there, and those of other atoms."""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

from mlipbench_hpc.data.consistency import displacement
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.stretches import from_mean, same_atoms

# Frames that are compared; Å, displacement along an axis that forces along it must follow, and extent of a
# frame along it that is no plane's.
MOST_FRAMES, MOVED_A, EXTENT_A = 50, 0.01, 0.1
# Frames that decide the order of atoms, and atoms of which it is sought. Cosine of forces and displacements
# from which forces do not point back, and that of the best order: by chance it is -0.3 at most.
FEWEST, MOST_ATOMS = 20, 1000
BACK, BEST = -0.15, -0.5


def missing(frames: Frames) -> Iterator[tuple[str, str]]:
    """Axes along which all forces are exactly zero although atoms move along them: received, expected."""
    for axis in _zero_axes(frames):
        moved = max((_moved(frames, group.tolist(), axis) for group in same_atoms(frames)), default=0.0)
        if moved > MOVED_A:
            received = (
                f"exactly zero forces along {'xyz'[axis]} in {len(frames)} frames, whose atoms move by "
                f"{moved:.2g} Å along it"
            )
            yield received, "all three components"


def absent(frames: Frames) -> Iterator[str]:
    """Warning of an axis without forces, where symmetry may be the reason."""
    for axis in _zero_axes(frames):
        along = frames.positions[:, axis]
        starts = frames.offsets[:-1]
        extent = (np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts)).max()
        if extent > EXTENT_A:
            yield (
                f"forces along {'xyz'[axis]} are exactly zero in all {len(frames)} frames: unless symmetry "
                "makes them so, they are missing"
            )


def _zero_axes(frames: Frames) -> list[int]:
    if len(frames) < 2 or not frames.sizes.all() or not frames.forces.any():
        return []
    return [int(axis) for axis in np.flatnonzero(~frames.forces.any(axis=0))]


def _moved(frames: Frames, group: list[int], axis: int) -> float:
    """Largest root mean square displacement in Å along an axis from the first frame, without its mean."""
    some = [group[place] for place in np.unique(np.linspace(0, len(group) - 1, MOST_FRAMES).astype(int))]
    steps = [displacement(frames, some[0], other) for other in some[1:]]
    along = [step[:, axis] for step in steps if step is not None]
    return max((float(values.std()) for values in along), default=0.0)


def disorder(frames: Frames) -> tuple[str, str] | None:
    """Received and expected cosine where forces point back to the mean structure in another order of atoms.

    The order is sought by assignment: that of displacements to forces with the most negative sum of products.
    """
    for group, steps, forces in from_mean(frames):
        if len(group) < FEWEST or steps.shape[1] > MOST_ATOMS:
            continue
        size = float(np.sqrt((steps**2).sum() * (forces**2).sum()))
        own = float((steps * forces).sum())
        if size > 0.0 and own > BACK * size and (best := _best(steps, forces) / size) < BEST:
            received = f"cosine {own / size:.2f} between forces and displacements in {len(group)} frames"
            return (
                received,
                f"{BEST:g} or less, as with the forces in another order of the atoms ({best:.2f})",
            )
    return None


def _best(steps: Floats, forces: Floats) -> float:
    """Least sum of products of displacements and forces (F, N, 3) over all orders of atoms."""
    products = np.einsum("fik,fjk->ij", steps, forces, optimize=True)
    return float(products[linear_sum_assignment(products)].sum())
