"""Which node is avoided and when a run ends, by what ended where."""

import pytest

from mlipbench_hpc.runtime.cluster.health import EndedJob, Health


def idle(number: int, node: str = "n1") -> EndedJob:
    """A job that started no task."""
    return EndedJob(str(number), node, "failed: NonZeroExitCode", "no such module", False, True)


def busy(number: int, node: str = "n1", failed: bool = True) -> EndedJob:
    return EndedJob(str(number), node, "failed: OutOfMemory", "", True, failed)


def test_three_jobs_in_a_row_that_start_no_task_end_the_run_with_what_the_last_printed() -> None:
    health = Health(3)
    for number, node in enumerate(("n1", "n2", "n3")):
        assert health.verdict(others_run=False) == ""
        health.ended(idle(number, node))
    text = health.verdict(others_run=False)
    assert text.startswith("3 jobs in a row have failed before they started a task (0, 1, 2): job 2 on n3")
    assert "no such module" in text


def test_a_job_that_starts_a_task_resets_the_count() -> None:
    health = Health(3)
    for number in range(4):
        health.ended(idle(number, ""))
        health.ended(idle(number, ""))
        assert not health.is_doubtful
        health.begun() if number % 2 else health.ended(busy(number, failed=False))
    assert health.verdict(others_run=False) == ""


def test_jobs_that_run_may_yet_show_that_jobs_can_start_tasks() -> None:
    health = Health(3)
    for number in range(3):
        health.ended(idle(number, ""))
    assert health.is_doubtful
    assert health.verdict(others_run=True) == ""
    health.begun()
    assert health.verdict(others_run=False) == ""


def test_the_last_of_these_jobs_tries_another_node() -> None:
    health = Health(3)
    health.ended(idle(1))
    assert health.excluded == {}
    health.ended(idle(2))
    assert "2 jobs that started no task in a row" in health.excluded["n1"]
    assert "job 2 on n1" in health.excluded["n1"]
    health.ended(idle(3))  # Submitted before: it says nothing about the others.
    assert health.verdict(others_run=False) == ""


def test_a_scheduler_that_cannot_keep_jobs_off_a_node_ends_the_run() -> None:
    health = Health(3)
    for number in range(5):
        health.ended(idle(number))
    assert "started on excluded nodes all the same: n1 (2 jobs" in health.verdict(others_run=True)


def test_five_jobs_in_a_row_that_fail_end_the_run_whatever_they_started() -> None:
    health = Health(3)
    for number in range(4):
        health.ended(busy(number))
    health.worked("n1")
    for number in range(4, 9):
        assert health.verdict(others_run=True) == ""
        health.ended(busy(number))
    assert "5 jobs in a row have failed (4, 5, 6, 7, 8)" in health.verdict(others_run=True)


@pytest.mark.parametrize("limit", [2, 3])
def test_failures_in_a_row_on_one_node(limit: int) -> None:
    health = Health(limit)
    for number in range(2 * limit):
        health.failed("n1", f"task {number}", "killed by SIGBUS", False)
        health.worked("n2")
        if number == limit - 2:
            health.worked("n1")
        assert bool(health.excluded) is (number >= 2 * limit - 2)
    assert "killed by SIGBUS" in health.excluded["n1"]
    assert list(health.excluded) == ["n1"]


def test_a_task_that_fails_again_and_again_where_others_succeed_is_no_nodes_fault() -> None:
    health = Health(3)
    health.worked("n1")
    for _ in range(9):
        health.failed("n1", "bad", "killed by SIGSEGV", False)
    assert health.excluded == {}
    health.failed("n1", "other", "killed by SIGBUS", False)
    assert list(health.excluded) == ["n1"]


def test_a_task_that_fails_on_two_nodes_counts_against_neither() -> None:
    health = Health(2)
    health.failed("n1", "bad", "killed", False)
    for _ in range(5):
        health.failed("n2", "bad", "killed", False)
    health.failed("n1", "other", "killed", False)
    assert health.excluded == {}
    health.failed("n1", "third", "killed", False)
    assert list(health.excluded) == ["n1"]
    health.failed("n2", "other", "killed", False)
    health.failed("n2", "fourth", "killed", False)
    assert list(health.excluded) == ["n1", "n2"], "failures on an excluded node are that node's"


def test_what_cannot_be_a_tasks_fault_counts_however_few_tasks_there_are() -> None:
    health = Health(3)
    health.worked("n1")
    for _ in range(3):
        health.failed("n1", "only", "it could not be started", True)
    assert list(health.excluded) == ["n1"]


def test_tasks_that_fail_on_every_node_exclude_none() -> None:
    health = Health(3)
    for task in ("t1", "t2", "t3", "t4"):
        for node in ("a", "b"):
            health.failed(node, task, "lost", is_certain=False)
    assert health.excluded == {}


def test_a_job_that_begins_a_task_clears_its_nodes_jobs_without_one() -> None:
    health = Health(3)
    health.ended(idle(1))
    for number in range(5):
        health.ended(busy(number, failed=False))
    health.ended(idle(2))
    assert health.excluded == {}
