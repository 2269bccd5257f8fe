"""Heights of ions above the surface: their series, and the mean over the ions of each species."""

from functools import partial

import numpy as np

from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.observable import ION_HEIGHTS, Observable, height_of
from mlipbench_hpc.worker.dynamics import Motion, motion_of
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.series import averaged

PART = "ion_heights"


def observable(symbol: str, order: int) -> Observable:
    """Mean height of the ions of one species."""
    name = height_of(symbol)
    return Observable(
        name, f"Height of {symbol}", f"height of {symbol}", "Å", words=f"mean height of {symbol}",
        definition=f"Mean height of {symbol}: above the surface layer, over its ions and over time.",
        file=ION_HEIGHTS, column=name, path=(PART, symbol), needs=("slab", symbol), species=symbol,
        compared="interface", reweighted=True, order=order,
    )  # fmt: skip


def start(run: Run) -> Finish | None:
    """Ask for the motion of ions where there is a surface."""
    if not run.interface.faces or not run.interface.ions:
        return None
    return partial(finish, run, run.shared(motion_of))


def finish(run: Run, motion: Motion) -> Produced:
    """Write ion_heights.npz: heights (T, K) Å of each species, float32, and their mean (T,) over its ions.

    Layers of ions are those of all runs that are compared, so the report determines them.
    """
    heights = {symbol: ions.heights for symbol, ions in motion.ions.items()}
    means = {symbol: own.mean(axis=1) for symbol, own in heights.items()}
    with writing(run.context.folder / ION_HEIGHTS) as stream:
        arrays = {symbol: own.astype(np.float32) for symbol, own in heights.items()}
        arrays |= {height_of(symbol): own for symbol, own in means.items()}
        np.savez(stream, allow_pickle=False, **arrays)
    values = {symbol: averaged(series_average(own, run.blocks)) for symbol, own in means.items()}
    return Produced(values, [observable(symbol, 90 + place) for place, symbol in enumerate(means)])


FAMILY = Family(PART, 45, start)
