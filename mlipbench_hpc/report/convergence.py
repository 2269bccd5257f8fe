"""Criteria of convergence of a group's averages, and for each line which of them fail."""

import numpy as np

from mlipbench_hpc.analysis.layer import COSINE
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.report.combine import numbered, reached, reweighted_runs, scalar, spread_of
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.text import number, plus_minus

LONG_ENOUGH_PS = 100.0
COSINE_TWO_SE = 0.05
DISAGREEMENT = 3.0
ENOUGH_FRAMES = 100.0
COMPARED = (COSINE, TOTAL_ORIENTATION)
CRITERIA = (
    f"Convergence criteria: the longest run has at least {LONG_ENOUGH_PS:.0f} ps after equilibration, the "
    "autocorrelation time of P_z (its statistical inefficiency times the interval between frames) is at most "
    f"the block length, replicas agree within {DISAGREEMENT:.0f} standard errors, 2 SE of ⟨cos θ⟩ of the "
    f"first layer is at most {COSINE_TWO_SE}, std(h) is at most 2 kT, and the training band rests on at "
    f"least {ENOUGH_FRAMES:.0f} independent effective frames."
)


def verdict(group: Group) -> list[str]:
    """Whether a group is converged; then for each line the failed criteria, and the excluded runs."""
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
    """Whether there are averages and every line meets all criteria."""
    return bool(group.drawn) and not any(reasons(line, group.interface) for line in group.drawn)


@remembered
def reasons(line: Line, interface: bool) -> list[str]:
    """The criteria that a line fails, each with quantity, limit and next step; [] where it meets all."""
    failed = [_too_short(line), _few_frames(line)]
    if interface:
        failed[1:1] = [_blocks(line), _replicas(line), _orientation(line)]
    return [reason for reason in failed if reason]


def _too_short(line: Line) -> str:
    longest = max(run.analysed_ps for run in line.runs)
    if longest >= LONG_ENOUGH_PS:
        return ""
    return (
        f"longest run {number(longest)} ps after equilibration, below the required "
        f"{number(LONG_ENOUGH_PS)} ps: extend the runs"
    )


def correlation_ps(run: Run) -> tuple[float, float]:
    """Autocorrelation time of P_z (statistical inefficiency times frame interval) and block length, both ps.

    From what `analyse` leaves: SE(autocorrelation) = width·√(g/T). NaN where that is not known.
    """
    values, dipole = run.analysis.values, run.analysis.statistics(TOTAL_ORIENTATION)
    frames, width = values.get("frames_analysed"), dipole.get("width")
    error = dipole.get("se_autocorrelation")
    if not frames or frames < 2 or not width or error is None:
        return float("nan"), float("nan")
    step = run.analysed_ps / (frames - 1)
    return frames * (error / width) ** 2 * step, run.profiles.get("block_frames", 0) * step


def _blocks(line: Line) -> str:
    worst = max((correlation_ps(run) for run in line.runs), key=lambda pair: np.nan_to_num(pair[0] - pair[1]))
    if not worst[0] > worst[1]:
        return ""
    return (
        f"autocorrelation time of P_z {number(worst[0])} ps exceeds the block length {number(worst[1])} ps: "
        "use longer runs or fewer blocks"
    )


def _replicas(line: Line) -> str:
    """The two replicas that differ most in a compared number, if by more than the limit."""
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
    """The pair of (mean, standard error) that is farthest apart, and how far, in standard errors of it.

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
    """What sentences call an observable that a run of the line has."""
    every = (run.analysis.observables.get(name) for run in line.runs)
    return next((observable.phrase for observable in every if observable), name)


def _few_frames(line: Line) -> str:
    members = [quality for run in reweighted_runs(line) for quality in spread_of(run)["members"].values()]
    if not members:
        return ""
    std = max(quality["std_h"] for quality in members)
    frames = min(quality["independent_frames"] for quality in members)
    if not reached(line):
        return (
            f"training band unusable: standard deviation of the reduced energy difference, std(h), up to "
            f"{number(std)} kT exceeds 2 kT; run further members directly"
        )
    if frames < ENOUGH_FRAMES:
        return (
            f"training band rests on {number(frames)} independent effective frames, fewer than "
            f"{ENOUGH_FRAMES:.0f}: use longer runs"
        )
    return ""
