"""Kinetic temperatures of the species of one study of thermostats, and how they fluctuate."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.canonical import FEWEST_INDEPENDENT, Fluctuation, fluctuation, together
from mlipbench_hpc.analysis.inference import LEVEL, holm_of_table
from mlipbench_hpc.report.collect import analyses
from mlipbench_hpc.report.correlation_times import known_ps
from mlipbench_hpc.report.driving import driving_potential
from mlipbench_hpc.report.exclusion import excluded, failure
from mlipbench_hpc.report.groups import Line, Run, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.sections.asked import phrases
from mlipbench_hpc.report.stationary import not_stationary
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.temperatures import TOTAL, WHOLE, Temperature, over_replicas
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus, with_error
from mlipbench_hpc.studies.thermostats import run_name

THERMO, TIME = "thermo.csv", "time_ps"


@dataclass(frozen=True)
class Kinetic:
    """One species (or all atoms) in one case: mean temperature over replicas, fluctuation, mobile atoms.

    withheld: why nothing is concluded, in words; p: of χ² that the variance is the canonical one,
    Holm-corrected over the study, NaN where it is not tested.
    """

    case: str
    temperature: Temperature
    atoms: int
    fluctuation: Fluctuation | None
    withheld: str = ""
    p: float = np.nan

    @property
    def short(self) -> str:
        """`12 independent frames, at least 30 are needed`, where there are too few; empty where not."""
        own = self.fluctuation
        if own is None or own.enough:
            return ""
        return f"{number(own.independent, 2)} independent frames, at least {FEWEST_INDEPENDENT:g} are needed"

    @property
    def verdict(self) -> str:
        """What is concluded of mean and variance, in words."""
        if self.withheld:
            return f"withheld: {self.withheld}"
        mean = "mean off its target" if self.temperature.off else "mean at its target"
        if np.isnan(self.p):
            return f"{mean}; variance cannot be tested{f', {self.short}' if self.short else ''}"
        return f"{mean}; variance {'differs' if self.p <= LEVEL else 'not resolved from 1'}"

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
            "independent_frames": variance.independent if variance else None,
            "p_holm": None if np.isnan(self.p) else self.p,
            "off": own.off,
            "verdict": self.verdict,
        }


def kinetics(part: Part) -> list[Kinetic]:
    """Every species of every case, in the order of the study; p of variances corrected over all of them."""
    every = [own for case in part.spec.cases for own in _of_case(part, case)]
    p = [own.fluctuation.p if own.fluctuation and not own.withheld else np.nan for own in every]
    return [replace(own, p=float(one)) for own, one in zip(every, holm_of_table(np.array(p)), strict=True)]


def _of_case(part: Part, case: str) -> Iterator[Kinetic]:
    line = line_of(part, case)
    every = [run.analysis for run in line.runs]
    for temperature in over_replicas(every, line.temperature) if every else ():
        column = column_of(temperature.whose)
        atoms = max(int(item.statistics(column).get("atoms") or 0) for item in every)
        known = [_fluctuation(line, run, column, atoms) for run in line.runs] if atoms else []
        replicas = [own for own in known if own]
        reason = not_stationary(line, column)
        yield Kinetic(case, temperature, atoms, together(replicas), reason.words if reason else "")


def line_of(part: Part, case: str) -> Line:
    """The runs of a case that count, among all runs of the campaign with the same atoms and cell."""
    name, results = run_name(part.name, case), part.with_runs(part.results.document["campaign"]["md"])
    every = (line for group in groups(results) for line in group.drawn)
    if known := next((line for line in every if line.name == name), None):
        return known
    runs = [
        Run(item, analyses(results, item)[0], None)
        for item in results.of("md", md=name)
        if not excluded(results, item)
    ]
    target = float(part.spec.md.temperature)
    return Line(name, driving_potential(results, name), "", target, runs=runs)


def _fluctuation(line: Line, run: Run, column: str, atoms: int) -> Fluctuation | None:
    """Of one run after equilibration, with the autocorrelation time of the longest runs where it is longer.

    None without that column.
    """
    rows = run.md.table(THERMO)
    if column not in rows:
        return None
    later = rows[TIME] > float(run.analysis.values.get("equilibration_ps") or 0.0)
    times, series = rows[TIME][later], rows[column][later]
    if len(times) < 2:
        return None
    inefficiency = known_ps(line, column) / float(times[1] - times[0])
    return fluctuation(series, atoms, line.temperature, max(1.0, inefficiency))


def column_of(whose: str) -> str:
    """Column of thermo.csv, and name of the observable."""
    return TOTAL if whose == WHOLE else f"temperature_{whose}_K"


def table(part: Part, every: list[Kinetic]) -> Table:
    """One row for each case and species."""
    rows = [_row(part, own) for own in every]
    header = ["case", "driven by, engine, thermostat", "species", "mobile atoms", "mean temperature, K",
              "target, K", "variance, K²", "canonical, K²", "variance / canonical", "verdict"]  # fmt: skip
    caption = (
        f"{part.name}: kinetic temperatures after equilibration, {count(part.spec.replicas, 'replica')} of "
        f"{number(part.spec.md.length)} ps each. Mean ± standard error; canonical: variance 2 T²/(3 N) of "
        "3 N degrees of freedom at the target T. Variance: corrected for the run's length, its error from "
        "the independent frames. A thermostat that samples NVT gives a ratio of 1 for every species, tested "
        f"by χ² at p ≤ {LEVEL:g}, Holm-corrected over this table, from {FEWEST_INDEPENDENT:g} independent "
        "frames on; withheld where runs are not equilibrated or too short to tell. Runs that are unstable or "
        "decomposed are left out."
    )
    return Table(caption, header, rows, words=3, open=True)


def _row(part: Part, own: Kinetic) -> list[str]:
    variance, canonical = own.fluctuation, own.canonical_variance
    words = plus_minus(variance.ratio, variance.error) if variance else NOTHING
    value = number(variance.ratio * canonical) if variance else NOTHING
    error = own.temperature.error.error
    return [own.case, about(part, own.case), own.temperature.whose, number(own.atoms),
            with_error(own.temperature.mean, error), number(own.temperature.target), value,
            number(canonical), words, own.verdict]  # fmt: skip


def about(part: Part, case: str) -> str:
    """`mace, ase, nose-hoover-chain (damping 100 fs, length 3)`."""
    spec = part.spec.cases[case]
    thermostat = (spec.thermostat or part.spec.md.thermostat).model_dump()
    settings = ", ".join(phrases({name: value for name, value in thermostat.items() if name != "kind"}))
    return f"{spec.committee or spec.potential}, {spec.engine}, {thermostat['kind']} ({settings})"


def sentence(part: Part, every: list[Kinetic]) -> str:
    """Which species are off their temperature, which fluctuate otherwise than NVT, and what is withheld."""
    runs = [item for case in part.spec.cases for item in part.results.of("md", md=run_name(part.name, case))]
    failed = [word for item in runs if (word := failure(part.results, item))]
    outcome = " or ".join(dict.fromkeys(failed)).capitalize()
    left_out = f" {outcome}, left out: {len(failed)} of {count(len(runs), 'run')}." * bool(failed)
    state = f"Study {part.name} (thermostats):"
    if not every:
        return f"{state} no run is analysed.{left_out}"
    return f"{state} {_temperatures(every)} {_variances(every)}{_withheld(every)}{left_out}"


def _temperatures(every: list[Kinetic]) -> str:
    judged = [own for own in every if not own.withheld]
    off = [f"{own.temperature.words()} in {own.case}" for own in judged if own.temperature.off]
    if not judged:
        return "no mean temperature can be tested."
    among = f"of {len(judged)} of {count(len(every), 'mean temperature')} that can be tested, "
    return among * (len(judged) < len(every)) + (
        f"off their target: {listed(off)}." if off else "none is off its target."
    )


def _variances(every: list[Kinetic]) -> str:
    tested = sum(np.isfinite(own.p) for own in every)
    if not tested:
        return "No variance can be tested."
    words = [
        f"{own.temperature.whose} in {own.case} {plus_minus(own.fluctuation.ratio, own.fluctuation.error)}"
        for own in every
        if own.fluctuation and own.p <= LEVEL
    ]
    resolved = listed(words) if words else "none"
    return f"Variance over the canonical one, resolved from 1 ({tested} of {len(every)} tested): {resolved}."


def _withheld(every: list[Kinetic]) -> str:
    """Sentences on cases whose runs are not equilibrated, and on variances of too few frames."""
    reasons = {own.case: own.withheld for own in every if own.withheld}
    cases = "; ".join(f"{case} is {words}" for case, words in reasons.items())
    short = {own.case: own.short for own in every if own.short and not own.withheld}
    frames = "; ".join(f"in {case} {words}" for case, words in short.items())
    return (
        f" Withheld, because runs are not equilibrated or too short to tell: {cases}: use longer runs and a "
        "longer equilibration."
    ) * bool(cases) + f" Variances that cannot be tested: {frames}: use longer runs." * bool(frames)
