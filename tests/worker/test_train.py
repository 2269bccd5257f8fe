"""train as the worker runs it: the right frames, a whole curve after a resume, and refusals."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlipbench_hpc.contract.folder import Store, checkpoints, outputs, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_INTERRUPTED, Architecture, Task
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.train import Curve

ADAPTER = """
import os, signal

def train(job):
    state = float((job.resume / "state").read_text()) if job.resume else 0.0
    first = int((job.resume / "epoch").read_text()) + 1 if job.resume else 1
    for epoch in range(first, job.hyperparameters["epochs"] + 1):
        state += job.train.energies.sum() * epoch + job.seed
        job.save(epoch, {"state": str(state).encode(), "epoch": str(epoch).encode()})
        if epoch == STOP and not job.resume:
            os.kill(os.getpid(), signal.SIGTERM)
        job.report({"epoch": epoch, "loss": state if epoch != BAD else float("nan"),
            "validation_energy_rmse_meV_per_atom": job.validation.energies.sum(),
            "validation_force_rmse_meV_per_A": job.reference_energies[1], "learning_rate": 0.1})
    (job.folder / "model.txt").write_text(str(state))
    return {"epochs": epoch, "parameters": 1}
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stop: int = 0, bad: int = 0
) -> Architecture:
    """A made-up architecture that stops itself at epoch `stop`, or reports NaN at epoch `bad`."""
    package = tmp_path / "code" / name
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "adapter.py").write_text(f"STOP, BAD = {stop}, {bad}\n{ADAPTER}")
    monkeypatch.syspath_prepend(str(package.parent))
    return Architecture("sum", name, "0" * 64)


def commit(store: Store, verb: str, files: dict[str, bytes]) -> str:
    """A committed task of another verb with these files; returns its key."""
    task = Task(verb, 1, "tests", "0" * 64, {})
    folder = store.begin(task)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    result = {
        "key": task.key,
        "attempt": folder.name,
        "values": {},
        "outputs": outputs(folder),
        "upstream": {},
    }
    assert store.commit(folder, result)
    return task.key


def task(store: Store, tmp_path: Path, architecture: Architecture, member: int = 1) -> Task:
    """Train a member on single atoms whose energies are 1, 2, 4, 8, 16 eV."""
    frames = Frames(
        np.arange(6), np.ones(5, np.int64), np.zeros((5, 3)), np.zeros((5, 3, 3)), np.zeros((5, 3), bool),
        2.0 ** np.arange(5), np.zeros((5, 3)),
    )  # fmt: skip
    frames.save(tmp_path / "frames.npz")
    split = {"validation": [4], "test": [3], "members": [[0], [1, 2]], "reference_energies": {"1": -13.6}}
    upstream = {
        "frames": commit(store, "build", {"frames.npz": (tmp_path / "frames.npz").read_bytes()}),
        "split": commit(store, "split", {"split.json": json.dumps(split).encode()}),
    }
    parameters = {
        "member": member, "seed": 100, "hyperparameters": {"epochs": 4}, "device": "cpu", "dtype": "float64",
        "threads": 1,
    }  # fmt: skip
    return Task("train", 1, "tests", "0" * 64, parameters, upstream, architecture=architecture)


def run(store: Store, asked: Task) -> tuple[int, Path]:
    """One attempt: its exit code, and where its files are afterwards."""
    folder = store.begin(asked)
    code = attempt(folder, None, commit=True)
    return code, store.task(asked.key) if code == EXIT_COMMITTED else folder


def test_a_member_trains_on_its_own_frames(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = task(store, tmp_path, install(tmp_path, monkeypatch, "sum_plain"))
    code, folder = run(store, asked)
    assert code == EXIT_COMMITTED
    assert float((folder / "model.txt").read_text()) == (2 + 4) * (1 + 2 + 3 + 4) + 4 * 100
    rows = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["loss"]) for row in rows] == [106.0, 218.0, 336.0, 460.0]
    assert {row["validation_energy_rmse_meV_per_atom"] for row in rows} == {"16.0"}
    values: dict[str, Any] = store.result(asked.key)["values"]  # type: ignore[index]
    assert values == {
        "frames": 2, "epochs": 4, "parameters": 1,
        "validation_energy_rmse_meV_per_atom": 16.0, "validation_force_rmse_meV_per_A": -13.6,
    }  # fmt: skip


def test_a_resumed_attempt_has_the_whole_curve(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = task(store, tmp_path, install(tmp_path, monkeypatch, "sum_stops", stop=2))
    code, folder = run(store, asked)
    assert code == EXIT_INTERRUPTED
    assert [step for step, _ in checkpoints(folder)] == [2, 1]
    code, folder = run(store, asked)
    assert code == EXIT_COMMITTED
    assert float((folder / "model.txt").read_text()) == 460.0
    rows = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == [106.0, 218.0, 336.0, 460.0]


@pytest.mark.parametrize(
    ("hyperparameters", "progress"),
    [
        ({"epochs": 4}, (2, 4, "epochs")),
        ({"epochs": 4, "updates": 0, "batch_size": 3}, (2, 4, "epochs")),
        ({"epochs": 4, "updates": 20, "batch_size": 3}, (8, 20, "updates")),
        ({"updates": 25}, (20, 30, "updates")),
    ],
)
def test_progress_counts_updates_where_they_say_how_long_it_takes(
    hyperparameters: dict[str, int], progress: tuple[int, int, str]
) -> None:
    """Two epochs of ten frames, in batches of three (four updates each) or of one."""
    context = SimpleNamespace(hyperparameters=hyperparameters)
    curve = Curve(context, 10, rows=[{}, {}])  # type: ignore[arg-type]
    assert curve.progress() == progress


def test_divergence_is_a_failure_that_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = task(store, tmp_path, install(tmp_path, monkeypatch, "sum_bad", bad=3))
    _, folder = run(store, asked)
    failure = read_json(folder / "failure.json")
    assert failure["kind"] == "architecture"
    assert "training diverged" in failure["message"]
    assert "'epoch': 3" in failure["message"]


def test_a_member_outside_the_split_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = run(store, task(store, tmp_path, install(tmp_path, monkeypatch, "sum_out"), member=2))
    failure = read_json(folder / "failure.json")
    assert failure["kind"] == "input"
    assert "member 2: the split has 2" in failure["message"]
