import time
from pathlib import Path

import pytest

from mlipbench_hpc.contract.folder import Store, write_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.runtime.lock import hold
from mlipbench_hpc.runtime.look import notices, snapshot, snapshot_of, write_notices

TASK = Task(verb="build", version=1, environment="analysis", identity="venv:0", parameters={})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path)
    result.create()
    return result


def test_an_attempt_runs_from_its_log_to_its_ending_under_a_living_driver(store: Store) -> None:
    with hold(store.root):
        attempt = store.begin(TASK)
        assert not snapshot(store, [TASK.key]).running, "queued"
        (attempt / "log.txt").touch()
        write_json(attempt / "progress.json", {"done": 1, "total": 4, "unit": "epochs"})
        assert snapshot(store, [TASK.key]).running[TASK.key]["done"] == 1
        write_json(attempt / "interrupted.json", {"cause": "deadline"})
        assert not snapshot(store, [TASK.key]).running


def test_what_a_dead_driver_left_does_not_run(store: Store) -> None:
    (store.begin(TASK) / "log.txt").touch()
    assert not snapshot(store, [TASK.key]).running
    time.sleep(0.02)
    with hold(store.root):
        assert not snapshot(store, [TASK.key]).running


def test_what_the_scheduler_says_is_shown_while_a_driver_lives(store: Store) -> None:
    with hold(store.root):
        assert notices(store) == []
        write_notices(store, ["job 7 waits"])
        assert notices(store) == ["job 7 waits"]
    assert notices(store) == []


def test_md_outside_the_plan_is_seen_with_the_time_that_it_took(store: Store) -> None:
    """Of another campaign: 30 s of its last attempt, 12 s of one before; other verbs are left out."""
    record = {"outputs": {}, "upstream": {}, "values": {}, "timing": {"wall_s": 30.0, "earlier_wall_s": 12.0}}
    for verb in ("md", "build"):
        task = Task(verb, 1, "analysis", "venv:0", {"steps": 5})
        store.commit(folder := store.begin(task), {"key": task.key, "attempt": folder.name, **record})
    seen = snapshot_of(store, [])
    assert [(task.verb, task.parameters, seconds) for task, seconds in seen.others] == [
        ("md", {"steps": 5}, 42.0)
    ]
    mine = Planned(seen.others[0][0], ())
    assert snapshot_of(store, [mine]).others == []
    assert snapshot_of(store, [mine]).spent == {mine.key: 42.0}


def test_only_the_newest_attempt_counts(store: Store) -> None:
    write_json(store.begin(TASK) / "failure.json", {"kind": "transient", "message": "lost"})
    assert snapshot(store, [TASK.key]).failures[TASK.key]["message"] == "lost"
    store.begin(TASK)
    assert not snapshot(store, [TASK.key]).failures
