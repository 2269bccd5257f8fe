"""Criteria of convergence of a group's averages, and for each line which of them fail."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.layer import COSINE
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.analysis.reweighting import ENOUGH_FRAMES, FEWEST_FRAMES, TOLERATED_STD
from mlipbench_hpc.analysis.stationarity import FEWEST_INDEPENDENT
from mlipbench_hpc.data.observable import STATIONARITY, WATERS
from mlipbench_hpc.report import references
from mlipbench_hpc.report.combine import numbered, reached, reweighted_runs, scalar, spread_of
from mlipbench_hpc.report.correlation_times import series
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.layers import ENOUGH_TRANSITIONS, conditional, ions_of
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Consequence, Table
from mlipbench_hpc.report.stationary import SERIES_WORDS, changes, phrase, too_short
from mlipbench_hpc.report.temperatures import deviations, mean_in_words, unequal
from mlipbench_hpc.report.text import NOTHING, listed, number, plus_minus

LONG_ENOUGH_PS = 100.0
COSINE_TWO_SE = 0.05
DISAGREEMENT = 3.0
COMPARED = (COSINE, TOTAL_ORIENTATION)
MOVING = (
    "not stationary, the mean changes between halves of the runs",
    "use longer runs or a longer equilibration",
)
UNTESTED = (
    f"too short for a test of stationarity, fewer than {FEWEST_INDEPENDENT:g} independent frames",
    "use longer runs",
)
WITHOUT_SURFACE = ("temperature", "length", "training band")
SAMPLING = ("length", "blocks", "replicas", "⟨cos θ⟩", "training band")
NAMES = ("temperature", "stationary", "length", "blocks", "ions", "replicas", "⟨cos θ⟩", "training band")
INSUFFICIENT = "criteria of sampling that runs fail, so that errors may be too small; values: page's verdict."
CRITERIA = (
    f"Convergence criteria: the longest run has at least {LONG_ENOUGH_PS:.0f} ps after equilibration, runs "
    "are stationary and at their temperature, the autocorrelation times (statistical inefficiency times the "
    "interval between frames) of P_z, of the first layer and of the ions' heights are at most the block "
    "length, runs began with different numbers of ions in the inner layer and agree, ions changed between "
    f"the layers at least {ENOUGH_TRANSITIONS} times (where no layers are identified nothing shows that all "
    f"heights were visited), there are replicas, which agree within {DISAGREEMENT:.0f} standard errors, "
    f"2 SE of ⟨cos θ⟩ of the first layer is at most {COSINE_TWO_SE}, std(h) is at most 2 kT, "
    "and the training band is based "
    f"on at least {ENOUGH_FRAMES:.0f} independent effective frames."
)


@dataclass(frozen=True)
class Criterion:
    """Criterion that a line fails, with quantity, limit and next step, and what follows for its numbers.

    name: of the criterion; kind: what several lines have in common where their sentences differ; value: then
    this line's own.
    """

    name: str
    sentence: str
    consequence: Consequence
    kind: str = ""
    value: str = ""


def verdict(group: Group) -> list[str]:
    """Sentences on the convergence of a group, the failed criteria of each line, and the excluded runs."""
    if not group.drawn:
        return [f"{group.title}: no run can be averaged.", *group.left_out]
    failed = {line.name: reasons(line, group.interface) for line in group.drawn}
    judged = "is not converged" if any(failed.values()) else "meets all convergence criteria"
    sentences = [
        f"{line.title(group.drawn)} ({line.about()}): {_listed(failed[line.name])}." for line in group.drawn
    ]
    return [f"{group.title} {judged}.", *sentences, *group.unlike, *references.apart(group), *group.left_out]


def _listed(failed: list[Criterion]) -> str:
    return "; ".join(criterion.sentence for criterion in failed) or "all criteria met"


def converged(group: Group) -> bool:
    """True where there are averages and every line meets all criteria."""
    return bool(group.drawn) and not any(reasons(line, group.interface) for line in group.drawn)


def state(group: Group) -> str:
    """Word on a group's convergence for headings.

    The error of a run that is too short grows with the run until it has seen what moves slowly.
    """
    return "converged" if converged(group) else "not converged: errors are lower bounds"


@remembered
def reasons(line: Line, interface: bool) -> list[Criterion]:
    """Criteria that a line fails; [] where it meets all."""
    failed = {"length": _too_short(line)}
    if interface:
        failed |= {"blocks": _blocks(line), "ions": conditional(line), "replicas": _replicas(line)}
        failed |= {"⟨cos θ⟩": _orientation(line)}
    failed |= {"training band": _few_frames(line)}
    cold = _off_temperature(line)
    return [
        *(Criterion("temperature", reason, Consequence.WRONG) for reason in [cold] if reason),
        *(_moving(line) if interface else []),
        *(Criterion(name, words, Consequence.ERROR_UNKNOWN) for name, words in failed.items() if words),
    ]


def table(compared: list[Group]) -> Table | None:
    """One row for each line: the criteria that it fails; None without any line."""
    rows = [
        [f"{line.title(group.drawn)}, {group.title}: {line.about()}", *_states(line, group.interface)]
        for group in compared
        for line in group.drawn
    ]
    return Table(CRITERIA, ["potential, system, MD", *NAMES], rows) if rows else None


def _states(line: Line, interface: bool) -> list[str]:
    """`fails` or `met` for each criterion; a dash for those of what the line does not have."""
    failed = {own.name for own in reasons(line, interface)}
    without = {"ions"} if not ions_of(line) else set()
    without |= {"training band"} if not reweighted_runs(line) else set()
    without |= set() if interface else set(NAMES) - set(WITHOUT_SURFACE)
    return ["fails" if name in failed else NOTHING if name in without else "met" for name in NAMES]


def remaining(line: Line, interface: bool) -> list[Criterion]:
    """Criteria for warnings: those of sampling alone as one, because the table of criteria says them."""
    failed = reasons(line, interface)
    sampling = [own for own in failed if own.name in SAMPLING]
    if not sampling:
        return failed
    sentence, names = "; ".join(own.sentence for own in sampling), listed([own.name for own in sampling])
    together = Criterion("sampling", sentence, Consequence.ERROR_UNKNOWN, INSUFFICIENT, names)
    return [*(own for own in failed if own not in sampling), together]


def _too_short(line: Line) -> str:
    longest = max(run.production_ps for run in line.runs)
    if longest >= LONG_ENOUGH_PS:
        return ""
    return (
        f"longest run {number(longest)} ps after equilibration, below the required "
        f"{number(LONG_ENOUGH_PS)} ps: extend the runs"
    )


def _off_temperature(line: Line) -> str:
    """Temperatures over all runs that are off their target, resolved or not, and species that differ."""
    off = deviations([run.analysis for run in line.runs], line.temperature)
    parts = [mean_in_words(off, len(line.runs)) if off else "", unequal(line)]
    words = "; ".join(part for part in parts if part)
    return f"{words}: use a longer equilibration or longer runs" if words else ""


def _moving(line: Line) -> list[Criterion]:
    """Criteria on all series whose mean changes, and on all that the runs are too short to test."""
    kinds = [(MOVING, changes(line)), (UNTESTED, too_short(line))]
    skipped = [run.analysis.values.get(STATIONARITY, {}).get("skipped") for run in line.runs]
    every = [
        Criterion(
            "stationary", f"{what}: {listed(own)}; {step}", Consequence.WRONG, f"{what}; {step}.", listed(own)
        )
        for (what, step), own in kinds
        if own
    ]
    return every + [
        Criterion("stationary", f"not tested for stationarity: {own}", Consequence.WRONG)
        for own in dict.fromkeys(reason for reason in skipped if reason)
    ]


def correlation_ps(run: Run) -> tuple[float, float]:
    """Autocorrelation time of P_z and block length, both ps; NaN where not known.

    The time is the statistical inefficiency g times the frame interval; g follows from
    SE(autocorrelation) = width·√(g/T), both in the values of `analyse`.
    """
    values, dipole = run.analysis.values, run.analysis.statistics(TOTAL_ORIENTATION)
    frames, width = values.get("frames_analysed"), dipole.get("width")
    error = dipole.get("se_autocorrelation")
    if not frames or not width or error is None:
        return float("nan"), float("nan")
    step = run.analysed_ps / frames
    return frames * (error / width) ** 2 * step, run.profiles.get("block_frames", 0) * step


def slowest(run: Run) -> tuple[float, float, str]:
    """Longest autocorrelation time of a run and block length, ps; and which series it belongs to."""
    times = {"P_z": correlation_ps(run)[0]}
    step = run.analysis.values.get(STATIONARITY, {}).get("frame_ps", np.nan)
    ions = run.analysis.values.get(STATIONARITY, {}).get("ions", [])
    for name, own in series(run).items():
        if name in (COSINE, WATERS) or name.partition(" ")[0] in ions:
            times[SERIES_WORDS.get(name, f"the height of {name}")] = own.inefficiency * step
    longest = max(times, key=lambda name: np.nan_to_num(times[name]))
    return times[longest], correlation_ps(run)[1], longest


def _blocks(line: Line) -> str:
    every = [slowest(run) for run in line.runs]
    worst = max(every, key=lambda pair: np.nan_to_num(pair[0] - pair[1]))
    if not worst[0] > worst[1]:
        return ""
    return (
        f"autocorrelation time of {worst[2]} {number(worst[0])} ps exceeds the block length "
        f"{number(worst[1])} ps: use longer runs or fewer blocks"
    )


def _replicas(line: Line) -> str:
    """Pair of replicas that differ most in a compared number, if by more than the limit."""
    if len(line.runs) < 2:
        return "one run alone, whose error does not hold what starts differ by: use `replicas`"
    worst, reason = DISAGREEMENT, ""
    for name in COMPARED:
        values = [scalar(run, name) for run in line.runs]
        first, second, apart = farthest(values)
        if apart > worst:
            pair = f"{plus_minus(*values[first])} and {plus_minus(*values[second])}"
            worst = apart
            reason = (
                f"replicas differ in {phrase(line, name)} by {number(apart, 2)} standard errors ({pair}), "
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
    error, words = own.se, phrase(line, COSINE)
    if 2 * error <= COSINE_TWO_SE:
        return ""
    if not np.isfinite(error):
        return f"{words} has no standard error: use longer runs"
    return (
        f"2 SE of {words} is {number(2 * error, 2)}, above {COSINE_TWO_SE}: use longer runs or more replicas"
    )


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
