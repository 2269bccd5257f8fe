"""Temperatures, potential energy and the drift of the conserved energy, from the run's thermo.csv."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.correlation import SeriesAverage, series_average
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker import series
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import ROUNDING_PS, Notes, Stretch, after

PART, FILE = "thermo", "thermo.csv"
TEMPERATURE = Observable("temperature_K", "Temperature", "T", "K", path=(PART, "temperature_K"), order=1)
POTENTIAL = Observable(
    "potential_eV_per_atom", "Potential energy", "U", "eV/atom", path=(PART, "potential_eV_per_atom"), order=3
)


def of_species(symbol: str) -> Observable:
    """Kinetic temperature of one species, which is a column of thermo.csv."""
    name = f"temperature_{symbol}_K"
    return Observable(
        name, f"Temperature of {symbol}", f"T of {symbol}", "K", path=(PART, name), species=symbol, order=2
    )


def start(run: Run) -> Finish:
    """Ask for no sums, because no frames are needed; unstable runs have this observable too.

    ValueError for a trajectory of another program, which brings no energies and temperatures.
    """
    if not (run.context.upstream("md") / FILE).exists():
        raise ValueError("a trajectory alone: its energies and temperatures are not known")
    return partial(finish, run)


def finish(run: Run) -> Produced:
    """Mean and error of temperatures (K) and potential energy (eV/atom), drift of the conserved energy.

    Only rows of the analysed time count.
    """
    thermo, atoms = Thermo(run.context.upstream("md") / FILE), run.stretch.trajectory.numbers
    times = thermo["time_ps"]
    rows = after(times, run.parameters["equilibration"]) & (times <= run.stretch.times[-1] + ROUNDING_PS)
    species = (of_species(chemical_symbols[number]) for number in np.unique(atoms))
    temperatures = {observable.name: observable for observable in (TEMPERATURE, *species)}
    own = [temperatures[column] for column in thermo.names if column in temperatures]
    mobile = atoms[mobile_atoms(run.stretch)]
    values: dict[str, Any] = {
        observable.name: kinetic(
            series_average(thermo[observable.name][rows], run.blocks), of(observable, mobile), run.notes
        )
        for observable in own
    }
    potential = series_average(thermo["potential_eV"][rows] / len(atoms), run.blocks)
    values[POTENTIAL.name] = averaged(potential, run.notes)
    conserved = thermo["conserved_eV"][rows] / len(atoms) * 1000
    values["conserved_drift_meV_per_atom_per_ps"] = slope(times[rows], conserved)
    return Produced(values, [*own, POTENTIAL])


def mobile_atoms(stretch: Stretch) -> NDArray[np.bool_]:
    """Mask (N,) of atoms that are not where they were between the first and the last analysed frame."""
    first, last = (np.asarray(stretch.trajectory.positions[int(stretch.chosen[end])]) for end in (0, -1))
    return np.asarray((first != last).any(axis=1))


def of(observable: Observable, mobile: Ints) -> int:
    """Number of mobile atoms, given by atomic number, whose temperature it is."""
    return int((mobile == atomic_numbers[observable.species]).sum()) if observable.species else len(mobile)


def kinetic(average: SeriesAverage, atoms: int, notes: Notes) -> dict[str, Any]:
    """Values of a temperature, with what its canonical standard error T √(2/(3 N n)) needs.

    atoms: N mobile ones; independent: n independent frames.
    """
    return averaged(average, notes) | {"atoms": atoms, "independent": number(average.independent)}


class Thermo:
    """Columns (T,) of thermo.csv, read one at a time, because the file may be long."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open(encoding="utf-8") as stream:
            self.names = stream.readline().strip().split(",")

    def __getitem__(self, name: str) -> Floats:
        place = self.names.index(name)
        return np.loadtxt(self.path, delimiter=",", skiprows=1, usecols=place, ndmin=1)


def averaged(average: SeriesAverage, notes: Notes) -> dict[str, float | None]:
    """Mean and standard error of a scalar for JSON; dropped rows go into the notes."""
    if average.blocks.dropped:
        notes.say(f"thermo.csv: {average.blocks.dropped} rows after the last whole block were dropped")
    if average.blocks.reason:
        notes.say(f"thermo.csv: {average.blocks.reason}")
    return series.averaged(average)


def slope(times: Floats, values: Floats) -> float | None:
    """Least-squares slope, None for fewer than two distinct times."""
    if len(times) < 2 or times[0] == times[-1] or not np.isfinite(values).all():
        return None
    centred = times - times.mean()
    return float(centred @ values / (centred @ centred))


FAMILY = Family(PART, 5, start)
