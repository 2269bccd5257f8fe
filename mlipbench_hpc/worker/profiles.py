"""Sums over frames that profiles along z, the first layer and P_z share."""

from typing import Any

import numpy as np
from ase.data import atomic_numbers

from mlipbench_hpc.analysis.profiles import COUNTED, DENSITY, ORIENTATION, Profiler, Samples
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.stretch import Stretch


def profiler(stretch: Stretch, parameters: dict[str, Any]) -> Profiler:
    """From the first analysed frame; parameters: metal, and bin in Å. ValueError says why there is none."""
    trajectory, cells = stretch.trajectory, stretch.cells
    if not np.array_equal(np.broadcast_to(cells[0], cells.shape), cells):
        raise ValueError("the cell changes during the run, so that bins have no constant volume")
    first, metal = (
        np.asarray(trajectory.positions[stretch.chosen[0]], dtype=float),
        atomic_numbers[parameters["metal"]],
    )
    interface = Profiler.of(trajectory.numbers, first, cells[0], metal, parameters["bin"])
    if len(interface.waters.oxygens) == 0:
        raise ValueError("there is no oxygen in it, so no water")
    return interface


def layered(sums: Samples) -> Floats:
    """What `analysis.layer` takes, (rows, 3, bins), of the rows of three profiles."""
    return np.stack([sums[name] for name in (DENSITY, COUNTED, ORIENTATION)], axis=1)
