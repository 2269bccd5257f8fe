"""A filesystem that shows late what another node wrote, and two nodes at one task."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import driving
import pytest
from ase.build import bulk

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, Task
from mlipbench_hpc.runtime.launch import launch
from mlipbench_hpc.worker import __main__ as worker
from mlipbench_hpc.worker import context
from mlipbench_hpc.worker.__main__ import attempt

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def short(store: Store) -> Task:
    atoms = bulk("Ar", "fcc", a=5.3, cubic=True) * (2, 2, 2)
    return driving.md(store, atoms, engine="ase", steps=40, fixed_atoms=[])


def hide(store: Store, task: Task) -> tuple[Path, Path]:
    """The model's committed folder, renamed to where nobody looks."""
    shown = store.task(task.upstream["model"])
    hidden = shown.with_name("hidden")
    shown.rename(hidden)
    return hidden, shown


def test_a_worker_waits_for_what_shows_late(store: Store) -> None:
    task = short(store)
    hidden, shown = hide(store, task)
    late = threading.Timer(2.0, lambda: hidden.rename(shown))
    late.start()
    started = time.monotonic()
    assert attempt(store.begin(task), None, commit=True) == EXIT_COMMITTED
    assert time.monotonic() - started > 2.0


def test_what_never_shows_is_a_failure_that_may_be_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "VISIBLE_WITHIN_S", 0.2)
    task = short(store)
    hide(store, task)
    folder = store.begin(task)
    assert attempt(folder, None, commit=True) == EXIT_OF_FAILURE["transient"]
    assert "is not yet visible on this machine" in (read_json(folder / "failure.json") or {})["message"]


def test_a_node_waits_for_the_attempts_own_folder(tmp_path: Path) -> None:
    late = tmp_path / "late"

    def show() -> None:
        (tmp_path / "new").mkdir()
        (tmp_path / "new/task.json").touch()
        (tmp_path / "new").rename(late)

    threading.Timer(1.0, show).start()
    code = launch(
        [sys.executable, "-c", "open('ran', 'w')"], str(late), dict(os.environ), str(tmp_path / "log")
    )
    assert code == 0
    assert (late / "ran").exists()


def test_two_workers_race_for_one_key_and_one_commits(store: Store) -> None:
    task = short(store)
    for _ in range(3):
        folders = [store.begin(task) for _ in range(2)]
        command = [sys.executable, "-m", "mlipbench_hpc.worker", "task.json"]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        racing = [subprocess.Popen(command, cwd=folder, env=environ) for folder in folders]
        assert [process.wait(timeout=120) for process in racing] == [EXIT_COMMITTED] * 2
        result = store.result(task.key)
        assert result is not None
        assert result["attempt"] in {folder.name for folder in folders}
        assert not any(folder.exists() for folder in folders)
        store.set_aside(task.key)


def test_an_attempt_whose_source_is_committed_meanwhile_ends_as_the_second(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was copying the trajectory of the other one, which became the result by a rename."""
    task = short(store)
    first, second = store.begin(task), store.begin(task)

    real = worker.run_verb

    def vanishes(running: context.Context) -> Any:
        if running.folder == first:
            return real(running)
        assert attempt(first, None, commit=True) == EXIT_COMMITTED
        raise FileNotFoundError("the trajectory is gone")

    monkeypatch.setattr(worker, "run_verb", vanishes)
    assert attempt(second, None, commit=True) == EXIT_COMMITTED
    result = store.result(task.key)
    assert result is not None
    assert result["attempt"] == first.name
    assert not second.exists()
