"""Copies of a start side by side, for a larger system of the same kind."""

from math import prod

import numpy as np

from mlipbench_hpc.data.frames import Ints
from mlipbench_hpc.worker.engines.system import System

Repeats = tuple[int, int, int]


def doubled(system: System, repeats: Repeats, is_film: bool) -> Repeats | None:
    """Twice as many copies: along the shortest direction that is periodic, of a film not along z.

    repeats: present copies along each cell vector. None where no direction allows it.
    """
    axes = [axis for axis in range(3) if system.start.pbc[axis] and not (is_film and axis == 2)]
    if not axes:
        return None
    lengths = system.start.cell.lengths() * repeats
    axis = min(axes, key=lambda one: float(lengths[one]))
    a, b, c = (count * (2 if place == axis else 1) for place, count in enumerate(repeats))
    return a, b, c


def repeated(system: System, repeats: Repeats) -> System:
    """System of so many copies along each cell vector, with the same atoms fixed in each."""
    starts = len(system.start) * np.arange(prod(repeats))[:, None]
    mobile: Ints = (starts + system.mobile).ravel()
    return System(system.start.repeat(repeats), mobile)


def edges(system: System, cutoff: float) -> int:
    """Number of pairs i → j within `cutoff` (Å), both directions counted."""
    from ase.neighborlist import neighbor_list

    return len(neighbor_list("i", system.start, cutoff))
