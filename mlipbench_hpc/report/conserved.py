"""Conserved energy of MD runs: what draws of momenta exchange, and a drift that all runs share."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import ErrorTerm, welch
from mlipbench_hpc.analysis.stationarity import FEWEST_RUNS, STATIONARY_LEVEL
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.text import number, plus_minus

LATER_PS = 1e-6
LONG_PS = 100.0
DRIFT = "conserved_drift_meV_per_atom_per_ps"


def last_draw_ps(results: Results, name: str) -> float:
    """Time in ps of the last draw of momenta of an `md`, by its `equilibrate`; 0 without."""
    protocol = results.asked("md", name).get("equilibrate") or {}
    every, length = float(protocol.get("every") or 0.0), float(protocol.get("length") or 0.0)
    return every * math.floor(length / every + LATER_PS) if every else 0.0


def exchanged(results: Results, run: Item) -> float | None:
    """Change of the conserved energy, meV/atom, from the first frame to the first after the last draw.

    That is what the draws took out of the run or gave to it. None where none is drawn, or no later frame is
    stored.
    """
    last, atoms = last_draw_ps(results, run.subject["md"]), run.values.get("atoms")
    table = run.table("thermo.csv") if last and atoms and run.done else {}
    if "conserved_eV" not in table:
        return None
    later = np.flatnonzero(table["time_ps"] > last + LATER_PS)
    if not len(later):
        return None
    return float(1000 * (table["conserved_eV"][later[0]] - table["conserved_eV"][0]) / atoms)


@dataclass(frozen=True)
class Drift:
    """Mean drift of the conserved energy over runs and its standard error, meV/atom/ps; p: of Student's t."""

    mean: float
    error: float
    p: float
    runs: int

    @property
    def systematic(self) -> bool:
        """True where chance does not explain that the runs drift alike: p ≤ 0.01."""
        return bool(self.p <= STATIONARY_LEVEL)


def drift(runs: list[Item]) -> Drift | None:
    """Drift that runs share, after the last draw of momenta; None of fewer than three runs."""
    known = np.array([run.values[DRIFT] for run in runs if run.values.get(DRIFT) is not None], dtype=float)
    if len(known) < FEWEST_RUNS:
        return None
    error = float(known.std(ddof=1) / math.sqrt(len(known)))
    tested = welch(float(known.mean()), [ErrorTerm(error, len(known) - 1)])
    return Drift(float(known.mean()), error, tested.p, len(known))


def sentence(results: Results, name: str) -> str:
    """Size of a drift that all runs of an `md` share; empty where chance explains it."""
    own = drift(results.of("md", md=name))
    if own is None or not own.systematic:
        return ""
    limit = 1000 * float((results.asked("md", name).get("stability") or {}).get("conserved_energy") or 0.0)
    after = f", the limit of {number(limit)} meV/atom after {number(limit / abs(own.mean), 2)} ps" * bool(
        limit
    )
    return (
        f"conserved energy drifts by {plus_minus(own.mean, own.error)} meV/atom/ps over the whole runs after "
        "the last draw of momenta (the table states the analysed part), a systematic error of "
        f"the integration or of the forces (Student's t over {own.runs} runs, p = {own.p:.1g}): "
        f"{number(own.mean * LONG_PS, 2)} meV/atom in {number(LONG_PS)} ps{after}; a smaller time step or "
        "tighter convergence of the forces tells which."
    )


def numbers(results: Results, name: str) -> dict[str, Any] | None:
    """Drift that the runs of an `md` share, for results.json; None of fewer than three runs."""
    own = drift(results.of("md", md=name))
    if own is None:
        return None
    p = own.p if math.isfinite(own.p) else None
    return {"mean": own.mean, "se": own.error, "p": p, "runs": own.runs, "systematic": own.systematic}
