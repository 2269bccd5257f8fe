"""Submission beside the polling, and what is made of jobs that end; no Parsl runs, no scheduler is asked."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parsl.jobs.states import JobState, JobStatus

from mlipbench_hpc.campaign.site import PbsSite, SlurmSite
from mlipbench_hpc.runtime.cluster import executor as executors
from mlipbench_hpc.runtime.cluster import notes
from mlipbench_hpc.runtime.cluster.block import Block, Job
from mlipbench_hpc.runtime.cluster.executor import ClusterExecutor
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused
from mlipbench_hpc.runtime.executors import _cluster_executor

GPU = {"cores_per_node": 8, "gpus_per_node": 4, "walltime": "12 h", "max_blocks": 3}


class Scheduler:
    """Accepts jobs, or says what it is told to; each call may wait for a gate."""

    def __init__(self) -> None:
        self.words, self.kind, self.jobs = "", Kind.OUTAGE, list[str]()
        self.gate = threading.Event()
        self.gate.set()
        self.cancelled: list[str] = []
        self.executor: Any = None

    def submit(self, *_: Any) -> str:
        assert self.gate.wait(20)
        if self.words:
            raise Refused(self.kind, self.words)
        self.jobs.append(str(100 + len(self.jobs)))
        self.executor.jobs.know(self.jobs[-1])
        return self.jobs[-1]

    def cancel(self, jobs: list[str]) -> list[bool]:
        self.cancelled += jobs
        for job in jobs:
            self.executor.jobs.resources[job]["status"] = JobStatus(JobState.CANCELLED)
        return [True] * len(jobs)

    def hears(self, job: str, state: JobState, words: str = "", node: str = "", cause: Any = "") -> None:
        self.executor.jobs._heard(self.executor.jobs.resources[job], Job(state, words, words, node, cause))


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scheduler:
    result = Scheduler()
    site = SlurmSite.model_validate(
        {"name": "here", "scheduler": "slurm", "nodes": {"gpu": GPU}, "interface": "lo"}
    )
    result.executor = _cluster_executor(site, "gpu", site.nodes["gpu"], "mlip-x")
    assert isinstance(result.executor, ClusterExecutor)
    text: list[str] = []
    result.executor.settle(tmp_path / "begun" / "gpu", 3, text.append)
    result.executor.said = text
    monkeypatch.setattr(result.executor, "_get_launch_command", lambda _: "true", raising=False)
    monkeypatch.setattr(result.executor.provider, "submit", result.submit)
    monkeypatch.setattr(result.executor.provider, "cancel", result.cancel)
    monkeypatch.setattr(Block, "execute_wait", lambda *_, **__: (1, "", "nobody is here"))
    monkeypatch.setattr(result.executor, "_has_queue", lambda: True)
    monkeypatch.setattr(executors, "RETRY_S", 0.0)
    result.executor.jobs.poll = 0.0
    return result


def submitted(scheduler: Scheduler, count: int) -> list[str]:
    scheduler.executor.scale_out_facade(count)
    scheduler.executor.finish_submitting()
    return scheduler.jobs


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_slow_submission_holds_up_nobody_and_no_job_is_submitted_twice(scheduler: Scheduler) -> None:
    scheduler.gate.clear()
    started = time.monotonic()
    for _ in range(3):
        assert scheduler.executor.scale_out_facade(3) == []
    assert time.monotonic() - started < 1.0, "the thread that polls does not wait"
    scheduler.gate.set()
    until(lambda: len(scheduler.executor.live()) == 3)
    assert submitted(scheduler, 3) == ["100", "101", "102"], "no more than max_blocks"
    assert scheduler.executor.blocks_to_job_id == {"0": "100", "1": "101", "2": "102"}
    assert {status.state for status in scheduler.executor.status_facade.values()} == {JobState.PENDING}


def test_a_limit_on_jobs_is_asked_again_while_jobs_run_and_counts_as_no_failure(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(scheduler, 1)
    scheduler.kind, scheduler.words = Kind.LIMIT, "QOSMaxSubmitJobPerUserLimit"
    monkeypatch.setattr(executors, "PATIENCE_S", 0.05)
    for _ in range(20):
        submitted(scheduler, 2)
        time.sleep(0.01)
    assert scheduler.executor.verdict == ""
    (line,) = scheduler.executor.lines()
    assert "no further job (gpu) is accepted: 1 run or wait, asking again: QOSMaxSubmitJob" in line
    scheduler.words = ""
    assert len(submitted(scheduler, 2)) == 3
    assert list(scheduler.executor.lines()) == []
    assert list(scheduler.executor.blocks_to_job_id) == ["0", "1", "2"], "a refused block keeps its number"


def test_without_jobs_of_ours_there_is_an_end_to_patience(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.words = "Socket timed out"
    monkeypatch.setattr(executors, "FIRST_PATIENCE_S", 0.1)
    submitted(scheduler, 1)
    assert scheduler.executor.verdict == ""
    time.sleep(0.15)
    submitted(scheduler, 1)
    assert scheduler.executor.verdict.endswith("s: Socket timed out")
    assert "no job (gpu) was accepted for" in scheduler.executor.verdict


def test_what_can_never_be_ends_the_run_at_once_and_nothing_more_is_asked(scheduler: Scheduler) -> None:
    scheduler.kind, scheduler.words = Kind.NEVER, "invalid partition specified: gpux"
    submitted(scheduler, 3)
    assert scheduler.executor.verdict == "no job (gpu) is accepted: invalid partition specified: gpux"
    scheduler.words = ""
    assert submitted(scheduler, 3) == []


def test_a_job_that_waits_for_ever_ends_the_run_in_the_schedulers_words(scheduler: Scheduler) -> None:
    submitted(scheduler, 1)
    scheduler.hears("100", JobState.PENDING, "PartitionTimeLimit")
    scheduler.executor.judge()
    assert scheduler.executor.verdict == "", "one answer may be out of date"
    scheduler.hears("100", JobState.PENDING, "PartitionTimeLimit")
    scheduler.executor.judge()
    step = "lower `walltime`, or name another `partition` or `qos`"
    assert scheduler.executor.verdict == f"gpu: job 100 can never start: PartitionTimeLimit: {step}"


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (
            "AssocGrpCPUMinutesLimit",
            "does not start by itself: pending: AssocGrpCPUMinutesLimit: the hours of its",
        ),
        (
            "JobHeldUser",
            "does not start by itself: pending: JobHeldUser: it was held: `scontrol release` lets",
        ),
        ("Priority", "waits: pending: Priority"),
    ],
)
def test_a_job_that_waits_for_somebody_says_so_with_the_next_step(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, reason: str, line: str
) -> None:
    """squeue is made up; the run goes on, for somebody may act."""
    submitted(scheduler, 1)
    answer = (0, f"100|PENDING||{reason}\n", "")
    monkeypatch.setattr(Block, "execute_wait", lambda self, command, timeout=None: answer)
    for _ in range(3):
        scheduler.executor.jobs._status()
        scheduler.executor._status = {"0": scheduler.executor.jobs.resources["100"]["status"]}
        scheduler.executor.judge()
    (shown,) = scheduler.executor.waiting()
    assert shown.startswith(f"job 100 (gpu) {line}")
    assert scheduler.executor.verdict == ""


def test_jobs_whose_start_up_is_longer_than_their_walltime_end_the_run_with_their_logs(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    for number in range(3):
        (job,) = submitted(scheduler, 1)[number:]
        (tmp_path / f"{job}.stderr").write_text("still unpacking")
        scheduler.executor.jobs.resources[job]["job_stderr_path"] = str(tmp_path / f"{job}.stderr")
        scheduler.hears(job, JobState.RUNNING, "running", f"n{number}")
        scheduler.executor.judge()
        assert scheduler.executor.verdict == ""
        scheduler.hears(job, JobState.TIMEOUT, "timeout: TimeLimit", cause="walltime")
        scheduler.executor.judge()
    text = scheduler.executor.verdict
    assert "3 jobs in a row have failed before they started a task (100, 101, 102)" in text
    assert "job 102 on n2 ended as timeout: TimeLimit; it printed: still unpacking" in text


def test_a_commit_whose_note_was_lost_shows_that_jobs_start_tasks(scheduler: Scheduler) -> None:
    for number in range(6):
        (job,) = submitted(scheduler, 1)[number:]
        scheduler.hears(job, JobState.RUNNING, "running", f"n{number}")
        scheduler.hears(job, JobState.COMPLETED, "completed: None")
        scheduler.executor.judge()
        scheduler.executor.worked(f"key-{number}")
    assert scheduler.executor.verdict == ""


@pytest.mark.parametrize(
    ("state", "cause", "began", "wanted"),
    [
        (JobState.TIMEOUT, "walltime", True, True),
        (JobState.TIMEOUT, "preempted", False, True),
        (JobState.COMPLETED, "", False, False),
    ],
    ids=["it ran a task", "it gave way", "nothing waited"],
)
def test_jobs_that_end_without_fault(
    scheduler: Scheduler,
    monkeypatch: pytest.MonkeyPatch,
    state: JobState,
    cause: str,
    began: bool,
    wanted: bool,
) -> None:
    monkeypatch.setattr(scheduler.executor, "_has_queue", lambda: wanted)
    for number in range(6):
        (job,) = submitted(scheduler, 1)[number:]
        if began:
            notes.leave(scheduler.executor.notes / f"key-{number}", notes.Note("n1", str(number)))
        scheduler.hears(job, JobState.RUNNING, "running", "n1")
        scheduler.hears(job, state, "over", cause=cause)
        scheduler.executor.judge()
        assert not scheduler.executor.health.excluded
    assert scheduler.executor.verdict == ""


def test_a_note_that_shows_late_is_waited_for(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where workers called: then a task may have begun, and nothing is submitted until that is known."""
    monkeypatch.setattr(scheduler.executor, "connected_blocks", lambda: ["0"])
    submitted(scheduler, 1)
    scheduler.hears("100", JobState.RUNNING, "running", "n1")
    scheduler.hears("100", JobState.COMPLETED, "completed: None")
    scheduler.executor.judge()
    assert submitted(scheduler, 1) == ["100"]
    notes.leave(scheduler.executor.notes / "key-0", notes.Note("n1", "0"))
    scheduler.executor.judge()
    assert submitted(scheduler, 1) == ["100", "101"]


