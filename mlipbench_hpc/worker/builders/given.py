"""What the user brings: labelled frames, frames to label, or one structure to start from."""

from pathlib import Path

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.check import check_frames, check_structure, check_structures
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.read import DataError, read, read_structure, read_structures
from mlipbench_hpc.worker.builders.slab import WALL_GAP_A
from mlipbench_hpc.worker.context import Context

LEAST_VACUUM_A = 10.0


def labelled(context: Context) -> tuple[Frames, dict[str, float]]:
    """Labelled frames, checked again, in our units; their dipoles go to labels.npz where they have any."""
    how, source = context.parameters, context.input("data")
    try:
        frames, dipoles = read(source, how["format"], how["units"], how["labels"], how["frames"])
    except DataError as error:
        raise InputFailure(str(error)) from error
    if wrong := check_frames(frames, how["largest_force"]):
        raise InputFailure(f"{source}: " + "; ".join(map(str, wrong)))
    if np.isfinite(dipoles).any():
        Answers.of_dipoles(dipoles, int(frames.offsets[-1])).save(context.folder)
    return frames, {}


def unlabelled(context: Context) -> tuple[Frames, dict[str, float]]:
    """Frames without labels, checked again, in Å."""
    how, source = context.parameters, context.input("data")
    try:
        frames = read_structures(source, how["format"], how["frames"])
    except DataError as error:
        raise InputFailure(str(error)) from error
    if wrong := check_structures(frames):
        raise InputFailure(f"{source}: " + "; ".join(map(str, wrong)))
    return frames, {}


def structure(context: Context) -> tuple[Frames, dict[str, float]]:
    """The user's structure."""
    return checked(context.input("data"))


def checked(source: Path) -> tuple[Frames, dict[str, float]]:
    """One unlabelled frame of an extxyz file, and `wall_A` where there is vacuum along z."""
    try:
        frames = read_structure(source)
    except DataError as error:
        raise InputFailure(str(error)) from error
    if wrong := check_structure(frames):
        raise InputFailure(f"{source}: " + "; ".join(map(str, wrong)))
    return frames, _wall(frames)


def _wall(frames: Frames) -> dict[str, float]:
    """A wall 3 Å above the highest atom below the widest empty stretch along z, if that is 10 Å or more."""
    height = float(frames.cells[0, 2, 2])
    if not frames.pbc[0, 2] or height <= LEAST_VACUUM_A:
        return {}
    heights = np.sort(frames.positions[:, 2] % height)
    gaps = np.diff(heights, append=heights[0] + height)
    if gaps.max() < LEAST_VACUUM_A:
        return {}
    return {"wall_A": float(heights[int(gaps.argmax())] + WALL_GAP_A)}
