"""record: a trajectory of another program in this suite's format, as a run that nothing here drove."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.proteindatabank import write_proteindatabank

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import NUMRECS_AT, header, numrecs, record_type
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.trajectory import TOPOLOGY, TRAJECTORY
from mlipbench_hpc.worker.foreign.trajectory import Foreign, open_foreign
from mlipbench_hpc.worker.stretch import ATOMS_AT_ONCE


def run(context: Context) -> dict[str, Any]:
    """Write trajectory.nc and topology.pdb; a file that cannot be right is refused.

    `time_ps`: length of the frames, each for the interval that the campaign states; `warnings` of the reader.
    """
    given = context.parameters
    trajectory = context.input("trajectory")
    topology = context.input("topology") if given["topology_ending"] else None
    with opened(given, trajectory, topology) as source:
        return read(context, source)


@contextmanager
def opened(given: dict[str, Any], trajectory: Path, topology: Path | None) -> Iterator[Foreign]:
    """A trajectory in one cell, read as the parameters of a `record` task say.

    Raises InputFailure, also for what is done with it, in words without paths.
    """
    with tempfile.TemporaryDirectory(prefix="mlipbench-") as folder:
        request = request_of(given, trajectory, topology, Path(folder))
        try:
            source = open_foreign(request)
            if source.cut is not None:
                raise InputFailure("the height of the cell changes, or z is open; expected a run in one cell")
            source.warnings = [in_words(line, request["shown"]) for line in source.warnings]
            yield source
        except InputFailure as error:
            raise InputFailure(in_words(str(error), request["shown"])) from error


def in_words(message: str, shown: dict[str, str]) -> str:
    """A reader's message, with the user's words for temporary files, by path, and keys of campaigns."""
    for path, words in shown.items():
        message = message.replace(path, words).replace(Path(path).name, words) if path else message
    message = message.replace("A B C [α β γ] in Å and degrees", "with three edges, such as 10 Å")
    named = re.sub(r"--([a-z-]+)", lambda option: f"`{option[1].replace('-', '_')}`", message)
    return named.replace("pass `", "state `").replace("`frame_every` PS", "`frame_every`")


def read(context: Context, source: Foreign) -> dict[str, Any]:
    """Write what is read; returns the values of the task."""
    step = context.parameters["frame_every"]
    frames = write(context, source, step)
    missing = [f"{line}: {frames} whole frames are read" for line in cut_short(source)]
    return {
        "outcome": "completed", "cause": None, "steps": None, "time_ps": frames * step, "frames": frames,
        "atoms": len(source.numbers), "temperature_K": None, "format": source.contents[0].format,
        "conserved_drift_meV_per_atom_per_ps": None, "largest_conserved_deviation_meV_per_atom": None,
        "facts": source.facts, "warnings": [*source.warnings, *missing],
    }  # fmt: skip


def cut_short(source: Foreign) -> list[str]:
    """`the trajectory (half a frame at its end) is truncated`; [] where it is whole."""
    name = source.contents[0].path.name
    return [f"{line.replace(name, 'the trajectory')} is truncated" for line in source.truncated]


def request_of(
    given: dict[str, Any], trajectory: Path, topology: Path | None, folder: Path
) -> dict[str, Any]:
    """Request as that of `mlipbench analyse`, with links in `folder` whose names have the files' endings."""
    metal = given["metal"]
    link = linked(trajectory, folder, "trajectory", given["ending"])
    names = linked(topology, folder, "topology", given["topology_ending"]) if topology else ""
    return {
        "trajectory": [link], "format": given["format"], "topology": names,
        "shown": {link: "the trajectory", names: "its topology"},
        "surface": [metal] if isinstance(metal, str) else metal, "ions": [],
        **{name: given[name] for name in ("cell", "elements", "frame_every")},
    }  # fmt: skip


def linked(path: Path, folder: Path, role: str, ending: str) -> str:
    """Link to a file, for readers that judge by a name's ending, beside no other file."""
    (folder / role).mkdir()
    link = folder / role / f"{role}{ending}"
    link.symlink_to(path.resolve())
    return str(link)


def write(context: Context, source: Foreign, step: float) -> int:
    """Write all frames (F, N, 3) Å that count, `step` ps apart, and the first one; returns their number."""
    record = record_type(len(source.numbers))
    lengths, angles = lengths_and_angles(source.cell)
    frames, times = 0, np.asarray(source.times, dtype=float)
    # As the file has them, gaps included: what is a step apart in the list need not be in time.
    stamps = step + times - times[0] if len(times) else times
    with (context.folder / TRAJECTORY).open("w+b") as stream:
        stream.write(header(source.numbers))
        for positions in pieces(context, source):
            rows = np.zeros(len(positions), record)
            rows["time"] = stamps[frames : frames + len(positions)]
            rows["coordinates"], rows["cell_lengths"], rows["cell_angles"] = positions, lengths, angles
            stream.write(rows.tobytes())
            if frames == 0:
                first = Atoms(source.numbers, positions[0], cell=source.cell, pbc=True)
                write_proteindatabank(context.folder / TOPOLOGY, first)
            frames += len(positions)
        stream.seek(NUMRECS_AT)
        stream.write(numrecs(frames))
    return frames


def pieces(context: Context, source: Foreign) -> Iterator[Floats]:
    """Positions (f, N, 3) Å of frames that count, piece by piece."""
    read = 0
    for piece in source.pieces(max(1, ATOMS_AT_ONCE // len(source.numbers))):
        context.check()
        read += len(piece.positions)
        context.progress(read, source.expected, "frames")
        yield np.asarray(piece.positions, dtype=float)


def lengths_and_angles(cell: Floats) -> tuple[Floats, Floats]:
    """Edges (3,) Å of a cell (3, 3), and its angles α, β, γ (3,) in degrees."""
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    return lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))
