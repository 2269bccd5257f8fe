"""P_surv(τ): survival probability of waters in the first layer (Eq. S13 of arXiv:2602.22931).

The first column is the published code's form, followed by every other form by its name.
"""

from mlipbench_hpc.data.observable import LAG, Observable
from mlipbench_hpc.worker.dynamics import SURVIVAL, lagged

OBSERVABLE = Observable(
    SURVIVAL, "Survival in the first layer", "P_surv(τ), first layer",
    definition="P_surv(τ): probability that a water of the first layer is still there after the lag τ.",
    axis=LAG, file=f"{SURVIVAL}.csv", column=SURVIVAL, error=f"se_{SURVIVAL}", needs=("slab", "water"),
    blocks="jackknife over blocks", drawn="line", compared="everywhere", order=57,
)  # fmt: skip

FAMILY = lagged(OBSERVABLE, 51)
