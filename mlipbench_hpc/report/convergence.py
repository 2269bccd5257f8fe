"""Criteria of convergence of a group's averages, and for each line which of them fail."""

from dataclasses import fields
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.layer import COSINE, PEAK_DENSITY, PEAK_Z
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.analysis.reweighting import ENOUGH_FRAMES, FEWEST_FRAMES, TOLERATED_STD
from mlipbench_hpc.analysis.stationarity import Stationarity, changing, nonstationary
from mlipbench_hpc.data.observable import STATIONARITY, WATERS
from mlipbench_hpc.report.combine import numbered, reached, reweighted_runs, scalar, spread_of
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.layers import ENOUGH_TRANSITIONS, conditional, ions_of
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.text import number, plus_minus

LONG_ENOUGH_PS = 100.0
COSINE_TWO_SE = 0.05
DISAGREEMENT = 3.0
COMPARED = (COSINE, TOTAL_ORIENTATION)
SERIES_WORDS = {COSINE: "⟨cos θ⟩ of the first layer", WATERS: "the first layer's population"}
# Series that also have to be stationary: of the whole run, and in place of numbers without a series.
OF_THE_RUN = ("potential_eV_per_atom", "temperature_")
IN_PLACE = {PEAK_Z: WATERS, PEAK_DENSITY: WATERS}
CRITERIA = (
    f"Convergence criteria: the longest run has at least {LONG_ENOUGH_PS:.0f} ps after equilibration, runs "
    "are stationary, the autocorrelation times (statistical inefficiency times the interval between frames) "
    "of P_z, of the first layer and of the ions' heights are at most the block length, ions began in both "
    "layers, runs of both kinds of start agree, ions changed between the layers at least "
    f"{ENOUGH_TRANSITIONS} times, replicas agree within {DISAGREEMENT:.0f} standard errors, 2 SE of ⟨cos θ⟩ "
    f"of the first layer is at most {COSINE_TWO_SE}, std(h) is at most 2 kT, and the training band is based "
    f"on at least {ENOUGH_FRAMES:.0f} independent effective frames."
)


def verdict(group: Group) -> list[str]:
    """Sentences on the convergence of a group, the failed criteria of each line, and the excluded runs."""
    if not group.drawn:
        return [f"{group.title}: no run can be averaged.", *group.left_out]
    failed = {line.name: reasons(line, group.interface) for line in group.drawn}
    judged = "is not converged" if any(failed.values()) else "meets all convergence criteria"
    sentences = [
        f"{line.title(group.drawn)} ({line.about()}): {'; '.join(failed[line.name]) or 'all criteria met'}."
        for line in group.drawn
    ]
    return [f"{group.title} {judged}.", *sentences, *group.unlike, *group.left_out]


def converged(group: Group) -> bool:
    """True where there are averages and every line meets all criteria."""
    return bool(group.drawn) and not any(reasons(line, group.interface) for line in group.drawn)


@remembered
def reasons(line: Line, interface: bool) -> list[str]:
    """Criteria that a line fails, each with quantity, limit and next step; [] where it meets all."""
    failed = [_too_short(line), _few_frames(line)]
    if interface:
        failed[1:1] = [
            not_stationary(line),
            _blocks(line),
            conditional(line),
            _replicas(line),
            _orientation(line),
        ]
    return [reason for reason in failed if reason]


def _too_short(line: Line) -> str:
    longest = max(run.analysed_ps for run in line.runs)
    if longest >= LONG_ENOUGH_PS:
        return ""
    return (
        f"longest run {number(longest)} ps after equilibration, below the required "
        f"{number(LONG_ENOUGH_PS)} ps: extend the runs"
    )


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
def withheld(line: Line, name: str) -> str:
    """Reason for withholding conclusions from a number of a line, in words; empty where there is none.

    The number, the potential energy or a temperature is not stationary, or an ion's height drifts.
    """
    for run in line.runs:
        if reason := run.analysis.values.get(STATIONARITY, {}).get("skipped"):
            return f"{line.name} is not tested for stationarity: {reason}"
    tested, ions = [series(run) for run in line.runs], ions_of(line)
    for series_name in dict.fromkeys(series_name for own in tested for series_name in own):
        runs = [own[series_name] for own in tested if series_name in own]
        if series_name.partition(" ")[0] in ions:
            reason = changing(runs)
        elif series_name == IN_PLACE.get(name, name) or series_name.startswith(OF_THE_RUN):
            reason = nonstationary(runs)
        else:
            continue
        if reason:
            return f"{line.name} is not stationary in {_phrase(line, series_name)}: {reason}"
    return ""


def not_stationary(line: Line) -> str:
    """Reason and next step for the first compared number that is not stationary, in words."""
    reasons = [withheld(line, name) for name in COMPARED]
    return next((f"{reason}: use longer runs or a longer equilibration" for reason in reasons if reason), "")


