"""Files of the user: labelled frames, frames to label, or one structure to start from."""

from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.check import check_structure, check_structures
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.labels import check_source, remarks, unchecked
from mlipbench_hpc.data.leaveout import leave_out
from mlipbench_hpc.data.read import DataError, read, read_structure, read_structures
from mlipbench_hpc.data.relations import Relations
from mlipbench_hpc.data.survey import in_time
from mlipbench_hpc.worker.builders.slab import WALL_GAP_A
from mlipbench_hpc.worker.context import Context

LEAST_VACUUM_A = 10.0


def labelled(context: Context) -> tuple[Frames, dict[str, Any]]:
    """Labelled frames, checked again, in our units; dipoles go to labels.npz where there are any.

    `left_out` is the number of frames that each rule of `leave_out` dropped, `remarks` are warnings.
    """
    parameters, path = context.parameters, context.input("data")
    try:
        units, labels, ignore = parameters["units"], parameters["labels"], tuple(parameters["ignore"])
        everything = read(path, parameters["format"], units, labels, parameters["frames"], ignore)
        source, dropped = leave_out(everything, parameters["leave_out"])
    except DataError as error:
        raise InputFailure(str(error)) from error
    frames, relations = source.frames, Relations.of(source.frames)
    if wrong := check_source(source, relations, parameters["labels"], parameters["largest_force"]):
        raise InputFailure(f"{path}: " + "; ".join(map(str, wrong)))
    if np.isfinite(source.dipoles).any():
        Answers.of_dipoles(source.dipoles, int(frames.offsets[-1])).save(context.folder)
    notes = [*source.remarks, *remarks(relations), *unchecked(relations), *in_time(frames)]
    return frames, {"left_out": dropped, "remarks": notes}


def unlabelled(context: Context) -> tuple[Frames, dict[str, Any]]:
    """Frames without labels, checked again, in Å."""
    parameters, path = context.parameters, context.input("data")
    try:
        frames = read_structures(path, parameters["format"], parameters["frames"]).frames
    except DataError as error:
        raise InputFailure(str(error)) from error
    if wrong := check_structures(frames):
        raise InputFailure(f"{path}: " + "; ".join(map(str, wrong)))
    return frames, {}


def structure(context: Context) -> tuple[Frames, dict[str, float]]:
    """Structure of the user's file."""
    return checked(context.input("data"))


def checked(source: Path) -> tuple[Frames, dict[str, float]]:
    """One unlabelled frame of an extxyz file, and `wall_A` where there is vacuum along z."""
    try:
        frames = read_structure(source).frames
    except DataError as error:
        raise InputFailure(str(error)) from error
    if wrong := check_structure(frames):
        raise InputFailure(f"{source}: " + "; ".join(map(str, wrong)))
    return frames, _wall(frames)


def _wall(frames: Frames) -> dict[str, float]:
    """Height of a wall 3 Å above the atoms below the widest empty range along z, if that has 10 Å or more."""
    height = float(frames.cells[0, 2, 2])
    if not frames.pbc[0, 2] or height <= LEAST_VACUUM_A:
        return {}
    heights = np.sort(frames.positions[:, 2] % height)
    gaps = np.diff(heights, append=heights[0] + height)
    if gaps.max() < LEAST_VACUUM_A:
        return {}
    return {"wall_A": float(heights[int(gaps.argmax())] + WALL_GAP_A)}
