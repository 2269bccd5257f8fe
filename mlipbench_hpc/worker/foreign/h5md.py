"""H5MD (https://www.nongnu.org/h5md/h5md.html).

Our own reader with h5py, because MDAnalysis refuses a fixed box and files without units, and ignores ids.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.record import BOHR, BROKEN, NM, PS, Clock, Content, Frame, Labels

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
        steps, times = (self._series(name) for name in ("step", "time"))
        unit = _unit(self.group["position/time"]) if times is not None else ""
        return Clock(
            None if steps is None else np.rint(steps).astype(np.int64),
            times,
            TIMES.get(unit.lower().rstrip("s") if len(unit) > 2 else unit.lower()),
        )

    def _series(self, name: str) -> Floats | None:
        if name not in self.group["position"]:
            return None
        data = self.group[f"position/{name}"]
        if data.shape == ():
            return np.asarray(
                float(data.attrs.get("offset", 0)) + float(data[()]) * np.arange(len(self.values))
            )
        return np.asarray(data[:], dtype=float)

    def cells(self, frame: int) -> Floats | None:
        """Cell (3, 3) Å of one frame, from a box that is stored once or for every frame."""
        edges = self.group.get("box/edges")
        if edges is None:
            return None
        stored_once = not hasattr(edges, "keys")
        values = edges if stored_once else edges["value"]
        # A box without a unit of its own is in the unit of the positions.
        factor = self._factor(values) if _unit(values) else self.factor
        box = np.asarray(values[()] if stored_once else values[frame], dtype=float) * factor
        cell = np.diag(box) if box.shape == (3,) else box
        return cell if cell.shape == (3, 3) and cell.any() else None

    def column(self, name: str, frame: int) -> Any:
        """Column (N,) of ids or species, stored once or for every frame; None without it."""
        if name not in self.group:
            return None
        data = self.group[name]
        return data["value"][frame] if hasattr(data, "keys") else data[()]


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
        types = (
            () if species is None or np.ndim(species) != 1 else tuple(f"{word:g}" for word in species[order])
        )
        return Content(
            path, "H5MD", frames, Labels(types=types), particles.clock(), "",
            lambda size: record.gather(_frames(path), size, path), (NO_UNIT,) * (not particles.stated),
        )  # fmt: skip


def _frames(path: Path) -> Iterator[Frame]:
    with open_reader(path) as file:
        particles = Particles(path, file)
        for index in range(len(particles.values)):
            values, ids = particles.values[index], particles.column("id", index)
            if particles.factor != 1.0:
                values = values * values.dtype.type(particles.factor)
            yield Frame(values, particles.cells(index), None if ids is None else np.asarray(ids, np.int64))
