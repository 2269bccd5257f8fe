"""Kinetic temperatures of the species of one study of thermostats, and how they fluctuate."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.exclusion import excluded, failure
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.sections.asked import phrases
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.temperatures import TOTAL, WHOLE, Temperature, over_replicas
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus, with_error
from mlipbench_hpc.studies.thermostats import run_name

THERMO, TIME = "thermo.csv", "time_ps"


@dataclass(frozen=True)
class Fluctuation:
    """Variance of a kinetic temperature over that of the canonical ensemble, with its standard error."""

    ratio: float
    error: float

    @classmethod
    def over(cls, replicas: "list[Fluctuation]") -> "Fluctuation | None":
        """Mean over replicas; None without any."""
        if not replicas:
            return None
        errors = np.array([own.error for own in replicas])
        return cls(
            float(np.mean([own.ratio for own in replicas])), float(np.sqrt((errors**2).sum()) / len(errors))
        )


def fluctuation(temperatures: Floats, atoms: int, target: float) -> Fluctuation:
    """Of a series (T,) in K of `atoms` mobile atoms: its variance over 2 T²/(3 N), T the target in K.

    The kinetic energy of 3 N degrees of freedom has the relative variance 2/(3 N) in the canonical ensemble.
    The error is that of the mean of (T - mean T)², from blocks or autocorrelation, the larger.
    """
    canonical = 2 * target**2 / (3 * atoms)
    squares = series_average((temperatures - temperatures.mean()) ** 2)
    return Fluctuation(float(np.var(temperatures, ddof=1)) / canonical, squares.error / canonical)


@dataclass(frozen=True)
class Kinetic:
    """One species (or all atoms) in one case: mean temperature over replicas, fluctuation, mobile atoms."""

    case: str
    temperature: Temperature
    atoms: int
    fluctuation: Fluctuation | None

    @property
    def canonical_variance(self) -> float:
        """2 T²/(3 N) in K², T the target."""
        return 2 * self.temperature.target**2 / (3 * self.atoms) if self.atoms else float("nan")

    def numbers(self) -> dict[str, Any]:
        """Values for results.json."""
        own, variance = self.temperature, self.fluctuation
        return {
            "mean_K": own.mean,
            "se_K": own.error.error,
            "target_K": own.target,
            "atoms": self.atoms,
            "canonical_variance_K2": self.canonical_variance,
            "variance_over_canonical": variance.ratio if variance else None,
            "se_of_ratio": variance.error if variance else None,
            "off": own.off,
        }


def kinetics(part: Part) -> list[Kinetic]:
    """Every species of every case, in the order of the study."""
    return [own for case in part.spec.cases for own in _of_case(part, case)]


def _of_case(part: Part, case: str) -> Iterator[Kinetic]:
    name, target = run_name(part.name, case), float(part.spec.md.temperature)
    runs = {
        item.subject["replica"]: item
        for item in part.results.of("md", md=name)
        if not excluded(part.results, item)
    }
    analyses = [item for item in part.results.of("analyse", md=name) if item.subject["replica"] in runs]
    for temperature in over_replicas(analyses, target) if analyses else ():
        column = column_of(temperature.whose)
        atoms = max(int(item.statistics(column).get("atoms") or 0) for item in analyses)
        series = [_analysed(runs[item.subject["replica"]], item, column) for item in analyses]
        known = [fluctuation(own, atoms, target) for own in series if atoms and len(own) > 1]
        yield Kinetic(case, temperature, atoms, Fluctuation.over(known))


def column_of(whose: str) -> str:
    """Column of thermo.csv, and name of the observable."""
    return TOTAL if whose == WHOLE else f"temperature_{whose}_K"


def _analysed(run: Item, analysis: Item, column: str) -> Floats:
    """Temperatures (T,) K after equilibration; (0,) without that column."""
    rows = run.table(THERMO)
    if column not in rows:
        return np.zeros(0)
    begin = float(analysis.values.get("equilibration_ps") or 0.0)
    return np.asarray(rows[column][rows[TIME] > begin])


def table(part: Part, every: list[Kinetic]) -> Table:
    """One row for each case and species."""
    rows = [_row(part, own) for own in every]
    header = ["case", "driven by, engine, thermostat", "species", "mobile atoms", "mean temperature, K",
              "target, K", "variance, K²", "canonical, K²", "variance / canonical"]  # fmt: skip
    caption = (
        f"{part.name}: kinetic temperatures after equilibration, {count(part.spec.replicas, 'replica')} of "
        f"{number(part.spec.md.length)} ps each. Mean ± standard error; canonical: variance 2 T²/(3 N) of "
        "3 N degrees of freedom at the target T. A thermostat that samples NVT gives a ratio of 1 for every "
        "species. Runs that are unstable or decomposed are left out."
    )
    return Table(caption, header, rows, words=3, open=True)


def _row(part: Part, own: Kinetic) -> list[str]:
    variance, canonical = own.fluctuation, own.canonical_variance
    words = plus_minus(variance.ratio, variance.error) if variance else NOTHING
    value = number(variance.ratio * canonical) if variance else NOTHING
    error = own.temperature.error.error
    return [own.case, about(part, own.case), own.temperature.whose, number(own.atoms),
            with_error(own.temperature.mean, error), number(own.temperature.target), value,
            number(canonical), words]  # fmt: skip


def about(part: Part, case: str) -> str:
    """`mace, ase, nose-hoover-chain (damping 100 fs, length 3)`."""
    spec = part.spec.cases[case]
    thermostat = (spec.thermostat or part.spec.md.thermostat).model_dump()
    settings = ", ".join(phrases({name: value for name, value in thermostat.items() if name != "kind"}))
    return f"{spec.committee or spec.potential}, {spec.engine}, {thermostat['kind']} ({settings})"


def sentence(part: Part, every: list[Kinetic]) -> str:
    """Which species are off their temperature, and which fluctuate otherwise than NVT."""
    runs = [item for case in part.spec.cases for item in part.results.of("md", md=run_name(part.name, case))]
    failed = [word for item in runs if (word := failure(part.results, item))]
    outcome = " or ".join(dict.fromkeys(failed)).capitalize()
    left_out = f" {outcome}, left out: {len(failed)} of {count(len(runs), 'run')}." * bool(failed)
    if not every:
        return f"Study {part.name} (thermostats): no run is analysed.{left_out}"
    off = [f"{own.temperature.words()} in {own.case}" for own in every if own.temperature.off]
    beyond = [own for own in every if own.fluctuation and _resolved(own.fluctuation)]
    words = [
        f"{own.temperature.whose} in {own.case} {plus_minus(own.fluctuation.ratio, own.fluctuation.error)}"
        for own in beyond
        if own.fluctuation
    ]
    temperatures = f"off their target: {listed(off)}" if off else "no species is off its target"
    variances = (
        f"variance over the canonical one beyond three standard errors from 1: {listed(words)}"
        if words
        else "no variance is resolved from the canonical one (three standard errors)"
    )
    return f"Study {part.name} (thermostats): {temperatures}; {variances}.{left_out}"


def _resolved(own: Fluctuation) -> bool:
    return bool(np.isfinite(own.error) and 0 < 3 * own.error < abs(own.ratio - 1))
