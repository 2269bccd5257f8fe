"""Sums over frames for profiles along z, the first layer and P_z."""

from typing import Any

import numpy as np

from mlipbench_hpc.analysis.profiles import DENSITY, ORIENTATION, Profiler, Samples
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.stretch import Stretch

# Number of frames from which the layers of a slab are determined.
SAMPLE = 16
# Assignment of waters as in the first frame; any other value: frame by frame.
FROZEN = "frozen"


def profiler(stretch: Stretch, parameters: dict[str, Any]) -> Profiler:
    """Profiler of some analysed frames; parameters: metal (one or more elements), bin in Å, assignment.

    Raises ValueError with the reason where there is none.
    """
    trajectory, cells = stretch.trajectory, stretch.cells
    if not np.array_equal(np.broadcast_to(cells[0], cells.shape), cells):
        raise ValueError("the cell changes during the run, so that bins have no constant volume")
    places = np.unique(np.linspace(0, len(stretch) - 1, SAMPLE).round().astype(np.int64))
    some = np.array([trajectory.positions[index] for index in stretch.chosen[places]], dtype=float)
    slab = atomic_numbers_of(parameters["metal"])
    frozen = parameters.get("assignment") == FROZEN
    interface = Profiler.of(trajectory.numbers, some, cells[0], slab, parameters["bin"], frozen)
    if len(interface.waters.oxygens) == 0:
        raise ValueError("there is no oxygen in it, so no water")
    return interface


def layered(sums: Samples) -> Floats:
    """Density and orientation (rows, 2, bins) as `analysis.layer` takes them."""
    return np.stack([sums[name] for name in (DENSITY, ORIENTATION)], axis=1)
