"""Stationarity of the series of runs: which conclusions are withheld, and how many tests that takes."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.layer import COSINE, PEAK_DENSITY, PEAK_Z
from mlipbench_hpc.analysis.stationarity import (
    FEWEST_INDEPENDENT,
    STATIONARY_LEVEL,
    Stationarity,
    change,
    changing,
    nonstationary,
)
from mlipbench_hpc.data.observable import STATIONARITY, WATERS
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.layers import ions_of
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.temperatures import relaxing
from mlipbench_hpc.report.text import count, number

SERIES_WORDS = {COSINE: "⟨cos θ⟩ of the first layer", WATERS: "the first layer's population"}
# Series that also have to be stationary: of the whole run, and in place of numbers without a series.
OF_THE_RUN = ("potential_eV_per_atom", "temperature_")
IN_PLACE = {PEAK_Z: WATERS, PEAK_DENSITY: WATERS}


class Cause(StrEnum):
    """Cause of withholding conclusions, as the page words it."""

    NOT_STATIONARY = "a run is not stationary"
    NOT_TESTED = "a run is too short for a test of stationarity"
    TEMPERATURE = "a run is off its temperature"


@dataclass(frozen=True)
class Withholding:
    """Withholding of conclusions from a line: its cause, and what the line is, in words."""

    cause: Cause
    line: str
    words: str

    @property
    def sentence(self) -> str:
        """`mace is not stationary in …`."""
        return f"{self.line} is {self.words}"


def series(run: Run) -> dict[str, Stationarity]:
    """Stationarity of each series of a run, by name; {} where nothing was tested."""
    values = run.analysis.values.get(STATIONARITY, {}).get("series", {})
    return {name: _stationarity(own) for name, own in values.items()}


def _stationarity(own: dict[str, Any]) -> Stationarity:
    """Stationarity from result.json, in which null stands for NaN."""
    names = [field.name for field in fields(Stationarity)]
    values: dict[str, Any] = {name: np.nan if own[name] is None else own[name] for name in names}
    return Stationarity(**values)


@remembered
def by_series(line: Line) -> dict[str, list[Stationarity]]:
    """Stationarity of each series in all runs of a line that have it."""
    every = [series(run) for run in line.runs]
    names = dict.fromkeys(name for own in every for name in own)
    return {name: [own[name] for own in every if name in own] for name in names}


@remembered
def reasons(line: Line) -> dict[str, str]:
    """Reason why a series of a line is not stationary, in words, by name of the series; empty where it is.

    Of ions' heights a change of the mean alone counts, because layers are judged by their transitions.
    """
    ions = ions_of(line)
    return {
        name: changing(runs) if name.partition(" ")[0] in ions else nonstationary(runs)
        for name, runs in by_series(line).items()
    }


@remembered
def withheld(line: Line, name: str) -> Withholding | None:
    """Withholding of conclusions from a number of a line; None where there is no cause.

    It is not stationary, or the temperature over all runs is off its target.
    """
    if moving := not_stationary(line, name):
        return moving
    if reason := relaxing(line):
        return Withholding(Cause.TEMPERATURE, line.name, f"not at its temperature: {reason}")
    return None


def not_stationary(line: Line, name: str) -> Withholding | None:
    """Withholding of a number because it, the potential energy, a temperature or an ion's height changes."""
    for run in line.runs:
        if reason := run.analysis.values.get(STATIONARITY, {}).get("skipped"):
            return Withholding(Cause.NOT_TESTED, line.name, f"not tested for stationarity: {reason}")
    ions = ions_of(line)
    for series_name, reason in reasons(line).items():
        own = series_name == IN_PLACE.get(name, name) or series_name.startswith(OF_THE_RUN)
        if reason and (own or series_name.partition(" ")[0] in ions):
            words = f"not stationary in {phrase(line, series_name)}: {reason}"
            return Withholding(Cause.NOT_STATIONARY, line.name, words)
    return None


def phrase(line: Line, name: str) -> str:
    """Words for an observable or a series of a line's runs."""
    symbol, _, place = name.partition(" ")
    words = line.phrase(name)
    other = SERIES_WORDS.get(name, f"the height of {symbol} {place}" if place else name)
    return other if words == name else words


def _changing(line: Line) -> list[str]:
    """Series of a line whose mean changes at the level of the test."""
    return [name for name, runs in by_series(line).items() if changing(runs)]


def account(compared: list[Group]) -> str:
    """Level and number of the tests of stationarity, and the rejections expected by chance, in words."""
    own = numbers(compared)
    if not own["tests"]:
        return ""
    rejected = own["rejected"]
    return (
        f"Stationarity: {count(own['tests'], 'test')} at p ≤ {STATIONARY_LEVEL:g}, one for each series of "
        f"each line over all its runs ({count(own['runs'], 'run')} of {count(own['lines'], 'line')}; series "
        "of temperatures, potential energy, P_z, the first layer and the height of each ion). Of three runs "
        "or more, p is that of halves paired from run to run; of fewer it is corrected for the number of "
        "runs and for two comparisons in each (Bonferroni). Over the series it is not corrected, because a "
        "drift that is missed does more harm than a conclusion withheld: at most "
        f"{number(own['expected_by_chance'], 2)} rejections are expected by chance, {rejected} "
        f"{'is' if rejected == 1 else 'are'} observed. Of {own['too_short']} more series the runs have fewer "
        f"than {FEWEST_INDEPENDENT:g} independent frames, too few to tell."
    )


def numbers(compared: list[Group]) -> dict[str, Any]:
    """Level, number and results of the tests of stationarity of all lines, for results.json."""
    lines = {line.name: line for group in compared for line in group.drawn if by_series(line)}
    tests = {name: _tested(line) for name, line in lines.items()}
    changes = {name: _changing(line) for name, line in lines.items()}
    total, rejected = (sum(map(len, own.values())) for own in (tests, changes))
    doubted = sum(sum(map(bool, reasons(line).values())) for line in lines.values())
    return {
        "level": STATIONARY_LEVEL,
        "correction": "Bonferroni over the runs of a line and the two comparisons in each; none over series",
        "lines": len(lines),
        "runs": sum(len(line.runs) for line in lines.values()),
        "tests": total,
        "expected_by_chance": STATIONARY_LEVEL * total,
        "rejected": rejected,
        "too_short": doubted - rejected,
        "p": tests,
        "changing": changes,
    }


def _tested(line: Line) -> dict[str, float]:
    """p of the change of the mean, by series, where it is known."""
    every = {name: change(runs) for name, runs in by_series(line).items()}
    return {name: p for name, p in every.items() if np.isfinite(p)}
