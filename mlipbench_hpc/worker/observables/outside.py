"""Observables of packages outside this one: averages of a function of a frame."""

from functools import partial

import numpy as np

from mlipbench_hpc.analysis.pieces import PIECES, averaged
from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.framewise import PART, Framewise, load_all
from mlipbench_hpc.worker.framewise import FrameSums, System
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.series import summary
from mlipbench_hpc.worker.stretch import write_csv


def start(run: Run) -> Finish | None:
    """Ask for their sums; None where no package adds one."""
    if not run.parameters.get("observables"):
        return None
    run.require_stable()
    return partial(finish, run, run.shared(frame_sums))


def frame_sums(run: Run) -> FrameSums:
    """Sums in which each frame counts once."""
    rows = np.ones((1, len(run.stretch)))
    return FrameSums(*usable(run), rows, run.blocks, run.notes.say, PIECES)


def usable(run: Run) -> tuple[list[Framewise], System]:
    """Observables whose needs the run meets, and its system; the others are noted."""
    system = System(run.stretch.trajectory.numbers, run.stretch.cells, interface_of(run))
    own: list[Framewise] = []
    for framewise in load_all(run.parameters["observables"]):
        if lacking := system.lacks(framewise.observable.needs):
            run.notes.say(f"{framewise.observable.name}: this run has no {' and no '.join(lacking)}, skipped")
        else:
            own.append(framewise)
    return own, system


def interface_of(run: Run) -> Profiler | None:
    """Interface of the run; None where it has no profiles."""
    try:
        return run.interface
    except ValueError:
        return None


def finish(run: Run, sums: FrameSums) -> Produced:
    """Write NAME.csv of each curve and NAME.npz of each series; returns the statistics of the series."""
    folder, values = run.context.folder, {}
    for framewise in sums.framewise:
        own = framewise.described
        if own.axis:
            average, error = averaged(sums.sums[own.name][:, 0], sums.length, sums.pieces)
            table = {own.axis.column: np.array(framewise.bins), own.column: average.mean}
            write_csv(folder / own.file, table | {own.error: error.larger})
            run.notes.curves.append(error)
            continue
        with writing(folder / own.file) as stream:
            series = {own.column: sums.series[own.name]}
            np.savez(stream, allow_pickle=False, time_ps=run.stretch.times, **series)
        values[own.name] = summary(own.name, sums.series[own.name], run.blocks, run.notes)
    return Produced(values, [framewise.described for framewise in sums.framewise])


FAMILY = Family(PART, 100, start)
