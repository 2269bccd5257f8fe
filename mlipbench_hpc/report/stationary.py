"""Stationarity of the series of runs: which conclusions are withheld, and how many tests that takes."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import Comparison
from mlipbench_hpc.analysis.layer import COSINE, PEAK_DENSITY, PEAK_Z
from mlipbench_hpc.analysis.profiles import ORIENTATION_WIDTH, TOTAL_ORIENTATION
from mlipbench_hpc.analysis.stationarity import (
    FEWEST_INDEPENDENT,
    LEAST_P,
    STATIONARY_LEVEL,
    Judgement,
    Stationarity,
    judgement,
    together,
)
from mlipbench_hpc.data.observable import HEIGHT_OF, STATIONARITY, WATERS
from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.correlation_times import frame_ps, known_ps, series
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.layers import ions_of
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.temperatures import SHARE, p_words, relaxing
from mlipbench_hpc.report.text import count, number, plus_minus

DIPOLE, SURVIVAL = "dipole_correlation", "survival"
SERIES_WORDS = {COSINE: "⟨cos θ⟩ of the first layer", WATERS: "the first layer's population"}
# Series that also have to be stationary: of the whole run, those that a number is an average over, and in
# place of numbers without a series.
TEMPERATURE = "temperature_"
OF_THE_RUN = ("potential_eV_per_atom", TEMPERATURE)
AVERAGED_OVER = {COSINE: WATERS, DIPOLE: WATERS}
IN_PLACE = {PEAK_Z: WATERS, PEAK_DENSITY: WATERS, ORIENTATION_WIDTH: TOTAL_ORIENTATION,
            SURVIVAL: WATERS, DIPOLE: COSINE}  # fmt: skip


class Cause(StrEnum):
    """Cause of withholding conclusions, as the page words it."""

    NOT_STATIONARY = "a run is not stationary"
    NOT_TESTED = "a run is too short for a test of stationarity"
    TEMPERATURE = "a run is off its temperature"
    ONE_RUN = "one run alone says nothing of what starts differ by"


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


def _by_observable(run: Run, ions: list[str]) -> dict[str, list[Stationarity]]:
    """Series of a run, those of the ions of an element together under its symbol."""
    every: dict[str, list[Stationarity]] = {}
    for name, own in series(run).items():
        symbol = name.partition(" ")[0]
        every.setdefault(symbol if symbol in ions else name, []).append(own)
    return every


@remembered
def _in_runs(line: Line) -> list[tuple[float, dict[str, Stationarity]]]:
    """Interval of frames, ps, and stationarity of each series, of each run.

    With the autocorrelation times of the longest runs where they are longer. Ions of an element cannot be
    told apart, so that the mean of their heights is tested.
    """
    ions = ions_of(line)
    return [
        (
            step,
            {
                name: together([own.judged_with(_known_ps(line, name, len(parts)) / step) for own in parts])
                for name, parts in _by_observable(run, ions).items()
            },
        )
        for run in line.runs
        for step in [frame_ps(run)]
    ]


def _known_ps(line: Line, name: str, ions: int) -> float:
    """Autocorrelation time of a series, or the longest of those of the ions of an element."""
    return max(known_ps(line, own) for own in (name, *(f"{name} {place}" for place in range(ions))))


@remembered
def judgements(line: Line) -> dict[str, Judgement]:
    """Stationarity of each series over all runs of a line that have it."""
    every = [own for _, own in _in_runs(line)]
    names = dict.fromkeys(name for own in every for name in own)
    return {name: judgement([own[name] for own in every if name in own]) for name in names}


def correlated_ps(line: Line, name: str) -> float:
    """Longest autocorrelation time, ps, with which a series of a line is judged."""
    return max(step * own[name].inefficiency for step, own in _in_runs(line) if name in own)


@remembered
def withheld(line: Line, name: str) -> Withholding | None:
    """Withholding of conclusions from a number of a line; None where there is no cause.

    It is not stationary, its runs are too short to tell, there is one run alone, or the temperature over all
    runs is off its target.
    """
    if moving := not_stationary(line, name):
        return moving
    if len(line.runs) < 2:
        words = "one run alone, whose error does not hold what starts differ by: use `replicas`"
        return Withholding(Cause.ONE_RUN, line.name, words)
    if reason := relaxing(line):
        return Withholding(Cause.TEMPERATURE, line.name, f"not at its temperature: {reason}")
    return None


def not_stationary(line: Line, name: str) -> Withholding | None:
    """Withholding of a number because it, the potential energy, a temperature or an ion's height changes.

    Or because the runs are too short to tell; of ions' heights a change alone counts, because layers are
    judged by their transitions, unless the number has no series of its own.
    """
    for run in line.runs:
        if reason := run.analysis.values.get(STATIONARITY, {}).get("skipped"):
            return Withholding(Cause.NOT_TESTED, line.name, f"not tested for stationarity: {reason}")
    moving = [own for own in _relevant(line, name, lambda own: own.changing) if _matters(line, own)]
    if changing := next(iter(moving), None):
        words = f"not stationary in {phrase(line, changing)}: {change_words(line, changing)}"
        return Withholding(Cause.NOT_STATIONARY, line.name, words)
    tested = _tested(name)
    others = set(ions_of(line)) - {tested} if tested in judgements(line) else set()
    short = [own for own in _relevant(line, name, lambda own: own.too_short) if own not in others]
    if short:
        words = f"too short for a test of {phrase(line, short[0])}: {length_words(line, short[0])}"
        return Withholding(Cause.NOT_TESTED, line.name, words)
    return None


def _series(name: str) -> str:
    """Name of the series of a number; of a mean height the element, under which its ions are tested."""
    return name.removeprefix(HEIGHT_OF)


def _tested(name: str) -> str:
    """Name of the series whose stationarity counts for a number."""
    return IN_PLACE.get(name, _series(name))


def _relevant(line: Line, name: str, chosen: Callable[[Judgement], bool]) -> list[str]:
    """Chosen series on which a number depends, its own first."""
    own, ions = _tested(name), ions_of(line)
    counted = {own, AVERAGED_OVER.get(name), *ions}
    names = [
        other
        for other, judged in judgements(line).items()
        if chosen(judged) and (other in counted or other.startswith(OF_THE_RUN))
    ]
    return sorted(names, key=lambda other: other != own)


def _matters(line: Line, name: str) -> bool:
    """False for a temperature whose mean changes by less than it may be off at all: see `temperatures`.

    Long runs resolve any change, as of the heat that a metal and its water slowly exchange.
    """
    change = abs(judgements(line)[name].change.difference)
    return not name.startswith(TEMPERATURE) or change > SHARE * line.temperature


def change_words(line: Line, name: str) -> str:
    """`its mean changes by +3.0 ± 0.6 between halves of the runs (p = 0.002)`."""
    own = judgements(line)[name].change
    return f"its mean changes by {_change(own)} between halves of the runs (p {p_words(own.p)})"


def length_words(line: Line, name: str) -> str:
    """`5.5 independent frames, at least 10 are needed (autocorrelation time 0.22 ps)`."""
    return (
        f"{judgements(line)[name].independent:.2g} independent frames, at least {FEWEST_INDEPENDENT:g} are "
        f"needed (autocorrelation time {number(correlated_ps(line, name), 2)} ps)"
    )


def _change(own: Comparison) -> str:
    """`+3.0 ± 0.6`."""
    return "+" * (own.difference > 0) + plus_minus(own.difference, own.error)


def changes(line: Line) -> list[str]:
    """Every series of a line whose mean changes so far that it matters, with the change, in words."""
    own = {
        name: judged.change
        for name, judged in judgements(line).items()
        if judged.changing and _matters(line, name)
    }
    return [f"{phrase(line, name)} ({_change(whole)}, p {p_words(whole.p)})" for name, whole in own.items()]


def too_short(line: Line) -> list[str]:
    """Every series of a line that its runs are too short to test, with its independent frames, in words."""
    every = {name: judged.independent for name, judged in judgements(line).items() if judged.too_short}
    return [f"{phrase(line, name)} ({independent:.2g})" for name, independent in every.items()]


def state(line: Line, name: str) -> str:
    """`not stationary`, `too short to test`, or nothing, of a number's own series."""
    names = (_tested(name), AVERAGED_OVER.get(name, ""))
    own = [judged for other in names if (judged := judgements(line).get(other))]
    changing, short = any(one.changing for one in own), any(one.too_short for one in own)
    return "not stationary" if changing else "too short to test" * short


