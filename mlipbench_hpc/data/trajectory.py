"""Trajectories as AMBER NetCDF: NetCDF-3 with 64-bit offsets, one plain record per frame, so they memory-map.

Convention: https://ambermd.org/netcdf/nctraj.xhtml. Positions are float32 and unwrapped; the cell is in the
orientation that lengths and angles imply (a along x, b in the xy plane).
"""

import io
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.frames import Floats, Ints

NUMRECS_AT = 4
FRAMES_AT_ONCE = 1000


@dataclass(frozen=True)
class Trajectory:
    """F frames of N atoms.

    numbers (N,) atomic numbers; times (F,) ps; positions (F, N, 3) Å, big-endian float32, unwrapped, still on
    disk; cells (F, 3, 3) Å, rows are lattice vectors, all zero where the system has no cell.
    """

    numbers: Ints
    times: Floats
    positions: NDArray[Any]
    cells: Floats

    def __len__(self) -> int:
        return len(self.times)


def record_type(atoms: int) -> np.dtype[Any]:
    """The bytes of one frame, in the order in which `header` declares the record variables."""
    return np.dtype(
        [
            ("time", ">f8"),
            ("coordinates", ">f4", (atoms, 3)),
            ("cell_lengths", ">f8", (3,)),
            ("cell_angles", ">f8", (3,)),
        ]
    )


def header(numbers: Ints) -> bytes:
    """Bytes before the first record, for no records yet; bytes 4 to 8 hold their number, big-endian."""
    begin = len(_one_record(numbers, 0)) - record_type(len(numbers)).itemsize
    content = _one_record(numbers, begin)[:begin]
    return content[:NUMRECS_AT] + numrecs(0) + content[NUMRECS_AT + 4 :]


def numrecs(frames: int) -> bytes:
    """Bytes 4 to 8 of a file with `frames` records."""
    return frames.to_bytes(4, "big")


def open_trajectory(path: Path) -> Trajectory:
    """Memory-map a trajectory; half a frame at the end (a crash) is left out.

    Raises ValueError when the file was not written by this suite.
    """
    numbers, begin = _read_header(path)
    record = record_type(len(numbers))
    frames = max(path.stat().st_size - begin, 0) // record.itemsize
    empty: NDArray[Any] = np.zeros(0, record)
    records = np.memmap(path, record, "r", begin, (frames,)) if frames else empty
    times, cells = np.zeros(frames), [np.zeros((0, 3, 3))]
    for start in range(0, frames, FRAMES_AT_ONCE):
        part = records[start : start + FRAMES_AT_ONCE]
        times[start : start + len(part)] = part["time"]
        cells.append(_cells(part["cell_lengths"].astype(float), part["cell_angles"].astype(float)))
        let_go(records)
    return Trajectory(numbers, times, records["coordinates"], _joined(cells, frames))


def _cells(lengths: Floats, angles: Floats) -> Floats:
    """Cells by `cell_vectors`; a constant cell is in memory once, read-only."""
    if (lengths == lengths[0]).all() and (angles == angles[0]).all():
        return np.broadcast_to(cell_vectors(lengths[:1], angles[:1]), (len(lengths), 3, 3))
    return cell_vectors(lengths, angles)


def _joined(cells: list[Floats], frames: int) -> Floats:
    """Consecutive parts joined to (F, 3, 3); a constant cell is in memory once."""
    parts = cells[1:]
    if parts and all(one.strides[0] == 0 and np.array_equal(one[0], parts[0][0]) for one in parts):
        return np.broadcast_to(parts[0][:1], (frames, 3, 3))
    return np.concatenate(cells)


def cell_vectors(lengths: Floats, angles: Floats) -> Floats:
    """Lattice vectors (F, 3, 3) Å as rows, lower triangular, of lengths (F, 3) Å and angles (F, 3) degrees.

    Angles are α between b and c, β between a and c, γ between a and b. No cell is all zero.
    """
    # cos(90°) is 6e-17 in floating point; taken as sin(0), a right angle gives a clean zero.
    cosines = np.sin(np.radians(90.0 - angles))
    cos_a, cos_b, cos_c = cosines.T
    sin_c = np.sqrt(1.0 - cos_c**2)
    vectors = np.zeros((len(lengths), 3, 3))
    vectors[:, 0, 0] = 1.0
    vectors[:, 1, 0], vectors[:, 1, 1] = cos_c, sin_c
    vectors[:, 2, 0], vectors[:, 2, 1] = cos_b, (cos_a - cos_b * cos_c) / sin_c
    vectors[:, 2, 2] = np.sqrt(1.0 - cos_b**2 - vectors[:, 2, 1] ** 2)
    return vectors * lengths[:, :, None]


def _one_record(numbers: Ints, begin: int) -> bytes:
    # scipy writes the offsets of record variables only when there is a record.
    stream = io.BytesIO()
    with netcdf_file(stream, "w", version=2) as file:
        file.Conventions, file.ConventionVersion = "AMBER", "1.0"
        file.program, file.programVersion = "mlipbench", "1"
        file.records_begin = np.int32(begin)
        file.createDimension("frame", None)
        file.createDimension("atom", len(numbers))
        file.createDimension("label", len("alpha"))
        for name in ("spatial", "cell_spatial", "cell_angular"):
            file.createDimension(name, 3)
        _labels(file, numbers)
        _records(file)
        file.flush()
        return stream.getvalue()


def _labels(file: netcdf_file, numbers: Ints) -> None:
    file.createVariable("spatial", "c", ("spatial",))[:] = list("xyz")
    file.createVariable("cell_spatial", "c", ("cell_spatial",))[:] = list("abc")
    angular = file.createVariable("cell_angular", "c", ("cell_angular", "label"))
    angular[:] = [list("alpha"), list("beta "), list("gamma")]
    file.createVariable("atomic_numbers", "i", ("atom",))[:] = numbers


def _records(file: netcdf_file) -> None:
    for name, kind, dimensions, unit in (
        ("time", "d", ("frame",), "picosecond"),
        ("coordinates", "f", ("frame", "atom", "spatial"), "angstrom"),
        ("cell_lengths", "d", ("frame", "cell_spatial"), "angstrom"),
        ("cell_angles", "d", ("frame", "cell_angular"), "degree"),
    ):
        variable = file.createVariable(name, kind, dimensions)
        variable.units = unit
        variable[0] = 0.0


def _read_header(path: Path) -> tuple[Ints, int]:
    with path.open("rb") as stream:
        try:
            # The private copy states no records, so that a truncated file is read as well as a whole one.
            private = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
            private[NUMRECS_AT : NUMRECS_AT + 4] = numrecs(0)
            with netcdf_file(private, "r", mmap=False) as file:
                return file.variables["atomic_numbers"][:].astype(np.int64), int(file.records_begin)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"{path}: not a trajectory of mlipbench (AMBER NetCDF): {error}") from error
