"""Covalent bonds by the distance of two atoms."""

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.data.frames import Floats, Ints

# Largest length of a bond, in units of the sum of covalent radii.
BOND = 1.2


def within_reach(
    numbers: Ints, positions: Floats, cell: Floats, atom: int, others: Ints
) -> tuple[NDArray[np.bool_], Floats]:
    """True for other atoms (K,) within a bond's length of an atom, and distances (K,) Å.

    numbers (N,), positions (N, 3) Å, cell (3, 3) Å; distances under the minimum image.
    """
    distances = np.linalg.norm(minimum_image(positions[others] - positions[atom], cell), axis=-1)
    reach = BOND * (covalent_radii[numbers[others]] + covalent_radii[numbers[atom]])
    return distances <= reach, distances
