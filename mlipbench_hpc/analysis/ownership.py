"""Owners of hydrogens, frame by frame; compiled, because every frame is checked."""

from threading import Lock
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlipbench_hpc.analysis.fused import _bond, _cosines, _inverse, native
from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.analysis.waters import Waters
from mlipbench_hpc.data.frames import Floats, Ints

# Å. A hydrogen with a bond shorter than this keeps its oxygen: oxygens are more than twice that apart.
HOME_OH = 1.15
# Å by which another oxygen has to be nearer for a hydrogen to change its owner.
NEARER = 0.1
# A hydrogen belongs to the slab when its bond is longer than METAL_OH and an atom of the slab within METAL_H,
# has no owner beyond FREE_OH, and is owned again by an oxygen within BOUND_OH.
METAL_OH, METAL_H, FREE_OH, BOUND_OH = 1.35, 1.9, 1.6, 1.25


class Segment(NamedTuple):
    """Frames of a part in which no hydrogen changes its owner, and their W waters.

    cosines (f, O): cos θ of each water to +z, the first W columns; total (f,): their sum.
    """

    frames: slice
    waters: Waters
    cosines: Floats
    total: Floats


class Owners:
    """Waters of a trajectory, updated in one reading of its frames.

    moved: hydrogens that went to another oxygen; lost: hydrogens that went to none, with the frame (from 0)
    in which each first did; changes: number of both kinds of events; first: frame of the first one, or None.
    """

    def __init__(self, profiler: Profiler) -> None:
        self.waters, self.cell, self.frozen = profiler.waters, profiler.cell, profiler.frozen
        self.moved: set[int] = set()
        self.lost: dict[int, int] = {}
        self.changes, self.first, self.frames = 0, None, 0
        self._part: NDArray[np.floating] | None = None
        self._segments: list[Segment] = []
        self._cosines = np.zeros((0, len(self.waters.oxygens)))
        self._lock = Lock()

    first: int | None

    def segments(self, positions: NDArray[np.floating]) -> list[Segment]:
        """Split the next frames (F, N, 3) Å into stretches without changes of owners.

        Several sums of one reading ask for the same frames, perhaps side by side: the same array counts once.
        The result is overwritten when the next frames are asked for.
        """
        with self._lock:
            if positions is not self._part:
                self._part, self._segments = positions, self._advance(native(positions))
            return self._segments

    def _advance(self, positions: NDArray[np.floating]) -> list[Segment]:
        segments: list[Segment] = []
        if len(self._cosines) < len(positions):
            self._cosines = np.zeros((len(positions), self._cosines.shape[1]))
        owner, total, start = self.waters.owner.copy(), np.zeros(len(positions)), 0
        while start < len(positions):
            table = self.waters.intact, self.waters.loose, owner, self.waters.oxygens, self.waters.slab
            stop = _next_change(positions, start, *table, self.cell, self.frozen, self._cosines, total)
            if stop > start:
                part = slice(start, stop)
                segments.append(Segment(part, self.waters, self._cosines[part], total[part]))
            if stop < len(positions):
                self._note(owner, self.frames + stop)
                self.waters = self.waters.later(owner.copy(), positions[stop], self.cell)
            start = stop
        self.frames += len(positions)
        return segments

    def _note(self, owner: Ints, frame: int) -> None:
        changed = np.flatnonzero(owner != self.waters.owner)
        self.changes += len(changed)
        self.first = frame if self.first is None else self.first
        for hydrogen in map(int, changed):
            if owner[hydrogen] < 0:
                self.lost.setdefault(hydrogen, frame)
            elif self.waters.owner[hydrogen] >= 0:
                self.moved.add(hydrogen)


def owners_of(profiler: Profiler) -> Owners:
    """Owners that all sums over a reading share."""
    if profiler.owners is None:
        profiler.owners = Owners(profiler)
    assert isinstance(profiler.owners, Owners)
    return profiler.owners


@njit(cache=True, nogil=True)
def _nearest(
    frame: NDArray[np.floating], atom: int, others: Ints, cell: Floats, inverse: Floats
) -> tuple[int, float]:
    """Nearest of other atoms, and its distance; -1 where none is within 2 Å along z."""
    nearest, shortest = -1, np.inf
    for other in others:
        z = np.float64(frame[other, 2]) - frame[atom, 2]
        if abs(z - np.rint(z * inverse[2]) * cell[2, 2]) > 2.0:
            continue
        x, y, z = _bond(frame, atom, other, cell, inverse)
        distance = np.sqrt(x * x + y * y + z * z)
        if distance < shortest:
            nearest, shortest = other, distance
    return nearest, shortest


@njit(cache=True, nogil=True)
def _far_owner(
    frame: NDArray[np.floating],
    hydrogen: int,
    owner: int,
    length: float,
    oxygens: Ints,
    slab: Ints,
    cell: Floats,
    inverse: Floats,
) -> int:
    """Owner of a hydrogen `length` Å from its present owner (-1 if it has none); -1 for no owner."""
    near, distance = _nearest(frame, hydrogen, oxygens, cell, inverse)
    if owner < 0:
        return near if distance < BOUND_OH else -1
    if near != owner and distance < length - NEARER:
        owner, length = near, distance
    if length > FREE_OH:
        return -1
    if length > METAL_OH and _nearest(frame, hydrogen, slab, cell, inverse)[1] < METAL_H:
        return -1
    return owner


@njit(cache=True, nogil=True)
def _changes(
    frame: NDArray[np.floating],
    hydrogens: Ints,
    owner: Ints,
    oxygens: Ints,
    slab: Ints,
    cell: Floats,
    inverse: Floats,
) -> bool:
    """True where one of these hydrogens changes its owner; puts the new one into owner (N,)."""
    changed = False
    for hydrogen in hydrogens:
        own, square = owner[hydrogen], np.inf
        if own >= 0:
            x, y, z = _bond(frame, own, hydrogen, cell, inverse)
            square = x * x + y * y + z * z
        if square > HOME_OH * HOME_OH:
            new = _far_owner(frame, hydrogen, own, np.sqrt(square), oxygens, slab, cell, inverse)
            if new != own:
                owner[hydrogen], changed = new, True
    return changed


@njit(cache=True, nogil=True)
def _next_change(
    positions: NDArray[np.floating],
    start: int,
    intact: Ints,
    loose: Ints,
    owner: Ints,
    oxygens: Ints,
    slab: Ints,
    cell: Floats,
    frozen: bool,
    cosines: Floats,
    total: Floats,
) -> int:
    """First frame from `start` on in which hydrogens change their owner, put into owner (N,); else F.

    Fills cosines (F, ≥W) and total (F,) of the frames before it. Bonds of waters are checked together with
    their directions, because almost always all of them are short.
    """
    inverse, paired = _inverse(cell), intact[:, 1:].copy().ravel()
    for t in range(start, len(positions)):
        frame = positions[t]
        total[t], longest = _cosines(frame, intact, cell, inverse, cosines[t])
        if frozen:
            continue
        changed = False
        if longest > HOME_OH * HOME_OH:
            changed = _changes(frame, paired, owner, oxygens, slab, cell, inverse)
        if len(loose) > 0:
            changed |= _changes(frame, loose, owner, oxygens, slab, cell, inverse)
        if changed:
            return t
    return len(positions)
