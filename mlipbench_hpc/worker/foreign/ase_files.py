"""ASE's own trajectories, read by ASE; the older ones, which are pickles, are refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.record import (
    BROKEN,
    HALF,
    PERIODIC,
    Clock,
    Content,
    CutShort,
    Frame,
    Labels,
)

MAGIC = b"- of UlmASE-Trajectory"


def content(path: Path) -> Content:
    """Content of a `.traj`. Raises InputFailure."""
    with open_reader(path) as reader:
        frames = len(reader)
        symbols = tuple(reader[0].get_chemical_symbols()) if frames else ()
        flags = [bool(flag) for flag in reader[0].pbc] if frames else PERIODIC
    return Content(
        path, "ASE trajectory", frames, Labels(symbols, "species"), Clock(), "",
        lambda size: record.gather(_frames(path), size, path), periodic=(flags[0], flags[1], flags[2]),
    )  # fmt: skip


def open_reader(path: Path) -> Any:
    """Reader of ASE. Raises InputFailure for anything but its present format."""
    from ase.io.trajectory import TrajectoryReader

    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise InputFailure(
                f"{path}: it does not begin as ASE's trajectories do; old ones are pickles, never loaded"
            )
    try:
        return TrajectoryReader(str(path))
    except BROKEN as error:
        raise InputFailure(f"{path}: ASE cannot read it: {error}") from error


def _frames(path: Path) -> Iterator[Frame]:
    with open_reader(path) as reader:
        for index in range(len(reader)):
            try:
                atoms = reader[index]
            except BROKEN as error:
                raise CutShort(f"frame {index} cannot be read, as at {HALF}: {error}") from error
            cell = np.asarray(atoms.cell[:], dtype=float)
            symbols = tuple(atoms.get_chemical_symbols())
            yield Frame(np.asarray(atoms.positions, float), cell if cell.any() else None, labels=symbols)
