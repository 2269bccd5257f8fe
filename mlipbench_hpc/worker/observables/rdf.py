"""g(r) of every pair of species that the campaign names."""

from functools import partial
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from mlipbench_hpc.analysis.rdf import RadialDistribution, largest_radius, radial_distribution
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.observable import DISTANCE, Observable
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.data.trajectory import Trajectory
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import Notes, write_csv

FILE = "rdf.csv"
DEFINITION = (
    "g(r): over the mean density of the whole cell, vacuum and metal included, so that it tends to 1 in a "
    "homogeneous system alone."
)
Pair = tuple[str, str]


def observable(pair: Pair, order: int = 50) -> Observable:
    """g(r) of one pair of species."""
    words = "-".join(pair)
    return Observable(
        f"g_{words}", f"{words} radial distribution", f"g(r), {words}",
        definition=DEFINITION, axis=DISTANCE, file=FILE,
        column=f"g_{words}", error=f"se_{words}", needs=tuple(dict.fromkeys(pair)), drawn="line",
        compared="bulk", positive=True, reweighted=True, order=order,
    )  # fmt: skip


def start(run: Run) -> Finish:
    """Ask for no shared sums: the finish reads the frames of two species at a time itself."""
    return partial(finish, run)


def finish(run: Run) -> Produced:
    """Write rdf.csv (r_A, and of each pair g_X-Y, se_X-Y and the coordination number n_X-Y)."""
    parameters, cells = run.parameters["rdf"], run.stretch.cells
    allowed = largest_radius(cells) if np.linalg.det(cells).all() else 0.0
    r_max = clipped(parameters["r_max"], allowed, run.notes)
    values: dict[str, Any] = {"r_max_A": r_max, "bin_A": parameters["bin"], "pairs": {}}
    if r_max < parameters["bin"]:
        run.notes.say("rdf: the cell leaves no whole bin (or there is no cell), skipped")
        return Produced(values)
    table: dict[str, Floats] = {}
    own: list[Observable] = []
    for pair in map(tuple, parameters["pairs"]):
        if (radial := of_pair(run, pair, r_max)) is not None:
            own.append(observable(pair, 50 + len(own)))
            table |= {"r_A": radial.r, **columns(own[-1], radial, "-".join(pair))}
            length = radial.average.block_length
            run.notes.curves.append(radial.errors)
            values["pairs"]["-".join(pair)] = first_peak(radial) | {"block_frames": length}
        run.context.check()
    if table:
        write_csv(run.context.folder / FILE, table)
    return Produced(values, own)


def of_pair(run: Run, pair: Pair, r_max: float) -> RadialDistribution | None:
    """g(r) of one pair of species up to r_max (Å); None, and a note, where the run lacks such atoms."""
    trajectory, words = run.stretch.trajectory, "-".join(pair)
    atoms = species(trajectory, pair)
    if atoms is None:
        counts = [int((trajectory.numbers == atomic_numbers[symbol]).sum()) for symbol in pair]
        present = f"{counts[0]} {pair[0]} and {counts[1]} {pair[1]} atoms"
        run.notes.say(f"rdf {words}: this run holds {present}, skipped")
        return None
    positions, width = trajectory.positions[run.stretch.span], run.parameters["rdf"]["bin"]
    return radial_distribution(positions, run.stretch.cells, *atoms, r_max, width, run.blocks)


def species(trajectory: Trajectory, pair: Pair) -> tuple[Ints, Ints] | None:
    """Indices of both species; None where there is no pair of them."""
    first, second = (np.flatnonzero(trajectory.numbers == atomic_numbers[symbol]) for symbol in pair)
    return (first, second) if min(len(first), len(second)) >= 1 + (pair[0] == pair[1]) else None


def clipped(r_max: float, allowed: float, notes: Notes) -> float:
    """r_max in Å, limited to the range of the minimum image."""
    if r_max <= allowed:
        return r_max
    notes.say(f"rdf: r_max was cut from {r_max:g} Å to {allowed:.3f} Å, half the smallest width of the cell")
    return allowed


def columns(own: Observable, radial: RadialDistribution, words: str) -> dict[str, Floats]:
    """Columns of one pair in rdf.csv: g, its standard error, running coordination number."""
    return {
        own.column: radial.average.mean,
        own.error: radial.errors.larger,
        f"n_{words}": radial.coordination,
    }


def first_peak(radial: RadialDistribution) -> dict[str, float | None]:
    """Highest bin of g: for a liquid within a few Å this is the first peak."""
    top = int(radial.average.mean.argmax())
    peak, error = radial.average.mean[top], radial.errors.larger[top]
    return {"peak_r_A": number(radial.r[top]), "peak_g": number(peak), "peak_se": number(error)}


FAMILY = Family("rdf", 10, start)
