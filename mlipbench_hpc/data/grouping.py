"""Successive frames: trajectories, blocks of them, and the distance in time between two sets."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Ints


@dataclass(frozen=True)
class Grouping:
    """Groups of frames that stay together: blocks of `block` frames of each trajectory, or all of it (None).

    gap: so many frames at the end of each block belong to no set, so that frames of two blocks are farther
    apart than this.
    """

    block: int | None = None
    gap: int = 0


def groups_of(runs: Sequence[str], grouping: Grouping) -> list[list[int]]:
    """Indices of the frames of each group, gaps left out. runs: (F,) the trajectory of each frame."""
    groups: dict[tuple[str, int], list[int]] = {}
    places: dict[str, int] = defaultdict(int)
    for index, run in enumerate(runs):
        block = grouping.block or len(runs)
        number, place = divmod(places[run], block)
        places[run] += 1
        if place < block - grouping.gap:
            groups.setdefault((run, number), []).append(index)
    return list(groups.values())


def separation(runs: Sequence[str], held_out: Sequence[int], training: Sequence[int]) -> Ints:
    """Number (H,) of frames from each held-out frame to the nearest training frame of its own trajectory.

    runs: (F,) the trajectory of each frame, whose frames follow in order. -1 where no training frame is of
    the same trajectory.
    """
    places, counts = np.zeros(len(runs), dtype=np.int64), dict[str, int]()
    for index, run in enumerate(runs):
        places[index] = counts[run] = counts.get(run, -1) + 1
    learned: dict[str, list[int]] = defaultdict(list)
    for index in training:
        learned[runs[index]].append(int(places[index]))
    return np.array(
        [_nearest(int(places[index]), learned[runs[index]]) for index in held_out], dtype=np.int64
    )


def _nearest(place: int, others: list[int]) -> int:
    return min((abs(place - other) for other in others), default=-1)
