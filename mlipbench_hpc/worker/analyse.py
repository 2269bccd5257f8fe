"""analyse: observables of one MD run, its equilibration discarded, with block errors."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from mlipbench_hpc.analysis.blocks import BlockAverage, block_average
from mlipbench_hpc.analysis.onepass import BlockSums, feed
from mlipbench_hpc.analysis.rdf import RadialDistribution, largest_radius, radial_distribution
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import Trajectory
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.dynamics import motion_of
from mlipbench_hpc.worker.profiles import profiler, watched, write_profiles
from mlipbench_hpc.worker.stretch import ROUNDING_PS, Notes, Stretch, after, number, write_csv

UNSTABLE = "the run was unstable, and profiles leave such runs out"


def run(context: Context) -> dict[str, Any]:
    """Writes rdf.csv, profiles.csv, dipole.npz, dipole_correlation.csv and survival.csv where it can.

    A bad simulation gives values with `skipped`.
    """
    given, folder = context.parameters, context.upstream("md")
    outcome, notes = context.upstream_values("md"), Notes()
    if outcome.get("outcome") == "unstable":
        notes.say(f"the run was unstable ({outcome.get('cause')}) and ended at {outcome.get('time_ps')} ps")
    stretch = Stretch.of(folder, given["equilibration"], given["blocks"])
    trajectory = stretch.trajectory
    values: dict[str, Any] = {
        "equilibration_ps": given["equilibration"],
        "frames": len(trajectory.times),
        "frames_analysed": len(stretch),
        "blocks": given["blocks"],
        **contents(trajectory),
    }
    if reason := too_short(stretch, given):
        return values | {"skipped": reason, "warnings": [*notes.warnings, reason]}
    notes.dropped(stretch.dropped)
    values["analysed_ps"] = float(stretch.times[-1] - stretch.times[0])
    values["thermo"] = thermo_summary(Thermo(folder / "thermo.csv"), stretch, given, notes)
    context.check()
    values["rdf"] = write_rdf(context, trajectory, stretch.span, notes)
    if outcome.get("outcome") == "unstable":
        values |= skipped(UNSTABLE)
    else:
        values |= write_interface(context, stretch, notes)
    return values | {"warnings": notes.warnings}


def skipped(reason: str) -> dict[str, Any]:
    """What is said of profiles and of dynamics where there are none."""
    return {"profiles": {"skipped": reason}, "dynamics": {"skipped": reason}}


def write_interface(context: Context, stretch: Stretch, notes: Notes) -> dict[str, Any]:
    """Profiles and the first layer's motion, from one reading; writes the files of both."""
    given = context.parameters
    try:
        made = profiler(stretch, given["profiles"])
    except ValueError as reason:
        return skipped(str(reason))
    sums, motion, why = BlockSums(made, np.broadcast_to(1.0, (1, len(stretch))), given["blocks"]), None, ""
    try:
        motion = motion_of(made, stretch, given)
    except ValueError as reason:
        why = str(reason)
    feed(watched(context, stretch), [sums.add, *([motion.add] if motion else [])])
    found = {"profiles": write_profiles(context, stretch, sums, notes), "dynamics": {"skipped": why}}
    if motion:
        motion.write(context.folder)
        found["dynamics"] = motion.summary(notes)
    return found


def contents(trajectory: Trajectory) -> dict[str, Any]:
    """Atoms of each species and the first frame's cell: what two runs of the same thing share."""
    symbols = Counter(chemical_symbols[number] for number in trajectory.numbers)
    return {
        "species": {symbol: symbols[symbol] for symbol in sorted(symbols)},
        "cell_A": np.asarray(trajectory.cells[:1], dtype=float).reshape(-1, 3).tolist(),
    }


