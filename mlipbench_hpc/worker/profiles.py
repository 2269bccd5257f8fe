"""Sums over frames that profiles along z, the first layer and P_z share."""

from typing import Any

import numpy as np

from mlipbench_hpc.analysis.profiles import DENSITY, ORIENTATION, Profiler, Samples
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.stretch import Stretch

# Frames that show where the layers of a slab are.
SAMPLE = 16
# Who is water: as in the first frame, or else frame by frame.
FROZEN = "frozen"


def profiler(stretch: Stretch, parameters: dict[str, Any]) -> Profiler:
    """Of some analysed frames; parameters: metal (one or more elements), bin in Å, assignment.

    ValueError says why there is none.
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
    """What `analysis.layer` takes, (rows, 2, bins), of the rows of two profiles."""
    return np.stack([sums[name] for name in (DENSITY, ORIENTATION)], axis=1)
