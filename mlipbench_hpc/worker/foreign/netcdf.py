"""AMBER NetCDF (https://ambermd.org/netcdf/nctraj.xhtml), also of LAMMPS, which stores ids and types.

Our own reader, memory-mapped: MDAnalysis copies every frame, ignores ids, and refuses times in fs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.netcdf import Records, open_records
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.record import BOHR, NM, PS, Clock, Content, Frame, Labels, Piece

LENGTHS = {"angstrom": 1.0, "nanometer": NM, "bohr": BOHR}
TIMES = {"picosecond": PS["ps"], "femtosecond": PS["fs"], "nanosecond": PS["ns"]}
UNITS = {
    "coordinates": ("angstrom", LENGTHS),
    "time": ("picosecond", TIMES),
    "cell_lengths": ("angstrom", LENGTHS),
    "cell_angles": ("degree", {"degree": 1.0}),
}
AT_ONCE = 1000


class Variables:
    """Record variables of one file, in Å, ps and degrees."""

    def __init__(self, path: Path) -> None:
        """Raises InputFailure where the file is no AMBER NetCDF, or its units are not in UNITS."""
        self.records = _records(path)
        self.rows: NDArray[Any] = self.records.rows
        self.factors = {name: self._factor(path, name) for name in UNITS}

    def _factor(self, path: Path, name: str) -> float:
        expected, units = UNITS[name]
        unit = self.records.units.get(name, expected)
        factor = units.get(unit.lower().rstrip("s"))
        if factor is None:
            raise InputFailure(f"{path}: {name} is in `{unit}`, expected {expected}")
        return factor * self.records.scales.get(name, 1.0)

    def __contains__(self, name: str) -> bool:
        return name in (self.rows.dtype.names or ())

    def of(self, rows: NDArray[Any], name: str) -> NDArray[Any]:
        """Variable of some records; as stored, big-endian, where its factor is 1."""
        factor = self.factors[name]
        return np.asarray(rows[name] if factor == 1.0 else rows[name] * rows[name].dtype.type(factor))

    def cells(self, rows: NDArray[Any]) -> Floats | None:
        """Cells (f, 3, 3) Å, or None where there are none."""
        if "cell_lengths" not in self or "cell_angles" not in self:
            return None
        lengths, angles = (np.asarray(self.of(rows, f"cell_{what}"), float) for what in ("lengths", "angles"))
        return cell_vectors(lengths, angles) if lengths.all() else None

    def times(self) -> Floats | None:
        """Times (F,) in ps, read a thousand at a time, because each lies in a page of its own."""
        if "time" not in self:
            return None
        times = [np.zeros(0)]
        for start in range(0, len(self.rows), AT_ONCE):
            times.append(np.asarray(self.of(self.rows[start : start + AT_ONCE], "time"), float))
            let_go(self.rows)
        return np.concatenate(times)


def _records(path: Path) -> Records:
    with path.open("rb") as stream:
        if stream.read(4) in (b"\x89HDF", b"CDF\x05"):
            raise InputFailure(
                f"{path}: it is NetCDF-4 or CDF-5, expected the classic format; `nccopy -k cdf2 {path.name} "
                "new.nc` writes it"
            )
    try:
        records = open_records(path)
    except ValueError as error:
        raise InputFailure(str(error)) from error
    if "coordinates" not in (records.rows.dtype.names or ()):
        raise InputFailure(f"{path}: it has no coordinates: expected AMBER's convention")
    return records


def content(path: Path) -> Content:
    """Content of an AMBER NetCDF trajectory. Raises InputFailure."""
    variables = Variables(path)
    rows, labels = variables.rows, Labels()
    if len(rows) and "type" in variables and rows["type"].ndim == 2:
        order: Any = order_of(path, 0, rows["id"][0]) if "id" in variables else slice(None)
        labels = Labels(types=tuple(str(word) for word in rows["type"][0][order]))
    rest = "fewer than its header says, or half a frame at its end" if variables.records.cut else ""
    unit = variables.records.units.get("time", "")
    return Content(
        path, "NetCDF", len(rows), labels, Clock(None, variables.times(), PS["ps"]), rest,
        lambda size: _by_id(path, variables, size) if "id" in variables else _as_stored(variables, size),
        (f"times in {unit}",) if unit.startswith("femto") else (),
    )  # fmt: skip


def _as_stored(variables: Variables, size: int) -> Iterator[Piece]:
    for start in range(0, len(variables.rows), size):
        rows = variables.rows[start : start + size]
        yield Piece(variables.of(rows, "coordinates"), variables.cells(rows))
        let_go(variables.rows)


def _by_id(path: Path, variables: Variables, size: int) -> Iterator[Piece]:
    def frames() -> Iterator[Frame]:
        for index in range(len(variables.rows)):
            rows = variables.rows[index : index + 1]
            cells = variables.cells(rows)
            ids = np.array(rows["id"][0], dtype=np.int64)
            types = tuple(rows["type"][0].tolist()) if "type" in variables else None
            positions = variables.of(rows, "coordinates")[0].copy()
            yield Frame(positions, None if cells is None else cells[0], ids, types)
            if index % AT_ONCE == 0:
                let_go(variables.rows)

    return record.gather(frames(), size, path)
