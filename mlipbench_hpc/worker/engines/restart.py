"""Continuation of earlier attempts: the furthest state whose whole past is intact."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlipbench_hpc.contract.folder import checkpoints
from mlipbench_hpc.contract.key import file_digest
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.integrators import State
from mlipbench_hpc.worker.engines.trajectory import THERMO, TRAJECTORY, Segment, read_segments

STATE = "state.npz"


@dataclass(frozen=True)
class Continuation:
    """Segments of an attempt up to a state, and that state."""

    attempt: Path
    segments: list[Segment]
    state: State


def pack(state: State) -> bytes:
    """Bytes of a state as an .npz: equal states give equal bytes."""
    stream = io.BytesIO()
    np.savez(stream, **state)
    return stream.getvalue()


def unpack(path: Path) -> State:
    """Read the bytes of `pack`; pickles are refused."""
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def furthest(context: Context) -> Continuation | None:
    """Furthest continuation that any earlier attempt allows.

    A checkpoint counts when its attempt's segments.json ends a segment with exactly this state and every byte
    of trajectory.nc and thermo.csv before it still has its checksum; later bytes are ignored.
    """
    intact: dict[Path, list[Segment]] = {}
    for step, checkpoint, attempt in context.earlier_checkpoints():
        if attempt not in intact:
            intact[attempt] = intact_segments(attempt)
        segments = [segment for segment in intact[attempt] if segment.end_step <= step]
        if segments and segments[-1].state_sha256 == file_digest(checkpoint / STATE):
            return Continuation(attempt, segments, unpack(checkpoint / STATE))
    return None


def earlier_states(continuation: Continuation) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Step and files of the checkpoints that end the continued attempt's segments, oldest first.

    They are copied with the trajectory, so that damage to a piece of the copy does not cost all of it.
    """
    ends = {segment.end_step for segment in continuation.segments}
    for step, folder in sorted(checkpoints(continuation.attempt)):
        if step in ends:
            yield step, {STATE: (folder / STATE).read_bytes()}


def intact_segments(attempt: Path) -> list[Segment]:
    """Segments of an attempt up to the first one with a changed or missing byte."""
    intact = []
    for segment in read_segments(attempt):
        pieces = ((TRAJECTORY, segment.trajectory), (THERMO, segment.thermo))
        if any(piece.read(attempt / name) is None for name, piece in pieces):
            break
        intact.append(segment)
    return intact