def test_a_node_that_fails_is_named_its_job_ended_and_the_next_kept_off_it(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    message: list[str] = []
    monkeypatch.setattr(
        Block, "execute_wait", lambda _, command, **__: (message.append(command), (0, "", ""))[1]
    )
    submitted(scheduler, 3)
    for block, (job, node) in enumerate((("100", "n1"), ("101", "n2"))):
        scheduler.hears(job, JobState.RUNNING, "running", node)
        for number in range(4):
            notes.leave(scheduler.executor.notes / f"{node}-{number}", notes.Note(node, str(block)))
    scheduler.executor.worked("n2-0")
    blamed = [
        scheduler.executor.blames_node(f"n1-{number}", f"task {number % 2}", "killed by SIGBUS", False)
        for number in range(4)
    ]
    assert blamed == [False, False, True, True]
    assert not scheduler.executor.blames_node("n2-1", "task 0", "killed by SIGBUS", False)
    assert not scheduler.executor.blames_node("never-begun", "task 0", "killed by SIGBUS", False)
    scheduler.executor.judge()
    assert scheduler.cancelled == ["100"]
    (line,) = scheduler.executor.said
    assert "node n1 gets no more jobs (gpu): 3 failures in a row, last: killed by SIGBUS" in line
    assert scheduler.executor.jobs.excluded == ("n1",)
    assert message == ["scontrol update JobId=102 ExcNodeList=n1"], "it waits, and may meet the node"
    scheduler.executor.judge()
    assert len(message) == 1
    assert len(scheduler.executor.said) == 1


@pytest.mark.parametrize(
    ("state", "cause", "counts"),
    [
        (JobState.TIMEOUT, "node", True),
        (JobState.FAILED, "", True),
        (JobState.TIMEOUT, "preempted", False),
        (JobState.TIMEOUT, "walltime", False),
        (JobState.CANCELLED, "cancelled", False),
    ],
)
def test_lost_workers_count_once_a_job_unless_somebody_ended_it(
    scheduler: Scheduler, state: JobState, cause: str, counts: bool
) -> None:
    for number in range(3):
        (job,) = submitted(scheduler, 1)[number:]
        scheduler.hears(job, JobState.RUNNING, "running", "n1")
        for worker in range(4):
            attempt = f"task{number}{worker}-0"
            notes.leave(scheduler.executor.notes / attempt, notes.Note("n1", str(number)))
            scheduler.executor.lost(attempt, f"task{number}{worker}")
        scheduler.executor.judge()
        assert not scheduler.executor.health.excluded, "the scheduler may yet say why"
        scheduler.hears(job, state, "over", cause=cause)
        scheduler.executor.judge()
        assert bool(scheduler.executor.health.excluded) is (counts and number == 2)


def test_a_pbs_job_is_sent_to_a_named_host_once_others_are_excluded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PBS takes no list of hosts to avoid."""
    site = PbsSite.model_validate(
        {"name": "here", "scheduler": "pbs", "nodes": {"gpu": GPU | {"queue": "gpu"}}, "interface": "lo"}
    )
    result: Any = _cluster_executor(site, "gpu", site.nodes["gpu"], "mlip-x").provider
    result.script_dir = str(tmp_path)
    numbers = iter(range(1, 9))
    monkeypatch.setattr(Block, "execute_wait", lambda _, command, **__: answer(command, numbers))
    scripts = []
    for excluded in ((), ("bad",), ("bad",), ("bad",)):
        result.excluded = excluded
        job = result.submit("true", 1)
        scripts.append(Path(result.resources[job]["job_stdout_path"]).with_suffix("").read_text())
    lines = [line for text in scripts for line in text.splitlines() if line.startswith("#PBS -l select")]
    hosts = [line.partition(":host=")[2] for line in lines]
    assert hosts == ["", "free", "taken", "free"]
    assert lines[1].startswith("#PBS -l select=1:ncpus=8:ngpus=4:host=")
    result.excluded = ("bad", "free", "taken")
    with pytest.raises(Refused, match=r"bad, free, taken excluded: pbsnodes lists 0 other hosts") as refused:
        result.submit("true", 1)
    assert refused.value.kind is Kind.NEVER


def answer(command: str, numbers: Any) -> tuple[int, str, str]:
    if command.startswith("qsub"):
        return 0, f"{next(numbers)}.head\n", ""
    assert command == "pbsnodes -a -F json"
    return 0, NODES, ""


def vnode(host: str, state: str, cores: int = 8, gpus: int = 4, **more: str) -> dict[str, Any]:
    available = {"host": host, "ncpus": cores, "ngpus": gpus}
    return {"state": state, "resources_available": available} | more


NODES = json.dumps(
    {
        "nodes": {
            "bad": vnode("bad", "free"),
            "taken": vnode("taken", "job-busy"),
            "free": vnode("free", "free", queue="gpu"),
            "elsewhere": vnode("elsewhere", "free", queue="cpu"),
            "down": vnode("down", "down,offline"),
            "small": vnode("small", "free", cores=4),
            "plain": vnode("plain", "free", gpus=0),
        }
    }
)


def test_a_slurm_job_says_which_nodes_it_must_not_meet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = SlurmSite.model_validate(
        {"name": "here", "scheduler": "slurm", "nodes": {"gpu": GPU}, "interface": "lo"}
    )
    result: Any = _cluster_executor(site, "gpu", site.nodes["gpu"], "mlip-x").provider
    result.script_dir, result.excluded = str(tmp_path), ("n1", "n7")
    monkeypatch.setattr(Block, "execute_wait", lambda *_, **__: (0, "Submitted batch job 5", ""))
    result.submit("true", 1)
    (script,) = [path for path in tmp_path.iterdir() if path.is_file()]
    head, _, body = script.read_text().partition("\nexport ")
    assert "\n#SBATCH --exclude=n1,n7\n" in head
    assert "--exclude" not in body
