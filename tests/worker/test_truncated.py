"""An attempt at md whose newest files end early: at any byte of the last record, nothing is lost but that."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import driving
import numpy as np
import pytest
from ase import Atoms

from mlipbench_hpc.contract.folder import Store, furthest_checkpoint
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.data.trajectory import record_type
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.restart import Continuation, furthest, pack
from mlipbench_hpc.worker.engines.trajectory import read_segments

CUBE = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
CRYSTAL = Atoms("NaCl" * 4, CUBE, cell=[6.0] * 3, pbc=True)
PERIODS = {"engine": "ase", "timestep": 0.001, "steps": 60, "frame_every": 5, "checkpoint_every": 10}
STOPPED_AFTER, LAST, BEFORE = 32, 30, 20
CHECKPOINT = f"checkpoint/{LAST:012d}"


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, Task, Path]:
    """A store with one attempt that came a little beyond its third checkpoint."""
    store = Store(tmp_path / "store")
    store.create()
    task = driving.md(store, CRYSTAL, "springs", **PERIODS)
    folder = store.begin(task)
    driving.stop(folder, STOPPED_AFTER, monkeypatch)
    return store, task, folder


def last_record(folder: Path, name: str) -> int:
    """How many bytes of a file belong to its last record: a frame, a row, or a checkpoint as a whole."""
    if name == "trajectory.nc":
        return record_type(len(CRYSTAL)).itemsize
    if name == "thermo.csv":
        return len((folder / name).read_bytes().splitlines(keepends=True)[-1])
    return (folder / name).stat().st_size


def cuts(folder: Path, name: str) -> Iterator[int]:
    """Cut a file shorter and shorter, byte by byte; how many are gone."""
    size = (folder / name).stat().st_size
    for gone in range(1, last_record(folder, name) + 1):
        os.truncate(folder / name, size - gone)
        yield gone


def same(one: Continuation | None, other: Continuation | None) -> bool:
    assert one is not None
    assert other is not None
    return one.segments == other.segments and pack(one.state) == pack(other.state)


FILES = [f"{CHECKPOINT}/state.npz", f"{CHECKPOINT}/checkpoint.json", "trajectory.nc", "thermo.csv"]


@pytest.mark.parametrize("name", FILES)
def test_every_byte(stopped: tuple[Store, Task, Path], name: str) -> None:
    """What is continued from is the checkpoint before, the same at every byte: state, frames and rows."""
    store, task, folder = stopped
    context = Context(task, folder.with_name("next"), store)
    whole = furthest(context)
    assert whole is not None
    assert whole.segments[-1].end_step == LAST
    shutil.move(folder / CHECKPOINT, folder.parent / "aside")
    before = furthest(context)
    assert before is not None
    assert before.segments[-1].end_step == BEFORE
    shutil.move(folder.parent / "aside", folder / CHECKPOINT)
    for gone in cuts(folder, name):
        if name.endswith(".npz") and gone % 64 != 1:  # Thousands of bytes: its checksum alone.
            assert furthest_checkpoint(folder) == BEFORE
            continue
        newline = name.endswith(".json") and gone == 1
        assert same(furthest(context), whole if newline else before), f"{gone} bytes of {name} are gone"


def flipped(path: Path) -> Iterator[None]:
    """One bit of each byte after the other, and back."""
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 7
        path.write_bytes(changed)
        yield
    path.write_bytes(content)


def test_a_flipped_bit_of_a_checkpoints_record(stopped: tuple[Store, Task, Path]) -> None:
    """It does not count any more, or, where one blank became another, says what it said."""
    _, _, folder = stopped
    seen = [furthest_checkpoint(folder) for _ in flipped(folder / CHECKPOINT / "checkpoint.json")]
    assert set(seen) <= {BEFORE, LAST}
    assert seen.count(LAST) < 0.2 * len(seen)


def test_a_flipped_bit_of_what_vouches_for_the_segments(stopped: tuple[Store, Task, Path]) -> None:
    """None of them is believed then, or all that it said before."""
    _, _, folder = stopped
    before = read_segments(folder)
    assert len(before) == LAST // 10
    seen = [read_segments(folder) for _ in flipped(folder / "segments.json")]
    assert all(one in ([], before) for one in seen)
    assert seen.count(before) < 0.4 * len(seen)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_rest_of_the_run_is_the_undisturbed_one(
    stopped: tuple[Store, Task, Path], tmp_path: Path, name: str, share: float
) -> None:
    store, task, folder = stopped
    gone = max(1, round(share * last_record(folder, name)))
    os.truncate(folder / name, (folder / name).stat().st_size - gone)
    assert driving.run(store, task) == driving.undisturbed(tmp_path, CRYSTAL, "springs", **PERIODS)
