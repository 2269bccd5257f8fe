"""Analysed part of an MD run, read in pieces, and helpers of all its analyses."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.pieces import FEWEST_INDEPENDENT, Errors
from mlipbench_hpc.analysis.profiles import pieces
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.frames import Floats, Frames, Ints
from mlipbench_hpc.data.trajectory import Trajectory, open_trajectory

ROUNDING_PS = 1e-6
ATOMS_AT_ONCE = 200_000
ROWS_AT_ONCE = 10_000


@dataclass
class Notes:
    """Notes on frames and quantities that were dropped or clipped, in words.

    curves: errors of all curves of the run. They are gathered in one sentence, because a short run has too
    few frames for most of its curves.
    """

    sentences: list[str] = field(default_factory=list)
    curves: list[Errors] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Add a sentence, unless it is already there."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    @property
    def warnings(self) -> list[str]:
        """All sentences; the last says in how many bins the run is too short for its standard errors."""
        doubtful = [errors for errors in self.curves if errors.doubtful.any()]
        if not doubtful:
            return self.sentences
        amount = sum(int(errors.doubtful.sum()) for errors in doubtful)
        return [
            *self.sentences,
            f"standard errors are not judged in {amount} of {sum(e.doubtful.size for e in doubtful)} bins of "
            f"{len(doubtful)} of {len(self.curves)} curves, where the run has fewer than "
            f"{FEWEST_INDEPENDENT:g} independent frames, and may be too small there: use longer runs",
        ]

    def dropped(self, frames: int) -> None:
        """Note the number of frames that were too few for another equal block."""
        if frames:
            self.say(f"{frames} frame{'s' * (frames > 1)} after the last whole block: not analysed")


@dataclass(frozen=True)
class Stretch:
    """Frames of a trajectory after equilibration, up to the first that is not finite, in whole blocks.

    chosen (T,): consecutive indices into the trajectory; dropped: number of frames after them.
    """

    trajectory: Trajectory
    chosen: Ints
    dropped: int

    @classmethod
    def of(cls, folder: Path, equilibration: float, blocks: int = 1) -> "Stretch":
        """Stretch of the MD run committed in `folder`; equilibration in ps."""
        trajectory = open_trajectory(folder / "trajectory.nc")
        usable = usable_frames(trajectory, equilibration)
        used = whole(len(usable), blocks)
        return cls(trajectory, usable[:used], len(usable) - used)

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def span(self) -> slice:
        """Slice of the trajectory with all these frames."""
        return slice(int(self.chosen[0]), int(self.chosen[-1]) + 1)

    @property
    def times(self) -> Floats:
        """Times (T,) in ps."""
        return self.trajectory.times[self.span]

    @property
    def length_ps(self) -> float:
        """Length in ps that the frames stand for: each for the mean interval between them."""
        apart = float(self.times[-1] - self.times[0])
        return apart * len(self) / (len(self) - 1) if len(self) > 1 else 0.0

    @property
    def cells(self) -> Floats:
        """Cells (T, 3, 3) in Å."""
        return np.asarray(self.trajectory.cells[self.span], dtype=float)

    def parts(self, at_once: int | None = None) -> Iterator[slice]:
        """Consecutive pieces of the T frames, each small enough for memory."""
        return pieces(len(self), at_once or max(1, ATOMS_AT_ONCE // len(self.trajectory.numbers)))

    def positions(self, at_once: int | None = None) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Consecutive pieces: slice of the T frames, and their positions (f, N, 3) Å, float64."""
        for part in self.parts(at_once):
            yield part, np.asarray(self.trajectory.positions[self.span][part], dtype=float)
            let_go(self.trajectory.positions)


def whole(frames: int, blocks: int) -> int:
    """Number of frames in whole blocks, the only ones that enter any number."""
    return frames // blocks * blocks


def after(times: Floats, equilibration: float) -> NDArray[np.bool_]:
    """Mask (T,) of times (ps) later than equilibration; without equilibration all."""
    return times > equilibration + ROUNDING_PS if equilibration > 0 else times >= 0


def usable_frames(trajectory: Trajectory, equilibration: float) -> Ints:
    """Indices of the frames after equilibration (ps), up to the first one that is not finite."""
    analysed = np.flatnonzero(after(trajectory.times, equilibration))
    for part in pieces(len(analysed), max(1, ATOMS_AT_ONCE // len(trajectory.numbers))):
        finite = np.isfinite(trajectory.positions[analysed[part]]).all(axis=(1, 2))
        let_go(trajectory.positions)
        if not finite.all():
            return analysed[: part.start + int(finite.argmin())]
    return analysed


def as_frames(trajectory: Trajectory, indices: Ints) -> Frames:
    """Frames of a trajectory at some indices, each atom wrapped into the cell, without labels.

    Positions are the stored ones, in float64. Without a cell nothing is periodic.
    """
    count, atoms = len(indices), len(trajectory.numbers)
    positions = np.asarray(trajectory.positions[indices], dtype=float)
    cells = np.asarray(trajectory.cells[indices], dtype=float)
    periodic = bool(cells.any())
    if periodic:
        positions -= np.floor(positions @ np.linalg.inv(cells)) @ cells
    return Frames(
        offsets=np.arange(count + 1) * atoms,
        numbers=np.tile(trajectory.numbers, count),
        positions=positions.reshape(-1, 3),
        cells=cells,
        pbc=np.full((count, 3), periodic),
        energies=np.full(count, np.nan),
        forces=np.full((count * atoms, 3), np.nan),
    )


def write_csv(path: Path, columns: Mapping[str, Iterable[float]]) -> None:
    """Write columns of equal length, some rows at a time."""
    rows = zip(*columns.values(), strict=True)
    with writing(path) as stream:
        stream.write((",".join(columns) + "\n").encode())
        while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
            stream.write("".join(",".join(f"{value:.8g}" for value in row) + "\n" for row in some).encode())
