"""What stands in model.json and weights.npz, written beside deepmd-kit and read beside JAX: numpy only.

weights.npz, float64, with K species and nets of every ordered pair of them (kind of the centre times K plus
kind of the neighbour), whether or not deepmd-kit's depend on the centre:

    embedding.<layer>.weight (K², n, m), .bias (K², m)
    fitting.<layer>.weight (K, n, m), .bias (K, m), and .step (K, m) of a layer that adds its input
    mean (K,) 1/Å, spread (K, 2) 1/Å: davg of s(r), dstd of s(r) and of s(r) r̂, by the kind of the centre
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME, SCHEMA = "DP by JAX", 1
FILE = "weights.npz"


@dataclass(frozen=True)
class Blueprint:
    """model.json. numbers: sorted atomic numbers. cutoff, smooth_from: Å, rcut and rcut_smth.

    reference_energies: eV, in the order of numbers: deepmd-kit's bias of each atom. room: `sel`, the most
    neighbours of each element, in that order, for which deepmd-kit has places.
    """

    numbers: list[int]
    reference_energies: list[float]
    cutoff: float
    smooth_from: float
    room: list[int]

    def constants(self, dtype: str) -> dict[str, NDArray[Any]]:
        """What the energy depends on besides weights (see energy.py): lengths are always float64."""
        values = {"rcut": self.cutoff, "rcut_smth": self.smooth_from, "neighbours": sum(self.room)}
        return {
            name: np.asarray(value, dtype if name == "neighbours" else np.float64)
            for name, value in values.items()
        }
