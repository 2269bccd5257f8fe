"""Steps or times that order frames, counted on where a continuation of the run counts anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.foreign.record import Content, CutShort, Positions

# Largest relative difference of equal distances between frames, apart from the rounding of times.
EQUAL = 1e-3
# Largest displacement across a joint, relative to that between frames beside it and to that from the earlier
# frame of the same tick; displacement below which two frames are the same, relative to frames beside it.
CONTINUES, NEARER, SAME = 2.0, 0.7, 0.01
FRAMES_AT_ONCE = 16


class Ticks(NamedTuple):
    """Times or steps that order frames (F,); unit in ps, None where unknown."""

    name: str
    values: Floats
    unit: float | None

    def at(self, value: float) -> str:
        """Step or time, with its unit where it has one."""
        return f"{self.name.rstrip('s')} {value:.8g}" + " ps" * (self.unit is not None)


@dataclass(frozen=True)
class Joint:
    """Frame `frame`, at which ticks go back: displacements (Å, root mean square, without drift).

    step: to it from the frame before; beside: the larger one between the frames before and after; overlap: to
    it from the earlier frame of the same tick. Infinite where there is no such frame.
    """

    frame: int
    step: float
    beside: float
    overlap: float

    @property
    def continues(self) -> bool:
        """True where the positions go on as if nothing had happened."""
        return self.step <= CONTINUES * self.beside and self.step < NEARER * self.overlap

    @property
    def repeats(self) -> bool:
        """True where it is the frame before once more."""
        return self.step < SAME * self.beside


def counted_on(contents: list[Content], ticks: Ticks, cell: Floats | None) -> tuple[Ticks, list[str]]:
    """Ticks of one run, counted on where positions go on and ticks begin again, and a sentence on each joint.

    cell: (3, 3) Å of the request, for files without one. Raises InputFailure where ticks begin again and
    positions do not go on.
    """
    raw, values, lines = ticks.values, ticks.values.copy(), list[str]()
    steps = np.diff(raw)
    tolerance = EQUAL * float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    drops = np.flatnonzero(steps < -tolerance) + 1
    drops = drops[drops > 1]  # a first frame by itself is a start that is written once more
    if not len(drops) or (np.diff(drops) == 1).any():
        return ticks, []
    interval, start = float(np.median(steps[steps > 0])), 0
    for joint in joints(contents, raw, drops.tolist(), cell):
        frame = joint.frame
        if joint.continues:
            values[frame:] += values[frame - 1] + interval * (not joint.repeats) - values[frame]
            lines.append(
                f"{position(contents, frame)} is at {ticks.at(raw[frame])}, counted anew, and its atoms go "
                f"on from the frame before (moved {joint.step:.2g} Å, frames beside it {joint.beside:.2g} "
                "Å): it is counted on as one run"
            )
        elif raw[frame] <= raw[start] + tolerance:
            raise InputFailure(_refusal(contents, ticks, joint, float(raw[start])))
        else:
            continue
        start = frame
    return ticks._replace(values=values), lines


def in_order(contents: list[Content], cell: Floats | None) -> list[str]:
    """Sentences on files without steps and times, joined in their order, whose positions may not go on."""
    lines = ["the files hold neither steps nor times: frames are joined in the order of the files"]
    ends = np.cumsum([content.frames for content in contents])
    starts = [int(start) for start in ends[:-1] if 1 < start < ends[-1] - 1]
    for joint in joints(contents, np.arange(ends[-1], dtype=float), starts, cell):
        if not joint.continues:
            lines.append(
                f"{position(contents, joint.frame)} does not go on from the frame before: atoms moved "
                f"{joint.step:.2g} Å, between frames beside it {joint.beside:.2g} Å: are these files of one "
                "run, in its order?"
            )
    return lines


def _refusal(contents: list[Content], ticks: Ticks, joint: Joint, first: float) -> str:
    frame = joint.frame
    return (
        f"{position(contents, frame)} is at {ticks.at(ticks.values[frame])}, no later than the first frame "
        f"of all ({ticks.at(first)}), and its atoms do not go on from the frame before: they moved "
        f"{joint.step:.2g} Å, between frames beside it {joint.beside:.2g} Å, from the earlier frame of that "
        f"{ticks.name.rstrip('s')} {joint.overlap:.2g} Å; these are two runs, or files in another order; "
        "pass the files of one run in its order"
    )


def joints(contents: list[Content], ticks: Floats, drops: list[int], cell: Floats | None) -> Iterator[Joint]:
    """Joint at each frame of `drops`, whose tick is lower than the one before. ticks (F,)."""
    start = 0
    sought: dict[int, int] = {}
    for frame in drops:
        sought[frame] = start + int(np.abs(ticks[start:frame] - ticks[frame]).argmin())
        start = frame
    near = {frame + shift for frame in drops for shift in (-2, -1, 0, 1)}
    stored = dict(frames_at(contents, near | set(sought.values()), cell))
    for frame, earlier in sought.items():
        apart = [moved(stored, *pair) for pair in ((frame - 2, frame - 1), (frame, frame + 1))]
        beside = max((value for value in apart if np.isfinite(value)), default=0.0)
        overlap = moved(stored, earlier, frame) if earlier != frame - 1 else float("inf")
        yield Joint(frame, moved(stored, frame - 1, frame), beside, overlap)


Stored = dict[int, tuple[Positions, Floats | None]]


def frames_at(
    contents: list[Content], frames: set[int], cell: Floats | None
) -> Iterator[tuple[int, tuple[Positions, Floats | None]]]:
    """Positions (N, 3) Å and cell (3, 3) Å of these frames of all files, one after the other."""
    before = 0
    for content in contents:
        here = before
        try:
            for piece in content.pieces(FRAMES_AT_ONCE):
                for index, positions in enumerate(piece.positions):
                    if here + index in frames:
                        yield here + index, (positions, cell if piece.cells is None else piece.cells[index])
                here += len(piece.positions)
        except CutShort:
            pass
        before += content.frames


def moved(stored: Stored, frame: int, other: int) -> float:
    """Root mean square displacement in Å between two frames, by the shortest way and without drift."""
    if frame not in stored or other not in stored:
        return float("inf")
    (here, _), (there, cell) = stored[frame], stored[other]
    steps = np.asarray(there, dtype=float) - here
    if cell is not None:
        steps -= np.rint(steps @ np.linalg.pinv(cell)) @ cell
    steps -= np.median(steps, axis=0)
    return float(np.sqrt((steps**2).sum(axis=1).mean()))


def position(contents: list[Content], frame: int) -> str:
    """File and index within it of a frame of all files, in words."""
    for content in contents:
        if frame < content.frames:
            return f"frame {frame} of {content.path.name}"
        frame -= content.frames
    raise IndexError(frame)
