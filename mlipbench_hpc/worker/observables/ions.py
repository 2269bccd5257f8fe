"""Ions: coordination by oxygens, and the share of time in the first layer."""

from functools import partial

import numpy as np

from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.observable import ION_COORDINATION, Observable
from mlipbench_hpc.worker.dynamics import Motion, motion_of
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run

PART, ROOM = "dynamics", "ions"


def observables(symbol: str) -> list[Observable]:
    """Observables of one species; they stand in results.json alone."""
    return [
        Observable(
            f"{name}-{symbol}", f"{words} of {symbol}", letter, path=(PART, ROOM, symbol, name),
            needs=("slab", symbol), species=symbol, positive=True, order=95,
        )
        for name, words, letter in (
            ("coordination", "oxygens near an ion", "n"),
            ("in_first_layer", "share of ions in the first layer", "x"),
        )
    ]  # fmt: skip


def start(run: Run) -> Finish:
    """Ask for the sums over stays and neighbours."""
    return partial(finish, run, run.shared(motion_of))


def finish(run: Run, motion: Motion) -> Produced:
    """Numbers and stays of each species, with lags and origins; writes the oxygens near each ion."""
    if motion.ions:
        with writing(run.context.folder / ION_COORDINATION) as stream:
            near = {symbol: species.neighbours for symbol, species in motion.ions.items()}
            np.savez(stream, allow_pickle=False, **near)
    return Produced(
        motion.summary(run.notes) | {"first_frame": int(run.stretch.chosen[0])},
        [observable for symbol in motion.ions for observable in observables(symbol)],
    )


FAMILY = Family(PART, 60, start)
