"""Outputs of a simulation: trajectory, thermo, topology, and segments.json with their checksums."""

import hashlib
import io
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.io.proteindatabank import write_proteindatabank

from mlipbench_hpc.contract.folder import fsync, read_sealed, write_bytes, write_sealed
from mlipbench_hpc.data.trajectory import NUMRECS_AT, header, numrecs, record_type
from mlipbench_hpc.worker.engines.system import Sample, System, Thermometer

TRAJECTORY, THERMO, SEGMENTS, TOPOLOGY = "trajectory.nc", "thermo.csv", "segments.json", "topology.pdb"


@dataclass(frozen=True)
class Piece:
    """Bytes that one segment added to a file."""

    offset: int
    size: int
    sha256: str

    def read(self, path: Path) -> bytes | None:
        """Read these bytes of `path`; None when they are missing or changed."""
        try:
            with path.open("rb") as stream:
                stream.seek(self.offset)
                content = stream.read(self.size)
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == self.sha256 else None


@dataclass(frozen=True)
class Segment:
    """Trajectory between two checkpoints; state_sha256 is None where a run ended as unstable."""

    first_frame: int
    frames: int
    end_step: int
    trajectory: Piece
    thermo: Piece
    state_sha256: str | None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Segment":
        """One entry of segments.json."""
        pieces = {name: Piece(**data[name]) for name in ("trajectory", "thermo")}
        return cls(**{**data, **pieces})


def read_segments(folder: Path) -> list[Segment]:
    """Segments in segments.json of an attempt; none where it is missing or was changed."""
    listed = read_sealed(folder / SEGMENTS) or {"segments": []}
    return [Segment.from_json(entry) for entry in listed["segments"]]


class Growing:
    """A file that only grows, piece by piece."""

    def __init__(self, path: Path, head: bytes) -> None:
        self.path = path
        self.stream = path.open("w+b")
        self.stream.write(head)
        self._begin_piece(len(head))

    def _begin_piece(self, offset: int) -> None:
        self._offset, self._size, self._hash = offset, 0, hashlib.sha256()

    def append(self, content: bytes) -> None:
        """Add bytes to the present piece."""
        self.stream.write(content)
        self._hash.update(content)
        self._size += len(content)

    def end_piece(self) -> Piece:
        """End the present piece; returns it."""
        piece = Piece(self._offset, self._size, self._hash.hexdigest())
        self._begin_piece(self._offset + self._size)
        return piece

    def copy(self, piece: Piece, source: Path) -> None:
        """Append a piece of another file; raises OSError when its checksum has changed."""
        content = piece.read(source)
        if content is None:
            raise OSError(f"{source}: {piece.size} bytes at {piece.offset} changed while they were copied")
        self.append(content)
        self.end_piece()

    def patch(self, offset: int, content: bytes) -> None:
        """Overwrite bytes of the head."""
        self.stream.seek(offset)
        self.stream.write(content)
        self.stream.seek(0, os.SEEK_END)

    def sync(self) -> None:
        """Flush everything written so far to disk."""
        self.stream.flush()
        os.fsync(self.stream.fileno())


class Recorder:
    """Writer of a simulation's outputs; a reader, or an attempt after a crash, finds whole segments."""

    def __init__(self, folder: Path, system: System, thermometer: Thermometer, timestep: float) -> None:
        """timestep in ps."""
        self.folder, self.thermometer, self.timestep = folder, thermometer, timestep
        self.segments: list[Segment] = []
        self.frames = 0
        self._record = np.zeros(1, record_type(len(system.start)))
        has_cell = system.start.cell.rank == 3
        self._record["cell_lengths"] = system.start.cell.lengths() if has_cell else 0.0
        self._record["cell_angles"] = system.start.cell.angles() if has_cell else 90.0
        self._trajectory = Growing(folder / TRAJECTORY, header(system.start.numbers))
        self._restraint = system.restraint_energy if system.restraint else None
        self._thermo = Growing(folder / THERMO, thermo_header(thermometer, restrained=bool(self._restraint)))
        write_topology(folder / TOPOLOGY, system)

    def adopt(self, attempt: Path, segments: list[Segment]) -> None:
        """Copy the frames and rows of another attempt's intact segments."""
        for segment in segments:
            self._trajectory.copy(segment.trajectory, attempt / TRAJECTORY)
            self._thermo.copy(segment.thermo, attempt / THERMO)
        self.segments = list(segments)
        self.frames = sum(segment.frames for segment in segments)
        self._publish()

    def frame(self, sample: Sample) -> None:
        """Add one frame and its row."""
        time_ps = self.time(sample.step)
        self._record["time"] = time_ps
        self._record["coordinates"] = sample.positions
        self._trajectory.append(self._record.tobytes())
        own = [self._restraint(sample.positions)] if self._restraint else []
        self._thermo.append(thermo_row(sample, time_ps, self.thermometer, own))
        self.frames += 1

    def time(self, step: int) -> float:
        """Time in ps, without rounding noise of the product."""
        return round(step * self.timestep, 9)

    def end_segment(self, step: int, state_sha256: str | None) -> None:
        """Flush everything up to `step` to disk, and record it in segments.json."""
        first = self.segments[-1].first_frame + self.segments[-1].frames if self.segments else 0
        pieces = (self._trajectory.end_piece(), self._thermo.end_piece())
        self.segments.append(Segment(first, self.frames - first, step, *pieces, state_sha256))
        self._publish()

    def _publish(self) -> None:
        self._trajectory.sync()
        self._trajectory.patch(NUMRECS_AT, numrecs(self.frames))
        self._trajectory.sync()
        self._thermo.sync()
        write_sealed(self.folder / SEGMENTS, {"segments": [asdict(segment) for segment in self.segments]})
        fsync(self.folder)

    def close(self) -> None:
        """Close the files; bytes after the end of the last segment are not used."""
        self._trajectory.stream.close()
        self._thermo.stream.close()


def thermo_header(thermometer: Thermometer, restrained: bool = False) -> bytes:
    """First line of thermo.csv; the restraint's energy is no part of the potential's."""
    names = ["step", "time_ps", "potential_eV", "kinetic_eV", "conserved_eV", "temperature_K"]
    names += [f"temperature_{symbol}_K" for symbol in thermometer.species] + ["restraint_eV"] * restrained
    return (",".join(names) + "\n").encode("ascii")


def thermo_row(sample: Sample, time_ps: float, thermometer: Thermometer, more: list[float]) -> bytes:
    """One line of thermo.csv; every number reads back to the same bits. more: at the end."""
    momenta = sample.momenta
    numbers = [time_ps, sample.potential, thermometer.kinetic(momenta), sample.conserved]
    numbers += [thermometer.temperature(momenta), *thermometer.by_species(momenta), *more]
    return (",".join([str(sample.step), *map(repr, numbers)]) + "\n").encode("ascii")


def write_topology(path: Path, system: System) -> None:
    """Write the start as PDB: MDAnalysis, VMD and OVITO read no elements from AMBER NetCDF."""
    text = io.StringIO()
    write_proteindatabank(text, system.start)
    write_bytes(path, text.getvalue().encode("ascii"))
