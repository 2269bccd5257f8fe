"""C_dip(τ): correlation of the directions of first-layer waters (Eq. S12 of arXiv:2602.22931)."""

from mlipbench_hpc.data.observable import LAG, Observable
from mlipbench_hpc.worker.dynamics import DIPOLE, lagged

OBSERVABLE = Observable(
    DIPOLE, "Dipole correlation of the first layer", "C_dip(τ), first layer",
    definition="C_dip(τ): autocorrelation of the dipole directions of waters in the first layer.",
    axis=LAG, file=f"{DIPOLE}.csv", column=DIPOLE, error=f"se_{DIPOLE}", needs=("slab", "water"),
    blocks="jackknife over blocks", drawn="line", compared="everywhere", order=56,
)  # fmt: skip

FAMILY = lagged(OBSERVABLE, 50)
