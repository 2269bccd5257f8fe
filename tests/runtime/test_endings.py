"""When a task that its time's end interrupts again and again is given up: told by its folders alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.runtime.display import Lines
from mlipbench_hpc.runtime.driver import Driver
from mlipbench_hpc.runtime.endings import record, record_stop, stuck
from mlipbench_hpc.runtime.flight import Flight
from mlipbench_hpc.runtime.trouble import OUT_OF_TIME

NEVER, NO_FURTHER = "before its first checkpoint", "without getting any further"


def attempts(folder: Path, *ended: tuple[float, int | None]) -> list[Path]:
    """Interrupted attempts: seconds that each had, and the step of its checkpoint or None."""
    result = []
    for number, (seconds, step) in enumerate(ended):
        result.append(folder / f"key-{number}")
        result[-1].mkdir()
        timing = {"cause": "deadline", "timing": {"wall_s": seconds}}
        (result[-1] / "interrupted.json").write_text(json.dumps(timing))
        if step is not None:
            (result[-1] / "checkpoint" / f"{step:012d}").mkdir(parents=True)
    return result


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        ([], ""),
        ([(50.0, None)] * 2, ""),
        ([(50.0, None)] * 3, NEVER),
        ([(50.0, 10), (50.0, 20), (50.0, None), (50.0, 30)], ""),
        ([(50.0, 10), (50.0, None), (50.0, 10), (50.0, None)], NO_FURTHER),
        ([(50.0, None), (50.0, None), (5.0, None), (5.0, None)], ""),
        ([(50.0, None), (50.0, None), (5.0, None), (50.0, None)], NEVER),
        ([(50.0, None), *[(5.0, None)] * 7], ""),
        ([(50.0, None), *[(5.0, None)] * 8], NEVER),
        ([(20.0, None), (20.0, None), (20.0, None), (90.0, None)], ""),
    ],
    ids=["none", "two", "three", "further", "no further", "late", "late and one", "short", "nine", "longer"],
)
def test_attempts_that_come_no_further(
    tmp_path: Path, ended: list[tuple[float, int | None]], why: str
) -> None:
    text = stuck(attempts(tmp_path, *ended))
    assert bool(text) == bool(why)
    assert why in text


def test_attempts_that_somebody_stopped_do_not_count(tmp_path: Path) -> None:
    """Neither those whose driver was stopped nor those that Ctrl-C ended; the job's end counts again."""
    ended = attempts(tmp_path, *[(50.0, None)] * 7)
    for attempt in ended[:2]:
        record_stop(attempt, "SIGTERM")
    for attempt in ended[2:5]:
        (attempt / "interrupted.json").write_text('{"cause": "SIGINT", "timing": {"wall_s": 50.0}}')
    assert stuck(ended) == ""
    assert stuck(ended[5:] * 2) != ""


@pytest.mark.parametrize(("stopping", "counts"), [("SIGINT", False), (OUT_OF_TIME, True)])
def test_a_stopped_driver_says_so_in_its_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopping: str, counts: bool
) -> None:
    """The end of its own job is a deadline as any other."""
    ended = attempts(tmp_path, *[(50.0, None)] * 3)
    for attempt in ended:
        monkeypatch.setattr("mlipbench_hpc.runtime.processes.kill", lambda *_: 0)
        task = Planned(Task("md", 1, "analysis", "venv:0", {}), ())
        fields = {
            "store": Store(tmp_path),
            "site": None,
            "code": tmp_path,
            "environments": {},
            "replan": None,
        }
        driver: Any = Driver(**fields, display=Lines(), remark=lambda *_: [], stopping=stopping)
        driver.flights = {task.key: Flight(task, attempt, "local", "")}
        driver._stop_everything()
    assert bool(stuck(ended)) is counts


def test_why_is_written_once_and_with_its_time(tmp_path: Path) -> None:
    (attempt,) = attempts(tmp_path, (50.0, None))
    record(attempt, "stuck", "why")
    record(attempt, "lost", "another")
    result = json.loads((attempt / "failure.json").read_text())
    assert result == {"kind": "stuck", "message": "why", "timing": {"wall_s": 50.0}}
