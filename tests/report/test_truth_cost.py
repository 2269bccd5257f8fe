"""Cost of tasks with attempts that were killed, stopped, failed or set aside, in a store made by hand."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.report.collect import Item, Reported
from mlipbench_hpc.report.truth.cost import costs, spent, total

KEY = "a" * 64


def attempt(store: Path, name: str, seconds: float, record: str = "", timing: Any = None) -> None:
    """Attempt that began `seconds` before its log was last written; record: how it ended, if it did."""
    folder = store / "attempts" / f"{KEY}-{name}"
    folder.mkdir(parents=True)
    (folder / "task.json").write_text("{}")
    (folder / "log.txt").write_text("")
    os.utime(folder / "task.json", (1000.0, 1000.0))
    os.utime(folder / "log.txt", (1000.0 + seconds, 1000.0 + seconds))
    if record:
        (folder / record).write_text(json.dumps({"timing": timing}))


def item(store: Path, number: int | None = None, earlier: float | None = 0.0) -> Item:
    """The task, committed as attempt `number` after 100 core-seconds, or not done."""
    reported = Reported("md", "md", KEY, {}, "reference", "done")
    timing = {"cpu_s": 100.0, "wall_s": 120.0, "earlier_wall_s": earlier}
    result = {} if number is None else {"attempt": f"{KEY}-{number}", "timing": timing}
    return Item(reported, store / "tasks" / KEY, result)


def test_a_task_that_was_never_begun_costs_nothing(tmp_path: Path) -> None:
    assert spent(item(tmp_path)) is None
    assert costs([item(tmp_path)]) == {}


def test_a_first_attempt_costs_what_it_took(tmp_path: Path) -> None:
    own = spent(item(tmp_path, 0))
    assert own is not None
    assert (own.core_s, own.earlier, own.unknown) == (100.0, 0, 0)


def test_recorded_attempts_count_as_the_result_says(tmp_path: Path) -> None:
    attempt(tmp_path, "0", 50.0, "interrupted.json", {"cpu_s": 40.0, "wall_s": 45.0})
    own = spent(item(tmp_path, 1, earlier=45.0))
    assert own is not None
    assert (own.core_s, own.earlier, own.unknown) == (145.0, 1, 0)


def test_killed_attempts_count_up_to_the_last_file_that_they_wrote(tmp_path: Path) -> None:
    """Stopped after 40 core-seconds, killed after 30 s; attempt 2 was removed; one result was set aside."""
    attempt(tmp_path, "0", 50.0, "interrupted.json", {"cpu_s": 40.0, "wall_s": 45.0})
    attempt(tmp_path, "1", 30.0)
    attempt(tmp_path, "stale0", 80.0, "result.json", {"cpu_s": 70.0, "wall_s": 75.0})
    own = spent(item(tmp_path, 3, earlier=None))
    assert own is not None
    assert (own.core_s, own.earlier, own.unknown) == (240.0, 4, 1)


def test_a_task_that_is_not_done_costs_its_attempts(tmp_path: Path) -> None:
    attempt(tmp_path, "1", 30.0, "failure.json", {"cpu_s": 20.0, "wall_s": 30.0})
    attempt(tmp_path, "2", 10.0)
    own = spent(item(tmp_path))
    assert own is not None
    assert (own.core_s, own.earlier, own.unknown) == (30.0, 3, 1)
    assert costs([item(tmp_path)]) == {"md": {KEY[:16]: [30.0, 3, 1]}}


def test_of_one_store_a_task_counts_once_and_by_its_later_file() -> None:
    early, late = ({"store": "s", "cost": {"md": {"k": [own, 0, 0]}}} for own in (1800.0, 3600.0))
    other = {"store": "t", "cost": {"md": {"k": [7200.0, 1, 0]}}}
    for parts in ([early, late, other], [other, late, early]):
        (row,) = total(parts).values()
        assert row["core_hours"] == pytest.approx(3.0)
        assert (row["tasks"], row["earlier_attempts"]) == (2, 1)
