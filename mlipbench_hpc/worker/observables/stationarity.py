"""Stationarity of a run: P_z, first layer, height of each ion, temperatures and energy over time."""

from functools import partial

import numpy as np

from mlipbench_hpc.analysis.layer import COSINE
from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.analysis.stationarity import Stationarity, stationarity
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import STATIONARITY, WATERS
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.dynamics import Motion, motion_of, spacing
from mlipbench_hpc.worker.observables.profiles import block_sums
from mlipbench_hpc.worker.observables.thermo import FILE, POTENTIAL, Thermo
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import ROUNDING_PS, after

FEWEST_FRAMES = 20
Series = dict[str, Floats]


def start(run: Run) -> Finish:
    """Ask for the first layer's sums where there is a surface; ValueError gives the reason for no test."""
    run.require_stable()
    step = spacing(run.stretch.times)
    if len(run.stretch) < FEWEST_FRAMES:
        raise ValueError(f"{len(run.stretch)} frames, at least {FEWEST_FRAMES} are needed")
    if not _surface(run):
        return partial(finish, run, step, None, None)
    return partial(finish, run, step, run.shared(motion_of), run.shared(block_sums))


def _surface(run: Run) -> bool:
    try:
        return bool(run.interface.faces)
    except ValueError:
        return False


def finish(run: Run, step: float, motion: Motion | None, sums: BlockSums | None) -> Produced:
    """Tests of each series by name, and the species of ions."""
    every = of_thermo(run)
    if motion is not None and sums is not None:
        every |= {TOTAL_ORIENTATION: sums.dipole, COSINE: motion.cosines, WATERS: motion.waters}
        for symbol, species in motion.ions.items():
            every |= {f"{symbol} {place}": row for place, row in enumerate(species.heights.T)}
    known = {name: series for name, series in every.items() if np.isfinite(series).all()}
    values = {name: described(stationarity(series), step) for name, series in known.items()}
    ions = list(motion.ions) if motion else []
    return Produced({"frame_ps": step, "series": values, "ions": ions})


def of_thermo(run: Run) -> Series:
    """Potential energy (eV/atom) and temperatures (K) at the analysed times; {} where they are not known."""
    if not (run.context.upstream("md") / FILE).exists():
        return {}
    thermo = Thermo(run.context.upstream("md") / FILE)
    times = thermo["time_ps"]
    rows = after(times, run.parameters["equilibration"]) & (times <= run.stretch.times[-1] + ROUNDING_PS)
    names = [name for name in thermo.names if name.startswith("temperature_")]
    series = {name: thermo[name][rows] for name in names}
    series[POTENTIAL.name] = thermo["potential_eV"][rows] / len(run.stretch.trajectory.numbers)
    return {name: values for name, values in series.items() if len(values) >= FEWEST_FRAMES}


def described(result: Stationarity, step: float) -> dict[str, float | None]:
    """Values for JSON, with times in frames and in ps; slope per ps too."""
    return {
        "frames": result.frames,
        "discard": result.discard,
        "inefficiency": number(result.inefficiency),
        "independent": number(result.independent),
        "first": number(result.first),
        "second": number(result.second),
        "error": number(result.error),
        "dof": number(result.dof),
        "p": number(result.p),
        "slope": number(result.slope),
        "equilibration_ps": number(result.discard * step),
        "autocorrelation_ps": number(result.inefficiency * step),
        "slope_per_ps": number(result.slope / step),
    }


FAMILY = Family(STATIONARITY, 70, start)
