"""C_dip(τ): how long waters of the first layer keep their direction (Eq. S12 of arXiv:2602.22931)."""

from functools import partial

from mlipbench_hpc.data.observable import LAG, Observable
from mlipbench_hpc.worker.dynamics import DIPOLE, Motion, motion_of
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import write_csv

OBSERVABLE = Observable(
    DIPOLE, "Dipole correlation of the first layer", "C_dip(τ), first layer",
    definition="C_dip(τ): autocorrelation of the dipole directions of waters in the first layer.",
    axis=LAG, file=f"{DIPOLE}.csv", column=DIPOLE, error=f"se_{DIPOLE}", needs=("slab", "water"),
    blocks="jackknife over blocks", drawn="line", compared="everywhere", order=56,
)  # fmt: skip


def start(run: Run) -> Finish:
    """Asks for the sums over lags."""
    return partial(finish, run, run.shared(motion_of))


def finish(run: Run, motion: Motion) -> Produced:
    """Writes dipole_correlation.csv."""
    write_csv(run.context.folder / OBSERVABLE.file, motion.table(DIPOLE))
    return Produced({}, [OBSERVABLE])


FAMILY = Family("dynamics", 50, start)
