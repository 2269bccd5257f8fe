"""Waters that a run has lost by its end, from its trajectory."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.waters import Waters
from mlipbench_hpc.data.frames import Ints
from mlipbench_hpc.data.trajectory import Trajectory, open_trajectory
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.memory import remembered

TRAJECTORY = "trajectory.nc"
# A mean over these frames of the last tenth of a run is known within a few per cent of a water.
LATE, MOST_FRAMES = 0.1, 20
# Lost beyond the reference's own share: a tenth is far from the few ions of water's self-ionisation.
MOST_LOST = 0.1


@dataclass(frozen=True)
class Loss:
    """Number of waters in the first frame of a run, and mean share of them lost in its last tenth.

    Counted are waters, whichever oxygens they have: a proton that hops along ions changes nothing.
    """

    waters: int
    share: float


@remembered
def loss(run: Item) -> Loss | None:
    """Loss of waters in a run; None where it is not done, has no trajectory, or began without water."""
    try:
        trajectory = open_trajectory(run.folder / TRAJECTORY) if run.done else None
    except (OSError, ValueError):
        return None
    if trajectory is None or len(trajectory) < 2:
        return None
    begin = _waters(trajectory, 0)
    if not begin:
        return None
    left = np.mean([_waters(trajectory, int(frame)) for frame in _late(len(trajectory))])
    return Loss(begin, max(0.0, 1 - float(left) / begin))


def _late(frames: int) -> Ints:
    """At most 20 frames of the last tenth of a run, equally spaced."""
    own = np.arange(frames - max(1, round(LATE * frames)), frames)
    return own[:: -(-len(own) // MOST_FRAMES)]


def _waters(trajectory: Trajectory, frame: int) -> int:
    """Number of oxygens with exactly two hydrogens in one frame, without those of other molecules."""
    positions = np.array(trajectory.positions[frame], dtype=float)
    return len(Waters.assign(trajectory.numbers, positions, trajectory.cells[frame]).intact)
