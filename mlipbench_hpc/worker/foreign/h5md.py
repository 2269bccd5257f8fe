"""H5MD (https://www.nongnu.org/h5md/h5md.html).

Our own reader with h5py, because MDAnalysis refuses a fixed box and files without units, and ignores ids.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.record import (
    BOHR,
    BROKEN,
    NM,
    PERIODIC,
    PS,
    Clock,
    Content,
    Frame,
    Labels,
    Periodic,
)

LENGTHS = {
    "angstrom": 1.0,
    "å": 1.0,
    "\u212b": 1.0,
    "a": 1.0,
    "nm": NM,
    "nanometer": NM,
    "bohr": BOHR,
    "pm": 0.01,
    "a.u.": BOHR,
}
TIMES = {**PS, "femtosecond": PS["fs"], "picosecond": PS["ps"], "nanosecond": PS["ns"]}
# Decimals to which times of a position and of its box agree.
DIGITS = 6
NO_UNIT = "its positions have no unit and are taken as Å"


class Particles:
    """The one group of particles with positions of an open file."""

    def __init__(self, path: Path, file: Any) -> None:
        """Raises InputFailure where there is none, or several."""
        groups = file.get("particles", {})
        candidates = {name: group for name, group in groups.items() if "position" in group}
        if len(candidates) != 1:
            names = ", ".join(candidates) or "none"
            raise InputFailure(
                f"{path}: {len(candidates)} groups of particles with positions ({names}), expected one"
            )
        self.path = path
        self.group = next(iter(candidates.values()))
        self.values = self.group["position/value"]
        self.stated = "unit" in self.values.attrs
        self.factor = self._factor(self.values)

    def _factor(self, values: Any) -> float:
        unit = _unit(values) or "angstrom"
        if (factor := LENGTHS.get(unit.lower().rstrip("s"))) is None:
            raise InputFailure(f"{self.path}: {values.name} is in `{unit}`, expected Angstrom, nm or bohr")
        return factor

    def clock(self) -> Clock:
        """Steps and times; a single number is the distance between frames (fixed storage)."""
        steps, times = (series(self.group["position"], name) for name in ("step", "time"))
        unit = _unit(self.group["position/time"]) if times is not None else ""
        return Clock(
            None if steps is None else np.rint(steps).astype(np.int64),
            times,
            TIMES.get(unit.lower().rstrip("s") if len(unit) > 2 else unit.lower()),
        )

    def cells(self, frame: int) -> Floats | None:
        """Cell (3, 3) Å of one frame, from a box that is stored once, for every frame, or for some.

        Raises InputFailure where the box changes between frames that have one.
        """
        edges = self.group.get("box/edges")
        if edges is None:
            return None
        stored_once = not hasattr(edges, "keys")
        values = edges if stored_once else edges["value"]
        # A box without a unit of its own is in the unit of the positions.
        factor = self._factor(values) if _unit(values) else self.factor
        stored = values[()] if stored_once else values[self._stored(edges, frame)]
        box = np.asarray(stored, dtype=float) * factor
        cell = np.diag(box) if box.shape == (3,) else box
        return cell if cell.shape == (3, 3) and cell.any() else None

    def _stored(self, edges: Any, frame: int) -> int:
        """Index of the box of a frame: its own, or any where the box is constant."""
        index = int(self._boxes[frame])
        if index < 0 and self._box_changes:
            raise InputFailure(
                f"{self.path}: frame {frame} has no box of its own ({len(edges['value'])} boxes for "
                f"{len(self.values)} frames), and the box changes: write the box with every frame"
            )
        return max(index, 0)

    @cached_property
    def _box_changes(self) -> bool:
        """True where the stored boxes differ."""
        return bool(np.ptp(self.group["box/edges/value"][:], axis=0).any())

    @cached_property
    def _boxes(self) -> Ints:
        """Index (F,) of the box of each frame, by step, time or place; -1 where it has none of its own."""
        edges, frames = self.group["box/edges"], len(self.values)
        for name in ("step", "time"):
            ticks, own = series(edges, name), series(self.group["position"], name)
            if ticks is not None and own is not None:
                if np.array_equal(ticks, own):
                    return np.arange(frames)
                places = {round(tick, DIGITS): index for index, tick in enumerate(ticks.tolist())}
                return np.array(
                    [places.get(round(tick, DIGITS), -1) for tick in own.tolist()], dtype=np.int64
                )
        return np.arange(frames) if len(edges["value"]) == frames else np.full(frames, -1)

    def periodic(self) -> Periodic:
        """Periodicity along each vector by the box's attribute `boundary`."""
        stored: Any = self.group["box"].attrs.get("boundary", []) if "box" in self.group else []
        flags = [
            (word.decode() if isinstance(word, bytes) else str(word)) != "none" for word in np.ravel(stored)
        ]
        return (flags[0], flags[1], flags[2]) if len(flags) == 3 else PERIODIC

    def names(self) -> dict[int, str]:
        """Names of the species' numbers, where they are an enumeration."""
        import h5py

        data = self.group.get("species")
        values = data["value"] if hasattr(data, "keys") else data
        members = h5py.check_enum_dtype(values.dtype) if values is not None else None
        return {number: name for name, number in (members or {}).items()}

    def column(self, name: str, frame: int) -> Any:
        """Column (N,) of ids or species, stored once or for every frame; None without it."""
        if name not in self.group:
            return None
        data = self.group[name]
        return data["value"][frame] if hasattr(data, "keys") else data[()]


