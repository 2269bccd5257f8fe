"""P_z, the total orientation of the waters: its series, mean with two errors, and histogram."""

from functools import partial

import numpy as np

from mlipbench_hpc.analysis.fluctuation import FEWEST_INDEPENDENT, width
from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.profiles import ORIENTATION_WIDTH, TOTAL_ORIENTATION
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.observables.profiles import block_sums
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.series import summary

PART = "profiles"
OBSERVABLE = Observable(
    TOTAL_ORIENTATION, "Total dipole orientation", "total dipole orientation P_z", words="mean P_z",
    definition="Total dipole orientation: P_z = Σ cos θ over all intact waters, dimensionless.",
    file="total_orientation.npz", column="P_z", path=(PART, TOTAL_ORIENTATION),
    needs=("slab", "water"), drawn="histogram", compared="interface", reweighted=True, order=70,
)  # fmt: skip
WIDTH = Observable(
    ORIENTATION_WIDTH, "Width of P_z", "σ of P_z", words="width of P_z",
    definition="Width of P_z: standard deviation over the frames of a run, corrected for the run's length; "
    f"not given with fewer than {FEWEST_INDEPENDENT:g} independent frames.",
    path=(PART, ORIENTATION_WIDTH), needs=("slab", "water"), compared="interface", reweighted=True, order=71,
)  # fmt: skip


def start(run: Run) -> Finish | None:
    """Ask for the profiles' sums, which hold P_z, where there is a surface."""
    if not run.interface.faces:
        return None
    return partial(finish, run, run.shared(block_sums))


def finish(run: Run, sums: BlockSums) -> Produced:
    """Write total_orientation.npz: time_ps (T,) and P_z (T,)."""
    with writing(run.context.folder / OBSERVABLE.file) as stream:
        np.savez(stream, allow_pickle=False, time_ps=run.stretch.times, P_z=sums.dipole)
    values = {
        TOTAL_ORIENTATION: summary(TOTAL_ORIENTATION, sums.dipole, run.blocks, run.notes),
        ORIENTATION_WIDTH: _width(sums.dipole, run.blocks),
    }
    return Produced(values, [OBSERVABLE, WIDTH])


def _width(series: Floats, blocks: int) -> dict[str, float | None]:
    """Width of series (T,), its standard error and degrees of freedom."""
    own = width(series, blocks)
    return {"mean": number(own.value), "se": number(own.error), "dof": number(own.squares.dof)}


FAMILY = Family(PART, 40, start)
