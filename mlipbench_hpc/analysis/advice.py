"""Advice in words on the error of a committee's averages: members to run, length of runs."""

import math
from collections.abc import Mapping

import numpy as np

from mlipbench_hpc.analysis.reweighting import FEWEST_FRAMES, TOLERATED_STD, UNUSABLE, Quality
from mlipbench_hpc.analysis.spread import Spread
from mlipbench_hpc.data.frames import Floats

RELATIVE_TOLERANCE = 0.05  # default, as a share of the largest average


def next_member(qualities: Mapping[int, Quality]) -> int | None:
    """Member to run directly next: of those not trusted the farthest from the driving one, or None."""
    doubted = {member: quality for member, quality in qualities.items() if quality.verdict != "trust"}
    return max(doubted, key=lambda member: doubted[member].std_h) if doubted else None


def in_reach(qualities: Mapping[int, Quality]) -> bool:
    """True where the driving member's frames reach every member and are enough for a band."""
    return all(quality.verdict not in UNUSABLE for quality in qualities.values())


def about_members(qualities: Mapping[int, Quality]) -> str:
    """Advice on the member to run directly next, with the reason."""
    member = next_member(qualities)
    if member is None:
        return "Every member is within reach of the driving member's frames: none has to be run directly."
    farthest = qualities[member]
    far = f"std(h) = {farthest.std_h:.3g} kT"
    left = f"{farthest.independent:.3g} independent effective frames"
    if farthest.verdict == "run it directly":
        return f"Run member {member} directly next: {far}, and the linear formula ends at {TOLERATED_STD:g}."
    if farthest.verdict == "run longer":
        return (
            f"Run member {member} directly next, or this run longer: {far}, {left}, and a band needs at "
            f"least {FEWEST_FRAMES:g}."
        )
    return f"Run member {member} directly next, or this run longer: {far}, {left}, to be read with caution."


def frames_needed(frames: int, error: Floats, tolerance: float) -> int | None:
    """Frames until 2·SE ≤ tolerance in every bin: T·(2 SE/tolerance)², from SE (B,) of T frames.

    Frames must go on being as correlated as now. None where no error is known.
    """
    known = error[np.isfinite(error)]
    if not len(known) or tolerance <= 0:
        return None
    return max(frames, math.ceil(frames * (2 * float(known.max()) / tolerance) ** 2))


def about_length(name: str, frames: int, error: Floats, tolerance: float, interval: float | None) -> str:
    """Advice on the length of the run, in words; the error of a run that is too short is itself too small.

    error (B,) and tolerance in the unit of `name`, interval ps between frames. error: the larger of the
    driving member's and the committee mean's; for members out of reach the driving member's alone.
    """
    needed = frames_needed(frames, error, tolerance)
    if needed is None:
        return f"{name}: no sampling error is known, so nothing is said of its length."
    worst = 2 * float(np.nanmax(error))
    now = f"{name}: 2·SE is at most {worst:.3g}"
    if needed == frames:
        return f"{now}, within the tolerance of {tolerance:.3g}."
    more = needed - frames
    time = "" if interval is None else f", {more * interval / 1000:.3g} ns"
    times = f"{needed / frames:.3g} times as many as now"
    return (
        f"{now}; the tolerance of {tolerance:.3g}, by default {RELATIVE_TOLERANCE:.0%} of the largest "
        f"average, takes at least {more} more frames{time} ({times})."
    )


def about_kinds(
    name: str, sampling: Floats, members: Spread, factor: float, qualities: Mapping[int, Quality]
) -> str | None:
    """Comparison of 2·SE (B,) with the training band, by their root mean squares over bins, in words.

    members: their spread averaged over bins; factor: band width in units of σ. Training dominates where the
    band's lower limit exceeds 2·SE, sampling where 2·SE exceeds its upper limit. No statement is made on a
    band whose members reweighting does not reach.
    """
    known = sampling[np.isfinite(sampling)]
    if not len(known) or not np.isfinite([members.observed, members.noise, members.error]).all():
        return None
    two_se = float(np.sqrt(np.mean(np.square(known))))
    if not in_reach(qualities):
        return (
            f"{name}: sampling 2·SE {two_se:.3g} (rms over bins); reweighting does not reach the members, so "
            "which error is the larger is not known."
        )
    low, high = (factor * float(limit) for limit in members.limits)
    line = (
        f"{name}: sampling 2·SE {two_se:.3g}, training band {factor * float(members.sigma):.3g}, 95 % "
        f"interval {low:.3g} to {high:.3g} (rms over bins)"
    )
    if low > two_se:
        return f"{line}: training dominates, so more MD narrows the sum of both little: train on more frames."
    if high < two_se:
        return f"{line}: sampling dominates, so more MD narrows the sum of both."
    return f"{line}: which error is the larger is unresolved, so more MD first."
