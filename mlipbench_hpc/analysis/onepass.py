"""Trajectories read once: block sums of profiles as frames come, and several sums from one reading."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.fused import FIXED, add_frames, arrays, named, native
from mlipbench_hpc.analysis.ownership import owners_of
from mlipbench_hpc.analysis.pieces import piece_of, shares
from mlipbench_hpc.analysis.profiles import Profiler, Samples
from mlipbench_hpc.analysis.visits import Visits
from mlipbench_hpc.data.frames import Floats, Ints

Part = NDArray[np.floating]


@dataclass(frozen=True)
class ProfileAverages:
    """Averages of profiles over parts of a run, by name.

    means: of each block (N, B); parts: sums over pieces of blocks (P, B), scaled so that their mean is that
    of the run; lengths (P,): of the pieces, over the mean length (`pieces.shares`).
    """

    means: Samples
    parts: Samples
    lengths: Floats


class BlockSums:
    """Σ_t row[k, t] · profile[t] over each block, for each profile, and P_z, of frames as they come.

    rows (K, T): weights of every frame. T should fill whole blocks: frames after the last one are in P_z
    alone; `frames`: number of the others. pieces: at most so many of each block are summed apart, for
    `averages`. Waters are determined frame by frame. absences (L, 3), of the atoms of the faces' layers, one
    face after the other: number of frames outside the layer, the first of them, and height above the layer in
    the last of them in Å along z; visits: of adatoms and dissolved atoms to a layer. Raises ValueError when
    there are fewer frames than blocks.
    """

    def __init__(self, profiler: Profiler, rows: Floats, blocks: int, pieces: int = 1) -> None:
        self.profiler, self.length, self._start = profiler, rows.shape[1] // blocks, 0
        self.frames = self.length * blocks
        if self.length == 0:
            raise ValueError(f"{rows.shape[1]} frames do not fill {blocks} blocks")
        self._blocks, self._pieces = blocks, min(pieces, self.length)
        shape = blocks * self._pieces, FIXED + len(profiler.counted) + 1, profiler.bins, len(rows)
        self._sums = np.zeros((max(1, len(profiler.faces)), *shape))
        self.absences = np.zeros((sum(len(face.layer) for face in profiler.faces), 3))
        self.visits = Visits(profiler.surface, profiler.cell)
        self._rows, self._dipole = rows, np.zeros(rows.shape[1])
        self._waters, self._known = profiler.waters, arrays(profiler, profiler.waters)

    def add(self, positions: Part) -> None:
        """Add the next frames (f, N, 3) Å."""
        start, stop = self._start, self._start + len(positions)
        place = piece_of(np.arange(start, stop), self.length, self._pieces)
        weights = np.ascontiguousarray(self._rows[:, start:stop].T)
        ready = native(positions)
        for part, waters, cosines, total in owners_of(self.profiler).segments(positions):
            if waters is not self._waters:
                self._waters, self._known = waters, arrays(self.profiler, waters)
            frames = ready[part], place[part], weights[part], cosines
            add_frames(*frames, *self._known, self._sums, start + part.start, self.absences)  # type: ignore[call-arg]
            if self.profiler.faces:
                self._dipole[start:stop][part] = self.profiler.faces[0].normal * total
        self.visits.add(ready[: max(0, self.frames - start)], start)
        self._start = stop

    @property
    def sums(self) -> Samples:
        """Block sums (blocks, K, B) of each profile; two faces are symmetrised."""
        whole = self._sums.sum(axis=0)
        by_block = whole.reshape(self._blocks, self._pieces, *whole.shape[1:]).sum(axis=1)
        return named(self.profiler, np.moveaxis(by_block, 3, 1))

    @property
    def averages(self) -> ProfileAverages:
        """Averages of rows (1, T) of ones; two faces are symmetrised."""
        return self._averages(self._sums.sum(axis=0))

    @property
    def face_averages(self) -> list[ProfileAverages]:
        """Averages of each face by itself, with its own outward normal."""
        return [self._averages(len(self._sums) * own) for own in self._sums]

    def _averages(self, sums: Floats) -> ProfileAverages:
        """Averages from sums (P, profiles, B, 1)."""
        known = named(self.profiler, np.moveaxis(sums, 3, 1))
        parts = {name: part[:, 0] * (self._pieces / self.length) for name, part in known.items()}
        means = {
            name: part.reshape(self._blocks, self._pieces, -1).mean(axis=1) for name, part in parts.items()
        }
        return ProfileAverages(means, parts, shares(self._blocks * self.length, self.length, self._pieces))

    @property
    def dipole(self) -> Floats:
        """P_z (T,) along the outward normal of the (upper) face; empty without a slab."""
        return self._dipole if self.profiler.faces else np.zeros(0)


def block_means(
    profiler: Profiler, parts: Iterable[Part], frames: int, blocks: int
) -> tuple[Samples, Floats]:
    """Block means and P_z of `BlockSums`, each frame of weight 1; parts add up to `frames`."""
    sums = BlockSums(replace(profiler, owners=None), np.broadcast_to(1.0, (1, frames)), blocks)
    feed(parts, [sums.add])
    return sums.averages.means, sums.dipole


def block_sums(
    profiler: Profiler, parts: Iterable[Part], rows: Floats, blocks: int
) -> tuple[Samples, Floats]:
    """Block sums and P_z of `BlockSums`, of parts (f, N, 3) Å that add up to T frames."""
    sums = BlockSums(replace(profiler, owners=None), rows, blocks)
    feed(parts, [sums.add])
    return sums.sums, sums.dipole


def feed(parts: Iterable[Part], takers: Sequence[Callable[[Part], None]], threads: int = 1) -> None:
    """Pass every part to every taker, in order, in one reading.

    With more threads than one a part's takers run side by side while the next part is read; each receives all
    parts in their order, so no bit depends on threads. Errors of takers and of the reading are raised.
    """
    if threads < 2:
        for positions in parts:
            ready = native(positions)
            for take in takers:
                take(ready)
        return
    with ThreadPoolExecutor(threads) as pool:
        running: list[Future[None]] = []
        for positions in parts:
            ready = native(positions)
            _finish(running)
            running = [pool.submit(take, ready) for take in takers]
        _finish(running)


def _finish(running: list[Future[None]]) -> None:
    for one in running:
        one.result()


def total_dipole(
    numbers: Ints, positions: Part, cell: Floats, metal: int | Sequence[int]
) -> tuple[float, float]:
    """P_z of one frame along the outward normal of the (upper) face, and that normal: +1 or -1 along z.

    numbers (N,), positions (N, 3) Å, cell (3, 3) Å, lower triangular. Raises ValueError where there is no
    surface or no intact molecule.
    """
    profiler = Profiler.of(numbers, positions, cell, metal, float(cell[2, 2]))
    if not profiler.faces or len(profiler.waters.intact) == 0:
        raise ValueError("no surface with intact molecules of water")
    _, series = block_means(profiler, [positions[None]], 1, 1)
    return float(series[0]), profiler.faces[0].normal
