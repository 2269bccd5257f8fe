"""analyse: observables of one MD run, its equilibration discarded, with block errors."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.analysis.blocks import BlockAverage, block_average
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import Trajectory
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.observables import families
from mlipbench_hpc.worker.observing import Run, observe
from mlipbench_hpc.worker.stretch import ROUNDING_PS, Notes, Stretch, after, number


def run(context: Context) -> dict[str, Any]:
    """Writes the files of every observable that this run has, and gives their descriptions and numbers.

    A bad simulation gives values with `skipped`.
    """
    parameters, folder = context.parameters, context.upstream("md")
    outcome, notes = context.upstream_values("md"), Notes()
    unstable = outcome.get("outcome") == "unstable"
    if unstable:
        notes.say(f"the run was unstable ({outcome.get('cause')}) and ended at {outcome.get('time_ps')} ps")
    stretch = Stretch.of(folder, parameters["equilibration"], parameters["blocks"])
    trajectory = stretch.trajectory
    values: dict[str, Any] = {
        "equilibration_ps": parameters["equilibration"],
        "frames": len(trajectory.times),
        "frames_analysed": len(stretch),
        "blocks": parameters["blocks"],
        **contents(trajectory),
    }
    if reason := too_short(stretch, parameters):
        return values | {"skipped": reason, "warnings": [*notes.warnings, reason]}
    notes.dropped(stretch.dropped)
    values["analysed_ps"] = float(stretch.times[-1] - stretch.times[0])
    values["thermo"] = thermo_summary(Thermo(folder / "thermo.csv"), stretch, parameters, notes)
    context.check()
    values |= observe(Run(context, stretch, notes, unstable), families())
    return values | {"warnings": notes.warnings}


def contents(trajectory: Trajectory) -> dict[str, Any]:
    """Atoms of each species and the first frame's cell: what two runs of the same thing share."""
    symbols = Counter(chemical_symbols[number] for number in trajectory.numbers)
    return {
        "species": {symbol: symbols[symbol] for symbol in sorted(symbols)},
        "cell_A": np.asarray(trajectory.cells[:1], dtype=float).reshape(-1, 3).tolist(),
    }


def too_short(stretch: Stretch, parameters: dict[str, Any]) -> str:
    """Why there is too little to analyse, or an empty string."""
    if len(stretch):
        return ""
    equilibration = f"{parameters['equilibration']:g} ps of equilibration"
    return (
        f"{stretch.dropped} of {len(stretch.trajectory)} frames lie after the {equilibration}: "
        f"fewer than {parameters['blocks']} blocks, nothing is analysed"
    )


class Thermo:
    """thermo.csv, of which one column (T,) at a time is read, for it may be long."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open(encoding="utf-8") as stream:
            self.names = stream.readline().strip().split(",")

    def __getitem__(self, name: str) -> Floats:
        place = self.names.index(name)
        return np.loadtxt(self.path, delimiter=",", skiprows=1, usecols=place, ndmin=1)


def thermo_summary(
    thermo: Thermo, stretch: Stretch, parameters: dict[str, Any], notes: Notes
) -> dict[str, Any]:
    """Mean and block error of temperature (K) and potential energy (eV/atom), drift of the conserved one.

    Of the rows of the time that is analysed.
    """
    times, atoms = thermo["time_ps"], len(stretch.trajectory.numbers)
    rows = after(times, parameters["equilibration"]) & (times <= stretch.times[-1] + ROUNDING_PS)
    summary: dict[str, Any] = {
        name: averaged(block_average(thermo[name][rows], parameters["blocks"]), notes)
        for name in thermo.names
        if name.startswith("temperature")
    }
    potential = block_average(thermo["potential_eV"][rows] / atoms, parameters["blocks"])
    summary["potential_eV_per_atom"] = averaged(potential, notes)
    summary["conserved_drift_meV_per_atom_per_ps"] = slope(
        times[rows], thermo["conserved_eV"][rows] / atoms * 1000
    )
    return summary


def averaged(average: BlockAverage, notes: Notes) -> dict[str, float | None]:
    """Mean and standard error of a scalar as JSON; what was dropped goes into the notes."""
    if average.dropped:
        notes.say(f"thermo.csv: {average.dropped} rows after the last whole block were dropped")
    if average.reason:
        notes.say(f"thermo.csv: {average.reason}")
    return {"mean": number(average.mean), "se": number(average.standard_error)}


def slope(times: Floats, values: Floats) -> float | None:
    """Least-squares slope, None for fewer than two distinct times."""
    if len(times) < 2 or times[0] == times[-1] or not np.isfinite(values).all():
        return None
    centred = times - times.mean()
    return float(centred @ values / (centred @ centred))