def change_of(line: Line, name: str) -> Comparison | None:
    """Change of a number's series between halves of the runs; None where it has no series of its own."""
    own = judgements(line).get(_series(name))
    return own.change if own else None


def drift(line: Line, name: str) -> Comparison | None:
    """Change of a number between halves of the runs; None where it is small beside either error.

    That is at most the number's standard error, or twice its own: without any drift it is twice the standard
    error on average.
    """
    own = change_of(line, name)
    if own is None or not np.isfinite(own.error):
        return None
    return own if abs(own.difference) > max(numbered(line, name).se, 2 * own.error) else None


def drift_words(line: Line, name: str) -> str:
    """`drift +0.74 ± 0.16` where it exceeds both errors, else nothing."""
    own = drift(line, name)
    return f"drift {_change(own)}" if own else ""


def phrase(line: Line, name: str) -> str:
    """Words for an observable or a series of a line's runs."""
    words = line.phrase(name)
    if words != name:
        return words[0].lower() + words[1:] if name.startswith(OF_THE_RUN) else words
    return f"the height of {name}" if name in ions_of(line) else SERIES_WORDS.get(name, name)


def account(compared: list[Group]) -> str:
    """Level and number of the tests of stationarity, and the rejections expected by chance, in words."""
    own = numbers(compared)
    if not own["series"]:
        return ""
    rejected, short = own["rejected"], own["too_short"]
    return (
        f"Stationarity: {own['series']} series of {count(own['runs'], 'run')}, those of equal potential and "
        f"system together ({own['lines']} such sets): temperatures, potential energy, P_z, the first layer, "
        "and the mean height of the ions of each element. "
        f"{count(own['tests'], 'test').capitalize()} at p ≤ {STATIONARY_LEVEL:g} of the change between first "
        f"and second halves; {number(own['expected_by_chance'], 2)} would be rejected by chance on average, "
        f"and {rejected} {'is' if rejected == 1 else 'are'}. Not corrected over series, because a "
        "drift that is missed does more harm than a conclusion withheld. The error of the change is that of "
        "correlated frames or, of three runs or more, the scatter from run to run, the larger; p is not "
        f"stated below {LEAST_P:.4f}. Of {short} series that are not rejected the runs hold fewer than "
        f"{FEWEST_INDEPENDENT:g} independent frames, by their own autocorrelation or, where it is longer, "
        "that in the longest runs of the same atoms, cell and temperature or in the sampling run: too short "
        "to tell, and conclusions from them are withheld (from heights of ions conditional). A temperature "
        f"that changes by less than {100 * SHARE:.0f} % of its target withholds nothing. Drift: that "
        "change, where it exceeds the standard error of the number beside it and twice its own."
    )


