"""Autocorrelation times of series, of a run itself and of the longest runs of the same system."""

from dataclasses import fields
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.analysis.stationarity import Stationarity
from mlipbench_hpc.data.observable import STATIONARITY
from mlipbench_hpc.report.groups import Line, Run
from mlipbench_hpc.report.memory import remembered

SAMPLED = {TOTAL_ORIENTATION: "P_z", "potential_eV_per_atom": "potential energy"}
AS_LONG = 0.99  # of the longest run


def series(run: Run) -> dict[str, Stationarity]:
    """Stationarity of each series of a run, by name; {} where nothing was tested."""
    values = run.analysis.values.get(STATIONARITY, {}).get("series", {})
    return {name: _stationarity(own) for name, own in values.items()}


def _stationarity(own: dict[str, Any]) -> Stationarity:
    """Stationarity from result.json, in which null stands for NaN."""
    names = [field.name for field in fields(Stationarity)]
    values: dict[str, Any] = {name: np.nan if own[name] is None else own[name] for name in names}
    return Stationarity(**values)


def frame_ps(run: Run) -> float:
    """Interval between frames of a run's series, ps; NaN where nothing was tested."""
    return float(run.analysis.values.get(STATIONARITY, {}).get("frame_ps", np.nan))


@remembered
def _longest(line: Line) -> dict[str, list[float]]:
    """Autocorrelation times, ps, of each series in the longest runs of a line's group, by name."""
    runs = [run for peer in line.peers or [line] for run in peer.runs]
    longest = AS_LONG * max((run.analysed_ps for run in runs), default=0.0)
    times: dict[str, list[float]] = {}
    for run in runs:
        for name, own in series(run).items() if run.analysed_ps >= longest else ():
            times.setdefault(name, []).append(own.inefficiency * frame_ps(run))
    return times


@remembered
def known_ps(line: Line, name: str) -> float:
    """Autocorrelation time, ps, of a series in the longest runs of the same atoms, cell and temperature.

    The mean over these runs, by whatever potential, or that of the sampling run where it is longer; 0 where
    none is known. A run shorter than the correlation cannot show it.
    """
    lines = line.peers or [line]
    times = _longest(lines[0]).get(name, [])
    quantity = SAMPLED.get(name, f"height of {name}")
    sampled = [
        start.times_ps[quantity]
        for peer in lines
        for start in peer.starts
        if start.temperature == line.temperature and quantity in start.times_ps
    ]
    mean = float(np.mean(times)) if times else 0.0
    return max([mean, *sampled]) if np.isfinite(mean) else max(sampled, default=0.0)