def too_short(stretch: Stretch, given: dict[str, Any]) -> str:
    """Why there is too little to analyse, or an empty string."""
    if len(stretch):
        return ""
    return (
        f"{stretch.dropped} of {len(stretch.trajectory)} frames lie after the {given['equilibration']:g} ps "
        f"of equilibration: fewer than {given['blocks']} blocks, nothing is analysed"
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


def thermo_summary(thermo: Thermo, stretch: Stretch, given: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Mean and block error of temperature (K) and potential energy (eV/atom), drift of the conserved one.

    Of the rows of the time that is analysed.
    """
    times, atoms = thermo["time_ps"], len(stretch.trajectory.numbers)
    kept = after(times, given["equilibration"]) & (times <= stretch.times[-1] + ROUNDING_PS)
    summary: dict[str, Any] = {
        name: averaged(block_average(thermo[name][kept], given["blocks"]), notes)
        for name in thermo.names
        if name.startswith("temperature")
    }
    potential = block_average(thermo["potential_eV"][kept] / atoms, given["blocks"])
    summary["potential_eV_per_atom"] = averaged(potential, notes)
    summary["conserved_drift_meV_per_atom_per_ps"] = slope(
        times[kept], thermo["conserved_eV"][kept] / atoms * 1000
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


def write_rdf(context: Context, trajectory: Trajectory, chosen: slice, notes: Notes) -> dict[str, Any]:
    """g(r) of every asked pair over the chosen frames; writes rdf.csv (r_A, g_X-Y, se_X-Y, n_X-Y, …)."""
    asked = context.parameters["rdf"]
    cells = np.asarray(trajectory.cells[chosen], dtype=float)
    allowed = largest_radius(cells) if np.linalg.det(cells).all() else 0.0
    r_max = clipped(asked["r_max"], allowed, notes)
    values: dict[str, Any] = {"r_max_A": r_max, "bin_A": asked["bin"], "pairs": {}}
    if r_max < asked["bin"]:
        notes.say("rdf: the cell leaves no whole bin (or there is no cell), skipped")
        return values
    columns: dict[str, Floats] = {}
    for one, other in asked["pairs"]:
        found = pair_rdf(context, trajectory, chosen, (one, other), r_max, notes)
        if found is not None:
            columns |= {"r_A": found.r, **rdf_columns(f"{one}-{other}", found)}
            values["pairs"][f"{one}-{other}"] = first_peak(found) | {
                "block_frames": found.average.block_length
            }
        context.check()
    if columns:
        write_csv(context.folder / "rdf.csv", columns)
    return values


def pair_rdf(
    context: Context, trajectory: Trajectory, chosen: slice, pair: tuple[str, str], r_max: float, notes: Notes
) -> RadialDistribution | None:
    """g(r) of one pair of species up to r_max (Å); None, and a note, where the run lacks such atoms."""
    first, second = (np.flatnonzero(trajectory.numbers == atomic_numbers[symbol]) for symbol in pair)
    if min(len(first), len(second)) < 1 + (pair[0] == pair[1]):
        held = f"{len(first)} {pair[0]} and {len(second)} {pair[1]} atoms"
        notes.say(f"rdf {'-'.join(pair)}: this run holds {held}, skipped")
        return None
    positions, cells = trajectory.positions[chosen], np.asarray(trajectory.cells[chosen], dtype=float)
    asked, blocks = context.parameters["rdf"], context.parameters["blocks"]
    return radial_distribution(positions, cells, first, second, r_max, asked["bin"], blocks)


def clipped(r_max: float, allowed: float, notes: Notes) -> float:
    """r_max in Å, no longer than the minimum image allows."""
    if r_max <= allowed:
        return r_max
    notes.say(f"rdf: r_max was cut from {r_max:g} Å to {allowed:.3f} Å, half the smallest width of the cell")
    return allowed


def rdf_columns(pair: str, found: RadialDistribution) -> dict[str, Floats]:
    """The columns that one pair adds to rdf.csv: g, its standard error, running coordination number."""
    return {
        f"g_{pair}": found.average.mean,
        f"se_{pair}": found.average.standard_error,
        f"n_{pair}": found.coordination,
    }


def first_peak(found: RadialDistribution) -> dict[str, float | None]:
    """The highest bin of g: for a liquid within a few Å this is the first peak."""
    top = int(found.average.mean.argmax())
    peak, error = found.average.mean[top], found.average.standard_error[top]
    return {"peak_r_A": number(found.r[top]), "peak_g": number(peak), "peak_se": number(error)}
