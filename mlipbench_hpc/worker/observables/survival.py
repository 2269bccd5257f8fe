"""P_surv(τ): how long waters stay in the first layer (Eq. S13 of arXiv:2602.22931)."""

from functools import partial

from mlipbench_hpc.data.observable import LAG, Observable
from mlipbench_hpc.worker.dynamics import SURVIVAL, Motion, motion_of
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import write_csv

OBSERVABLE = Observable(
    SURVIVAL, "Survival in the first layer", "P_surv(τ), first layer",
    definition="P_surv(τ): probability that a water of the first layer is still there after the lag τ.",
    axis=LAG, file=f"{SURVIVAL}.csv", column=SURVIVAL, error=f"se_{SURVIVAL}", needs=("slab", "water"),
    blocks="jackknife over blocks", drawn="line", compared="everywhere", order=57,
)  # fmt: skip


def start(run: Run) -> Finish:
    """Asks for the sums over lags."""
    return partial(finish, run, run.shared(motion_of))


def finish(run: Run, motion: Motion) -> Produced:
    """Writes survival.csv: the published code's form first, then every other one by its name."""
    write_csv(run.context.folder / OBSERVABLE.file, motion.table(SURVIVAL))
    return Produced({}, [OBSERVABLE])


FAMILY = Family("dynamics", 51, start)
