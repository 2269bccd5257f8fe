"""analyse: observables of one MD run, its equilibration discarded, with block errors."""

from collections import Counter
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.data.trajectory import Trajectory
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.observables import families
from mlipbench_hpc.worker.observing import Run, observe
from mlipbench_hpc.worker.stretch import Notes, Stretch


def run(context: Context) -> dict[str, Any]:
    """Write the files of every observable of this run; returns their descriptions and numbers.

    For a run that is too short it returns values with `skipped`.
    """
    parameters, outcome, notes = context.parameters, context.upstream_values("md"), Notes()
    unstable = outcome.get("outcome") == "unstable"
    if unstable:
        notes.say(f"the run was unstable ({outcome.get('cause')}) and ended at {outcome.get('time_ps')} ps")
    stretch = Stretch.of(context.upstream("md"), parameters["equilibration"], parameters["blocks"])
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
    values["analysed_ps"] = stretch.length_ps
    context.check()
    values |= observe(Run(context, stretch, notes, unstable), families())
    return values | {"warnings": notes.warnings}


def contents(trajectory: Trajectory) -> dict[str, Any]:
    """Atoms of each species and the first frame's cell, by which the report groups runs."""
    symbols = Counter(chemical_symbols[number] for number in trajectory.numbers)
    return {
        "species": {symbol: symbols[symbol] for symbol in sorted(symbols)},
        "cell_A": np.asarray(trajectory.cells[:1], dtype=float).reshape(-1, 3).tolist(),
    }


def too_short(stretch: Stretch, parameters: dict[str, Any]) -> str:
    """Reason why too few frames are left for an analysis, or an empty string."""
    if len(stretch):
        return ""
    equilibration = f"{parameters['equilibration']:g} ps of equilibration"
    return (
        f"{stretch.dropped} of {len(stretch.trajectory)} frames lie after the {equilibration}: "
        f"fewer than {parameters['blocks']} blocks, nothing is analysed"
    )
