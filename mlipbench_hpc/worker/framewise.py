"""Sums over frames of observables from packages outside this one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipbench_hpc.analysis.ownership import owners_of
from mlipbench_hpc.analysis.pieces import piece_of
from mlipbench_hpc.analysis.profiles import Profiler, Samples
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.framewise import Frame, Framewise


@dataclass(frozen=True)
class System:
    """System of a run: numbers (N,), cells (T, 3, 3) Å, and its interface; None without profiles."""

    numbers: Ints
    cells: Floats
    interface: Profiler | None

    def lacks(self, needs: tuple[str, ...]) -> list[str]:
        """Needs of an observable that this run does not meet."""
        interface = self.interface
        present = {
            "slab": interface is not None and bool(interface.faces),
            "water": interface is not None and len(interface.waters.intact) > 0,
            "ions": interface is not None and bool(interface.ions),
        }
        return [need for need in needs if not present.get(need, self._holds(need))]

    def _holds(self, symbol: str) -> bool:
        return bool((self.numbers == atomic_numbers.get(symbol, -1)).any())

    def frames(self, positions: NDArray[np.floating], cells: Floats) -> Iterator[Frame]:
        """Next frames of one reading: positions (f, N, 3) Å and cells (f, 3, 3) Å, waters of each."""
        interface, every = self.interface, np.arange(len(self.numbers))
        faces = interface.faces if interface else ()
        heights = np.zeros((len(positions), len(faces), len(every)))
        for place, face in enumerate(faces):
            heights[:, place] = face.heights(positions, cells[0], every)
        ordered = zip(
            np.asarray(positions, dtype=float), cells, heights, self._waters(positions), strict=True
        )
        for frame, cell, height, waters in ordered:
            yield Frame(self.numbers, frame, cell, height, waters)

    def _waters(self, positions: NDArray[np.floating]) -> Iterator[Ints]:
        """Oxygen and both hydrogens (W, 3) of the waters in each frame."""
        if self.interface is None:
            yield from [np.zeros((0, 3), dtype=np.int64)] * len(positions)
            return
        for segment in owners_of(self.interface).segments(positions):
            yield from [segment.waters.intact] * len(segment.total)


class FrameSums:
    """Σ_t row[k, t] · value[t] over parts of a run, of several observables, of frames as they come.

    rows (K, T): weights of every frame; T fills whole blocks, each of at most so many pieces. sums:
    (blocks·pieces, K, B) by name, B = 1 of a single number; series: (T,) by name of single numbers. An
    observable that raises an exception is removed from `framewise`, `sums` and `series`, and `say` is called
    with a sentence about it; the others stay.
    """

    def __init__(
        self,
        every: list[Framewise],
        system: System,
        rows: Floats,
        blocks: int,
        say: Callable[[str], None],
        pieces: int = 1,
    ) -> None:
        self.framewise, self.system, self.length = every, system, rows.shape[1] // blocks
        self.pieces = min(pieces, self.length)
        self._place = piece_of(np.arange(rows.shape[1]), self.length, self.pieces)
        shapes = {framewise.observable.name: len(framewise.bins) for framewise in every}
        self.sums: Samples = {
            name: np.zeros((blocks * self.pieces, len(rows), bins or 1)) for name, bins in shapes.items()
        }
        self.series = {name: np.zeros(rows.shape[1]) for name, bins in shapes.items() if not bins}
        self._rows, self._next, self._say = rows, 0, say

    def add(self, positions: NDArray[np.floating]) -> None:
        """Add the next frames (F, N, 3) Å."""
        cells = self.system.cells[self._next : self._next + len(positions)]
        for frame in self.system.frames(positions, cells):
            for framewise in tuple(self.framewise):
                self._evaluate(framewise, frame)
            self._next += 1

    def _evaluate(self, framewise: Framewise, frame: Frame) -> None:
        """Evaluate one observable; out of memory is no fault of its own, so the task is tried again."""
        try:
            value = value_of(framewise, frame)
        except MemoryError:
            raise
        except Exception as error:
            self._leave_out(framewise, error)
        else:
            self._take(framewise.observable.name, value)

    def _leave_out(self, framewise: Framewise, error: Exception) -> None:
        """Drop an observable that raised, and note the frame, counted from 0."""
        name = framewise.observable.name
        self._say(
            f"observable {name} ({framewise.source}) is left out: {type(error).__name__} in analysed frame "
            f"{self._next}: {error}; correct that package and run again"
        )
        self.framewise.remove(framewise)
        del self.sums[name]
        self.series.pop(name, None)

    def _take(self, name: str, value: Floats) -> None:
        self.sums[name][self._place[self._next]] += self._rows[:, self._next, None] * value
        if name in self.series:
            self.series[name][self._next] = value[0]


def value_of(framewise: Framewise, frame: Frame) -> Floats:
    """Value (B,) of one frame, B = 1 of a single number. Raises ValueError where it has another shape."""
    value, expected = np.asarray(framewise.of_frame(frame), dtype=float), (len(framewise.bins),)
    if value.shape != (expected if framewise.bins else ()):
        shape = f"an array of shape {expected}" if framewise.bins else "one number"
        raise ValueError(f"of_frame returned shape {value.shape}, expected {shape}")
    return np.atleast_1d(value)