def series(element: Any, name: str) -> Floats | None:
    """Steps or times (F,) of a stored element; a single number is the distance between its frames."""
    if name not in element:
        return None
    data = element[name]
    if data.shape == ():
        return np.asarray(
            float(data.attrs.get("offset", 0)) + float(data[()]) * np.arange(len(element["value"]))
        )
    return np.asarray(data[:], dtype=float)


def _unit(values: Any) -> str:
    unit = values.attrs.get("unit", "")
    return unit.decode() if isinstance(unit, bytes) else str(unit)


def open_reader(path: Path) -> Any:
    """Open file. Raises InputFailure with h5py's message."""
    import h5py

    try:
        return h5py.File(path, "r")
    except BROKEN as error:
        raise InputFailure(f"{path}: h5py cannot read it as H5MD: {error}") from error


def content(path: Path) -> Content:
    """Content of an H5MD file. Raises InputFailure."""
    with open_reader(path) as file:
        particles = Particles(path, file)
        frames, species = len(particles.values), particles.column("species", 0)
        ids = particles.column("id", 0)
        order: Any = slice(None) if ids is None else order_of(path, 0, np.asarray(ids))
        labels = Labels()
        if species is not None and np.ndim(species) == 1:
            labels = _labels(np.asarray(species)[order].tolist(), particles.names())
        return Content(
            path, "H5MD", frames, labels, particles.clock(), "",
            lambda size: record.gather(_frames(path), size, path), (NO_UNIT,) * (not particles.stated),
            particles.periodic(),
        )  # fmt: skip


def _labels(numbers: list[float], names: dict[int, str]) -> Labels:
    """Names of an enumeration, or the numbers as types."""
    if names and set(numbers) <= set(names):
        return Labels(tuple(names[int(number)] for number in numbers), "species")
    return Labels(types=tuple(f"{number:g}" for number in numbers))


def _frames(path: Path) -> Iterator[Frame]:
    with open_reader(path) as file:
        particles = Particles(path, file)
        for index in range(len(particles.values)):
            values, ids = particles.values[index], particles.column("id", index)
            if particles.factor != 1.0:
                values = values * values.dtype.type(particles.factor)
            yield Frame(values, particles.cells(index), None if ids is None else np.asarray(ids, np.int64))
