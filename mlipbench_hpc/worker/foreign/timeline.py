"""Selection and times of frames: overlap after restarts, reversed and jumping times, units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.foreign.record import PS, Content
from mlipbench_hpc.worker.foreign.ticks import EQUAL, Ticks, counted_on, in_order, position

# A distance between frames below 0.1 of an unnamed unit cannot be in fs, one from 10 on is hardly in ps.
PS_BELOW, FS_FROM = 0.1, 10.0
DIFFERENT = 0.01


@dataclass(frozen=True)
class Timeline:
    """selection (F,): True for frames of all files that count; times (K,) ps of these, or None."""

    selection: NDArray[np.bool_]
    times: Floats | None
    warnings: list[str]


def timeline(contents: list[Content], frame_every: float | None, cell: Floats | None) -> Timeline:
    """Timeline of one run in one or more files.

    frame_every: requested ps between frames, or None; cell: (3, 3) Å of the request, for files without one.
    Raises InputFailure where the frames run backwards, or begin anew and do not go on.
    """
    clocks = [content.clock for content in contents]
    sentences = [clock.warning for clock in clocks] + [clock.doubt for clock in clocks if frame_every is None]
    warnings = list(dict.fromkeys(filter(None, sentences)))
    frames = sum(content.frames for content in contents)
    ticks = ticks_of(contents, warnings)
    if ticks is None:
        if len(contents) > 1:
            warnings += in_order(contents, cell)
        times: Floats | None = None if frame_every is None else np.asarray(frame_every * np.arange(frames))
        return Timeline(np.ones(frames, dtype=bool), times, warnings)
    ticks, joints = counted_on(contents, ticks, cell)
    warnings += joints
    selection = latest(contents, ticks, warnings)
    values = ticks.values[selection]
    warnings += gaps(ticks, values)
    return Timeline(selection, times_of(ticks._replace(values=values), frame_every, warnings), warnings)


def ticks_of(contents: list[Content], warnings: list[str]) -> Ticks | None:
    """Times, or steps where there are none or where only steps increase; None without either."""
    times, steps = (join(contents, name) for name in ("times", "steps"))
    if times is None or steps is None:
        return times or steps
    back = {ticks.name: int(np.diff(ticks.values).argmin()) + 1 for ticks in (times, steps) if falls(ticks)}
    if "steps" in back and "times" not in back:
        warnings.append(f"steps go back at frame {back['steps']}, times do not: times are used")
    if "times" in back and "steps" not in back:
        warnings.append(
            f"times go back at frame {back['times']}, steps do not: steps are used, so there are no "
            "times; pass --frame-every PS"
        )
        return steps
    return times


def join(contents: list[Content], name: str) -> Ticks | None:
    """Times or steps of all files; None where a file has none, or all are equal."""
    series = [getattr(content.clock, name) for content in contents if content.frames]
    if not series or any(values is None for values in series):
        return None
    units = {content.clock.unit for content in contents} if name == "times" else {None}
    if len(units) > 1 and None in units:
        return None
    values = np.concatenate(
        [
            part * (content.clock.unit or 1.0 if name == "times" else 1.0)
            for part, content in zip(series, contents, strict=True)
        ]
    )
    if not np.isfinite(values).all() or (len(values) > 1 and np.ptp(values) == 0):
        return None
    return Ticks(name, values, None if None in units else 1.0)


def falls(ticks: Ticks) -> bool:
    """True where a frame is not later than the one before."""
    return bool((np.diff(ticks.values) <= 0).any())


def latest(contents: list[Content], ticks: Ticks, warnings: list[str]) -> NDArray[np.bool_]:
    """Frames (F,) before all later frames in time: after a restart the continuation counts."""
    values = ticks.values
    steps = np.diff(values)
    if len(values) > 1 and ((steps < 0)[1:] & (steps < 0)[:-1]).any():
        frame = int((steps < 0).argmax()) + 1
        raise InputFailure(
            f"{contents[0].path}: it runs backwards from frame {frame} on ({ticks.at(values[frame - 1])}, "
            f"then {ticks.at(values[frame])}, …): write its frames in the order of time"
        )
    rising = steps[steps > 0]
    tolerance = EQUAL * float(np.median(rising)) if len(rising) else 0.0
    following = np.minimum.accumulate(np.append(values, np.inf)[:0:-1])[::-1]
    selection = np.asarray(values < following - tolerance)
    if selection.all():
        return selection
    left_out = int((~selection).sum())
    frame = int((steps <= tolerance).argmax()) + 1
    where = position(contents, frame)
    warnings.append(
        f"overlap after a restart: {where} goes back from {ticks.at(values[frame - 1])} to "
        f"{ticks.at(values[frame])}; "
        f"of {len(values)} frames the {left_out} that later ones replace are left out"
    )
    return selection


def gaps(ticks: Ticks, values: Floats) -> list[str]:
    """Warning of missing frames, across which there are no lags."""
    steps = np.diff(values)
    if len(steps) < 2:
        return []
    usual = float(np.median(steps))
    unequal = np.flatnonzero(np.abs(steps - usual) > EQUAL * usual + rounding(values))
    if not len(unequal):
        return []
    frame = int(unequal[0])
    return [
        f"{ticks.name} jump: from {values[frame]:.8g} to {values[frame + 1]:.8g} after frame {frame}, "
        f"elsewhere mostly by {usual:.6g} ({len(unequal)} gap{'s' * (len(unequal) > 1)}): correlation "
        "functions need equal distances; pass a part without gaps"
    ]


def rounding(values: Floats) -> float:
    """Rounding error of a difference of times in single precision, in which many formats store them."""
    return 2 * float(np.spacing(np.float32(np.abs(values).max(initial=0.0))))


def times_of(ticks: Ticks, frame_every: float | None, warnings: list[str]) -> Floats | None:
    """Times (K,) in ps of frames that count, by the request or else by the file."""
    values = ticks.values
    usual = float(np.median(np.diff(values))) if len(values) > 1 else 0.0
    if frame_every is not None:
        warnings += contradiction(ticks, usual, frame_every)
        if gaps(ticks, values):
            return np.asarray(frame_every * (values - values[0]) / usual)
        return np.asarray(frame_every * np.arange(len(values)))
    if ticks.name == "steps":
        return None
    if ticks.unit is not None:
        return np.asarray(values * ticks.unit)
    return in_unnamed_unit(values, usual, warnings)


def contradiction(ticks: Ticks, usual: float, frame_every: float) -> list[str]:
    """Warning where the file's times differ from those of the request."""
    if ticks.name == "steps" or usual == 0:
        return []
    units = [ticks.unit] if ticks.unit is not None else [PS["fs"], PS["ps"]]
    if any(abs(usual * unit / frame_every - 1) < DIFFERENT for unit in units):
        return []
    unit = units[0]
    return [
        f"by the file's times frames are {usual * unit:.6g} ps apart, by --frame-every {frame_every:g} ps, "
        f"which is taken: lags are {frame_every / (usual * unit):.6g} times the file's"
    ]


def in_unnamed_unit(values: Floats, usual: float, warnings: list[str]) -> Floats | None:
    """Times in ps where only one unit is plausible, else None."""
    apart = f"the file's times name no unit, and frames are {usual:.6g} apart"
    if 0 < usual < PS_BELOW:
        warnings.append(
            f"{apart}: taken as ps, for fs would be shorter than a step; else pass --frame-every PS"
        )
        return np.asarray(values * PS["ps"])
    if usual >= FS_FROM:
        warnings.append(f"{apart}: taken as fs; if that is not so, pass --frame-every PS")
        return np.asarray(values * PS["fs"])
    warnings.append(f"{apart}, which may be fs or ps: they are not used; pass --frame-every PS")
    return None