def correlation_ps(run: Run) -> tuple[float, float]:
    """Autocorrelation time of P_z and block length, both ps; NaN where not known.

    The time is the statistical inefficiency g times the frame interval; g follows from
    SE(autocorrelation) = width·√(g/T), both in the values of `analyse`.
    """
    values, dipole = run.analysis.values, run.analysis.statistics(TOTAL_ORIENTATION)
    frames, width = values.get("frames_analysed"), dipole.get("width")
    error = dipole.get("se_autocorrelation")
    if not frames or frames < 2 or not width or error is None:
        return float("nan"), float("nan")
    step = run.analysed_ps / (frames - 1)
    return frames * (error / width) ** 2 * step, run.profiles.get("block_frames", 0) * step


def _slowest(run: Run) -> tuple[float, float, str]:
    """Longest autocorrelation time of a run and block length, ps; and which series it belongs to."""
    times = {"P_z": correlation_ps(run)[0]}
    step = run.analysis.values.get(STATIONARITY, {}).get("frame_ps", np.nan)
    ions = run.analysis.values.get(STATIONARITY, {}).get("ions", {})
    for name, own in series(run).items():
        if name in (COSINE, WATERS) or name.partition(" ")[0] in ions:
            times[SERIES_WORDS.get(name, f"the height of {name}")] = own.inefficiency * step
    slowest = max(times, key=lambda name: np.nan_to_num(times[name]))
    return times[slowest], correlation_ps(run)[1], slowest


def _blocks(line: Line) -> str:
    slowest = [_slowest(run) for run in line.runs]
    worst = max(slowest, key=lambda one: np.nan_to_num(one[0] - one[1]))
    if not worst[0] > worst[1]:
        return ""
    return (
        f"autocorrelation time of {worst[2]} {number(worst[0])} ps exceeds the block length "
        f"{number(worst[1])} ps: use longer runs or fewer blocks"
    )


def _replicas(line: Line) -> str:
    """Pair of replicas that differ most in a compared number, if by more than the limit."""
    worst, reason = DISAGREEMENT, ""
    for name in COMPARED:
        values = [scalar(run, name) for run in line.runs]
        first, second, apart = farthest(values)
        if apart > worst:
            pair = f"{plus_minus(*values[first])} and {plus_minus(*values[second])}"
            worst = apart
            reason = (
                f"replicas differ in {_phrase(line, name)} by {number(apart, 2)} standard errors ({pair}), "
                f"limit {DISAGREEMENT:.0f}: use longer runs or more replicas"
            )
    return reason


def farthest(values: list[tuple[float, float]]) -> tuple[int, int, float]:
    """Pair of (mean, standard error) that is farthest apart, and its distance in standard errors of it.

    Pairs without a standard error above zero do not count; (0, 0, 0.0) where none counts.
    """
    means, errors = np.array(values).T
    pair = (0, 0, 0.0)
    for first in range(len(values) - 1):
        error = np.hypot(errors[first], errors[first + 1 :])
        difference = np.abs(means[first] - means[first + 1 :])
        apart = np.nan_to_num(np.divide(difference, error, out=np.zeros_like(error), where=error > 0))
        place = int(apart.argmax())
        if apart[place] > pair[2]:
            pair = (first, first + 1 + place, float(apart[place]))
    return pair


def _orientation(line: Line) -> str:
    own = numbered(line, COSINE)
    if not own.known:
        return "no water in the first layer: check the surface and the film"
    error, phrase = own.se, _phrase(line, COSINE)
    if 2 * error <= COSINE_TWO_SE:
        return ""
    if not np.isfinite(error):
        return f"{phrase} has no standard error: use longer runs"
    return (
        f"2 SE of {phrase} is {number(2 * error, 2)}, above {COSINE_TWO_SE}: use longer runs or more replicas"
    )


def _phrase(line: Line, name: str) -> str:
    """Words for an observable or a series of a line's runs."""
    symbol, _, place = name.partition(" ")
    words = line.phrase(name)
    other = SERIES_WORDS.get(name, f"the height of {symbol} {place}" if place else name)
    return other if words == name else words


def _few_frames(line: Line) -> str:
    members = [quality for run in reweighted_runs(line) for quality in spread_of(run)["members"].values()]
    if not members:
        return ""
    std = max(quality["std_h"] for quality in members)
    frames = min(quality["independent_frames"] for quality in members)
    if not reached(line) and std <= TOLERATED_STD:
        return (
            f"training band unusable: {number(frames)} independent effective frames, at least "
            f"{FEWEST_FRAMES:g} are needed: use longer runs"
        )
    if not reached(line):
        return (
            f"training band unusable: standard deviation of the reduced energy difference, std(h), up to "
            f"{number(std)} kT exceeds 2 kT; run further members directly"
        )
    if frames < ENOUGH_FRAMES:
        return (
            f"training band is based on {number(frames)} independent effective frames, fewer than "
            f"{ENOUGH_FRAMES:.0f}: use longer runs"
        )
    return ""