def numbers(compared: list[Group]) -> dict[str, Any]:
    """Level, number and results of the tests of stationarity of all lines, for results.json."""
    lines = {line.name: line for group in compared for line in group.drawn if judgements(line)}
    every = [own for line in lines.values() for own in judgements(line).values()]
    tests = sum(own.tested for own in every)
    return {
        "level": STATIONARY_LEVEL,
        "least_p": LEAST_P,
        "correction": "none over series",
        "lines": len(lines),
        "runs": sum(len(line.runs) for line in lines.values()),
        "series": len(every),
        "tests": tests,
        "expected_by_chance": STATIONARY_LEVEL * tests,
        "rejected": sum(own.changing for own in every),
        "too_short": sum(own.too_short for own in every),
        "results": {name: _results(line) for name, line in lines.items()},
    }


def _results(line: Line) -> dict[str, dict[str, Any]]:
    """Independent frames, change between halves, and p of each series of a line."""
    return {
        name: {
            "independent": own.independent,
            "autocorrelation_ps": correlated_ps(line, name),
            "change": own.change.difference,
            "change_error": own.change.error if np.isfinite(own.change.error) else None,
            "p": own.change.p if own.tested else None,
            "state": "changing" if own.changing else "too short" if own.too_short else "stationary",
        }
        for name, own in judgements(line).items()
    }
