"""What schedulers say, slow, failing or lying, and what is made of it; their commands are made up here."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from parsl.jobs.states import JobState, JobStatus

from mlipbench_hpc.campaign.site import ClusterSite, PbsNodes, PbsSite, SlurmNodes, SlurmSite
from mlipbench_hpc.contract.task import EXIT_INTERRUPTED
from mlipbench_hpc.runtime.cluster import block as blocks
from mlipbench_hpc.runtime.cluster.block import Block
from mlipbench_hpc.runtime.cluster.providers import blocks_of
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused
from mlipbench_hpc.runtime.cluster.script import hours, job_lines, seconds
from mlipbench_hpc.runtime.executors import DRAIN
from mlipbench_hpc.runtime.launch import here, launch
from mlipbench_hpc.runtime.trouble import WorkersLost

TAG = "mlip-0123456789"
GPU = {"cores_per_node": 8, "gpus_per_node": 4, "walltime": "12 h"}


def site(kind: str, **more: Any) -> ClusterSite:
    own: Any = SlurmSite if kind == "slurm" else PbsSite
    return own.model_validate({"name": "here", "scheduler": kind, "nodes": {"gpu": GPU}} | more)


def block(kind: str, **more: Any) -> Any:
    result = site(kind, **more)
    return blocks_of(result, result.nodes["gpu"], TAG, "/env/bin")


class Said:
    """Answers to scheduler commands, by their first word; the last is given again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[tuple[int, str, str]]) -> None:
        self.answers, self.asked = answers, list[str]()
        monkeypatch.setattr(Block, "execute_wait", self.answer)

    def answer(self, command: str, timeout: float | None = None) -> tuple[int, str, str]:
        self.asked.append(command)
        mine = self.answers[command.split()[0]]
        return mine.pop(0) if len(mine) > 1 else mine[0]


def known(result: Any, job: str, state: JobState = JobState.RUNNING) -> None:
    paths = dict.fromkeys(("job_stdout_path", "job_stderr_path"))
    result.resources[job] = {"job_id": job, "status": JobStatus(state), **paths}


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", JobState.PENDING),
        ("RUNNING", JobState.RUNNING),
        ("COMPLETED", JobState.COMPLETED),
        ("TIMEOUT", JobState.TIMEOUT),
        ("PREEMPTED", JobState.TIMEOUT),
        ("OUT_OF_MEMORY", JobState.FAILED),
        ("SUSPENDED", JobState.PENDING),
        ("NEW_IN_2031", JobState.PENDING),
    ],
)
def test_states_of_slurm(monkeypatch: pytest.MonkeyPatch, word: str, state: JobState) -> None:
    result = block("slurm")
    known(result, "7")
    Said(monkeypatch, squeue=[(0, f"7|{word}|n1|Reason, of | some kind\n", "")])
    result._status()
    assert result.resources["7"]["status"].state == state
    assert result.resources["7"]["status"].message == f"{word.lower()}: Reason, of | some kind"


@pytest.mark.parametrize(
    ("row", "state", "cause"),
    [
        ("COMPLETING|n1|TimeLimit", JobState.TIMEOUT, "walltime"),
        ("COMPLETING|n1|NonZeroExitCode", JobState.FAILED, ""),
        ("COMPLETING|n1|None", JobState.COMPLETED, "unknown"),
        ("TIMEOUT|n1|TimeLimit", JobState.TIMEOUT, "walltime"),
        ("NODE_FAIL|n1|NodeDown", JobState.TIMEOUT, "node"),
        ("PREEMPTED|n1|None", JobState.TIMEOUT, "preempted"),
        ("OUT_OF_MEMORY|n1|OutOfMemory", JobState.FAILED, ""),
    ],
)
def test_how_a_slurm_job_ended(
    monkeypatch: pytest.MonkeyPatch, row: str, state: JobState, cause: str
) -> None:
    """What its node is blamed for: not the walltime, nor what somebody did."""
    result = block("slurm")
    Said(monkeypatch, squeue=[(0, f"7|{row}\n", "")])
    job = result.listing()["7"]
    assert (job.state, job.cause, job.node) == (state, cause, "n1")


def pbs_says(monkeypatch: pytest.MonkeyPatch, job: str) -> Said:
    return Said(
        monkeypatch,
        qselect=[(0, "7.head.cluster\n", "")],
        qstat=[(0, f'{{"Jobs": {{"7.head": {job}}}}}', "")],
    )


@pytest.mark.parametrize(
    ("job", "state"),
    [
        ('{"job_state": "Q", "comment": "not enough"}', JobState.PENDING),
        ('{"job_state": "R"}', JobState.RUNNING),
        ('{"job_state": "H"}', JobState.PENDING),
        ('{"job_state": "E"}', JobState.COMPLETED),
        ('{"job_state": "F", "Exit_status": 0}', JobState.COMPLETED),
        ('{"job_state": "F", "Exit_status": 1}', JobState.FAILED),
        ('{"job_state": "F", "Exit_status": 271}', JobState.TIMEOUT),
        ('{"job_state": "F", "Exit_status": -29}', JobState.TIMEOUT),
    ],
)
def test_states_of_pbs(monkeypatch: pytest.MonkeyPatch, job: str, state: JobState) -> None:
    result = block("pbs")
    known(result, "7.head.cluster")
    pbs_says(monkeypatch, job)
    result._status()
    assert result.resources["7.head.cluster"]["status"].state == state


@pytest.mark.parametrize("kind", ["slurm", "pbs"])
@pytest.mark.parametrize("answer", [(1, "", "down"), (124, "", "slow"), (0, "half of a li", "")])
def test_no_good_answer_is_no_news(
    monkeypatch: pytest.MonkeyPatch, kind: str, answer: tuple[int, str, str]
) -> None:
    result = block(kind)
    known(result, "7")
    Said(monkeypatch, squeue=[answer], qselect=[answer], qstat=[answer])
    for _ in range(10):
        result._status()
    assert result.resources["7"]["status"].state == JobState.RUNNING
    assert result.trouble


def test_a_job_is_over_when_good_answers_leave_it_out_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    result = block("slurm")
    clock = iter(range(0, 1000, 40))  # s of good answers that leave it out
    monkeypatch.setattr(blocks.time, "monotonic", lambda: next(clock))
    known(result, "7")
    gone, there = (0, "", ""), (0, "7|RUNNING|n1|None", "")
    Said(monkeypatch, squeue=[gone, gone, (1, "", "down"), there, gone, gone, gone])
    states = []
    for _ in range(7):
        result._status()
        states.append(result.resources["7"]["status"].state)
    assert states == [JobState.RUNNING] * 6 + [JobState.COMPLETED]


def test_a_scheduler_that_forgets_a_job_for_a_minute_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = block("slurm")
    known(result, "7")
    clock = iter(range(1000))
    monkeypatch.setattr(blocks.time, "monotonic", lambda: next(clock))
    Said(monkeypatch, squeue=[(0, "", "")])
    for _ in range(60):
        result._status()
    assert result.resources["7"]["status"].state == JobState.RUNNING


def test_a_submission_that_failed_after_all_is_not_made_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """sbatch timed out, but the controller took the job: it is found by its name and adopted."""
    result = block("slurm")
    result.script_dir = str(tmp_path)
    known(result, "6")
    listed = (0, "6|RUNNING|n1|None\n9|PENDING|n1|Priority\n", "")
    text = Said(monkeypatch, sbatch=[(124, "", "no answer within 60 s")], squeue=[listed])
    assert result.submit("true", 1) == "9"
    assert [command.split()[0] for command in text.asked] == ["sbatch", "squeue"]
    assert result.resources["9"]["status"].state == JobState.PENDING


NO_HISTORY = "PBS is not configured to maintain job history\n"
UNKNOWN = (153, '{"Jobs": {}}', "qstat: Unknown Job Id 7.head")


@pytest.mark.parametrize("answer", [(0, "", NO_HISTORY), (0, NO_HISTORY, ""), (1, "", NO_HISTORY)])
def test_a_server_without_history_is_asked_without_it(
    monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str, str]
) -> None:
    """It says that all is well: what it says then is no list of jobs."""
    result = block("pbs")
    known(result, "7.head")
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(blocks.time, "monotonic", lambda: next(clock))
    runs = (0, '{"Jobs": {"7.head": {"job_state": "R"}}}', "")
    text = Said(monkeypatch, qselect=[(0, "7.head", ""), (0, "", "")], qstat=[runs, answer, UNKNOWN])
    states = []
    for _ in range(4):
        result._status()
        states.append(result.resources["7.head"]["status"].state)
    assert states == [JobState.RUNNING] * 3 + [JobState.COMPLETED]
    assert sum("-x" in one for one in text.asked) == 1
    assert result.trouble == ""


@pytest.mark.parametrize(
    ("job", "cause"),
    [
        ('{"job_state": "F", "Exit_status": 0}', ""),
        ('{"job_state": "F", "Exit_status": 1}', ""),
        ('{"job_state": "F", "Exit_status": -29}', "walltime"),
        ('{"job_state": "F", "Exit_status": 271}', "cancelled"),
        ('{"job_state": "E"}', "unknown"),
        ('{"job_state": "R", "exec_host": "n1.cluster/0*8"}', ""),
    ],
)
def test_how_a_pbs_job_ended(monkeypatch: pytest.MonkeyPatch, job: str, cause: str) -> None:
    result = block("pbs")
    pbs_says(monkeypatch, job)
    listed = result.listing()["7.head.cluster"]
    assert listed.cause == cause
    assert listed.node == ("n1" if "exec_host" in job else "")


def test_qselect_may_call_a_job_otherwise_than_qsub_did(monkeypatch: pytest.MonkeyPatch) -> None:
    result, server = block("pbs"), Server("7.head")
    monkeypatch.setattr(Block, "execute_wait", lambda _, *words: server.answer(*words))
    known(result, "7.head.cluster", JobState.PENDING)
    server.names = {"7.head.cluster": "7.head"}
    result._status()
    assert result.resources["7.head.cluster"]["status"].state == JobState.RUNNING


def test_an_answer_that_came_too_late_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    result = block("pbs")
    known(result, "7.head")
    known(result, "6.head")
    slow, runs = (124, "", "no answer"), (0, '{"Jobs": {"7.head": {"job_state": "R"}}}', "")
    queued = (0, '{"Jobs": {"7.head": {"job_state": "Q"}}}', "")
    Said(monkeypatch, qselect=[(0, "7.head", "")], qstat=[runs, slow, queued, slow])
    result._status()
    assert result.resources["7.head"]["status"].state == JobState.RUNNING
    result._status()
    assert result.resources["7.head"]["status"].state == JobState.PENDING


class Server:
    """A PBS server that answers for one of several jobs, as OpenPBS does (issue 2672), or loses some."""

    def __init__(self, live: str, silent: tuple[str, ...] = ()) -> None:
        self.live, self.silent, self.asked = live.split(), silent, list[str]()
        self.names: dict[str, str] = {}

    def answer(self, command: str, timeout: float | None = None) -> tuple[int, str, str]:
        self.asked.append(command)
        words = command.split()
        if words[0] == "qselect":
            return 0, "\n".join(self.live), ""
        first = self.names.get(words[words.index("json") + 1], words[words.index("json") + 1])
        if first in self.silent:
            return 0, '{"Jobs": {}}', ""
        if first not in self.live:
            return 153, "", f"qstat: Unknown Job Id {first}"
        return 0, f'{{"Jobs": {{"{first}": {{"job_state": "R"}}}}}}', ""


def test_a_server_that_answers_for_the_first_job_alone_is_asked_job_by_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, server = block("pbs"), Server("1.head 2.head 3.head")
    monkeypatch.setattr(Block, "execute_wait", lambda _, *words: server.answer(*words))
    assert result.active() == ["1.head", "2.head", "3.head"]
    assert len(server.asked) == 1 + 1 + 2
    server.asked.clear()
    assert result.active() == ["1.head", "2.head", "3.head"]
    assert len(server.asked) == 1 + 3, "it is asked for all at once only until it has failed"


def test_a_job_that_qselect_lists_and_qstat_leaves_out_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    result, server = block("pbs"), Server("1.head 2.head", silent=("2.head",))
    monkeypatch.setattr(Block, "execute_wait", lambda _, *words: server.answer(*words))
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(blocks.time, "monotonic", lambda: next(clock))
    known(result, "1.head")
    known(result, "2.head")
    for _ in range(10):
        result._status()
    assert [result.resources[job]["status"].state for job in ("1.head", "2.head")] == [JobState.RUNNING] * 2
    assert result.active() == ["1.head", "2.head"]


def test_a_block_never_takes_the_job_it_runs_in_for_a_new_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = block("slurm")
    result.script_dir = str(tmp_path)
    result.know("55")
    Said(monkeypatch, sbatch=[(1, "", "Socket timed out")], squeue=[(0, "55|RUNNING|n1|None", "")])
    with pytest.raises(Refused):
        result.submit("true", 1)


def test_nothing_is_submitted_while_nobody_says_whether_the_last_job_was_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = block("slurm")
    result.script_dir = str(tmp_path)
    down = (1, "", "Unable to contact slurm controller")
    listed = (0, "9|PENDING||Priority\n", "")
    text = Said(monkeypatch, sbatch=[down], squeue=[down, down, listed])
    for _ in range(2):
        with pytest.raises(Refused, match="Unable to contact"):
            result.submit("true", 1)
    assert result.submit("true", 1) == "9"
    assert [command.split()[0] for command in text.asked] == ["sbatch", "squeue", "squeue", "squeue"]
    assert result.resources["9"]["job_stdout_path"].endswith(".stdout"), "its log is known"


def test_launchers_files_have_a_name_for_each_job(tmp_path: Path) -> None:
    result = block("pbs")
    template = '#PBS -N ${jobname}\nexport JOBNAME="${jobname}"\n'
    names = []
    for number in range(2):
        result._write_submit_script(template, str(tmp_path / "script"), f"parsl.block-{number}", {})
        text = (tmp_path / "script").read_text()
        assert f"#PBS -N {TAG}\n" in text
        names.append(text.splitlines()[1])
    assert len(set(names)) == 2


def test_a_single_job_is_asked_for_again_unless_it_can_never_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(blocks, "RETRY_S", 0.01)
    result = block("slurm")
    result.script_dir = str(tmp_path)
    refused = (1, "", "sbatch: error: Socket timed out on send/recv operation")
    taken = (0, "Submitted batch job 11", "")
    text = Said(monkeypatch, sbatch=[refused, refused, taken], squeue=[(0, "", "")])
    assert result.submit_within(5.0, "true") == "11"
    text.answers["sbatch"] = [refused]
    with pytest.raises(Refused, match="Socket timed out") as late:
        result.submit_within(0.05, "true")
    assert late.value.kind is Kind.OUTAGE
    text.answers["sbatch"] = [(1, "", "sbatch: error: invalid partition specified: gpu")]
    text.asked.clear()
    with pytest.raises(Refused, match="invalid partition"):
        result.submit_within(5.0, "true")
    assert len(text.asked) == 1


def test_a_submission_that_names_no_job_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = block("pbs")
    result.script_dir = str(tmp_path)
    Said(monkeypatch, qsub=[(0, "", "")], qselect=[(0, "", "")])
    with pytest.raises(Refused, match="it named no job"):
        result.submit("true", 1)


def test_all_jobs_of_a_store_are_ended_whoever_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LOOK_EVERY_S", 0.0)
    result = block("slurm")
    two, gone = (0, "3|RUNNING|n1|None\n4|PENDING|n1|None\n5|COMPLETED|n1|None\n", ""), (0, "", "")
    text = Said(monkeypatch, squeue=[two, two, gone], scancel=[gone])
    heard: list[str] = []
    assert result.end_all(heard.append) == 2
    assert [one for one in text.asked if one.startswith("scancel")] == ["scancel 3 4"] * 2
    assert [one.strip() for one in heard] == ["cancelling jobs of this store: 3 4"]


def test_jobs_that_stay_are_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "GONE_WITHIN_S", 0.05)
    monkeypatch.setattr(blocks, "LOOK_EVERY_S", 0.01)
    result = block("slurm")
    Said(monkeypatch, squeue=[(0, "3|RUNNING|n1|None", "")], scancel=[(1, "", "denied")])
    with pytest.raises(WorkersLost, match="cannot be ended: scancel: denied; try scancel 3"):
        result.end_all(lambda _: None)


def test_a_scheduler_that_took_jobs_is_asked_for_longer_whether_they_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "GONE_WITHIN_S", 0.0)
    monkeypatch.setattr(blocks, "LOOK_EVERY_S", 0.01)
    result = block("slurm")
    down = (1, "", "down")
    Said(monkeypatch, squeue=[down])
    heard: list[str] = []
    with pytest.raises(WorkersLost, match=f"does not say whether jobs named {TAG} still run: squeue: down"):
        result.end_all(heard.append)
    assert [one.strip() for one in heard] == ["squeue: down: asking again"]
    result.accepted = True
    Said(monkeypatch, squeue=[down] * 5 + [(0, "", "")])
    assert result.end_all(heard.append) == 0


@pytest.mark.parametrize(
    ("squeue", "sacct", "over"),
    [
        ((0, "7|RUNNING|n1|None", ""), (0, f"{TAG}|FAILED\n", ""), False),
        ((0, "7|FAILED|n1|NonZeroExitCode", ""), (1, "", "accounting storage is disabled"), True),
        ((0, "", ""), (1, "", "accounting storage is disabled"), False),
        ((1, "", "down"), (1, "", "down"), False),
        ((0, "", ""), (0, f"{TAG}|CANCELLED by 0\n", ""), True),
        ((0, "", ""), (0, f"{TAG}|RUNNING\n", ""), False),
        ((0, "", ""), (0, "another|FAILED\n", ""), False),
        ((0, "8|FAILED|n1|None", ""), (0, "", ""), False),
    ],
)
def test_only_a_scheduler_that_says_so_ends_a_drivers_job(
    monkeypatch: pytest.MonkeyPatch, squeue: Any, sacct: Any, over: bool
) -> None:
    """A job that is no longer known, of another name, or of which nothing is heard, may be alive."""
    Said(monkeypatch, squeue=[squeue], sacct=[sacct])
    assert block("slurm").is_over("7") is over


@pytest.mark.parametrize(("state", "over"), [("R", False), ("H", False), ("F", True)])
def test_a_drivers_job_under_pbs(monkeypatch: pytest.MonkeyPatch, state: str, over: bool) -> None:
    pbs_says(monkeypatch, f'{{"job_state": "{state}"}}')
    assert block("pbs").is_over("7.head.cluster") is over
    assert block("pbs").is_over("8.head.cluster") is False, "nothing is said of it"


@pytest.mark.parametrize(
    ("qselect", "qstat", "over"),
    [
        ((0, "", ""), (153, "", "qstat: Unknown Job Id 7.head"), True),
        ((0, "", ""), (1, "", "cannot connect to server head"), False),
        ((1, "", "cannot connect"), (153, "", "qstat: Unknown Job Id 7.head"), False),
        ((0, "7.head", ""), (0, '{"Jobs": {}}', ""), False),
    ],
)
def test_a_drivers_job_that_a_server_without_history_does_not_know_is_over(
    monkeypatch: pytest.MonkeyPatch, qselect: Any, qstat: Any, over: bool
) -> None:
    """Else a lock of another host could never be taken where PBS is as it is by default."""
    Said(monkeypatch, qselect=[qselect], qstat=[(0, "", NO_HISTORY), qstat])
    assert block("pbs").is_over("7.head") is over


def test_commands_reach_no_shell(tmp_path: Path) -> None:
    result = block("slurm")
    assert result.execute_wait(f"echo $(touch {tmp_path}/hurt); touch {tmp_path}/hurt")[0] == 0
    assert not (tmp_path / "hurt").exists()
    assert result.execute_wait("sleep 5", timeout=0.1)[0] == 124
    assert result.execute_wait("no-such-command")[0] == 127


def test_a_jobs_own_lines_hold_user_text_quoted(tmp_path: Path) -> None:
    result = site("slurm", variables={"A": f"$(touch {tmp_path}/hurt) 'b'"}, worker_init=["B=1"])
    script = "\n".join([*job_lines(result, result.nodes["gpu"], "/env bin"), 'printf "%s|%s" "$A" "$PATH"'])
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"$(touch {tmp_path}/hurt) 'b'|/env bin:")
    assert not (tmp_path / "hurt").exists()


def test_jobs_take_no_new_task_from_a_time_after_their_own_start() -> None:
    """However long the site's own lines take: they come after the clock was read, the workers later still."""
    result = site("slurm", worker_init=["sleep 2"])
    lines = job_lines(result, result.nodes["gpu"], "/env/bin")
    drained = next(place for place, line in enumerate(lines) if "MLIPBENCH_DRAIN_AT" in line)
    assert drained < lines.index("sleep 2")
    script = "\n".join([*lines, f"echo {DRAIN}"])
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    left, most = int(ran.stdout), result.nodes["gpu"].drain
    assert most - 10 <= left <= most - 1
    over = subprocess.run(
        ["bash", "-c", f"MLIPBENCH_DRAIN_AT=7; echo {DRAIN}"], capture_output=True, check=True
    )
    assert int(over.stdout) < 0, "over already: Parsl takes 0 for never"


def test_nothing_is_started_when_the_jobs_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "task.json").touch()
    start = ["touch", str(tmp_path / "started")], str(tmp_path), dict[str, str](), str(tmp_path / "log.txt")
    monkeypatch.setenv("MLIPBENCH_STOP_AT", "1")
    assert launch(*start) == EXIT_INTERRUPTED
    assert not (tmp_path / "log.txt").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:00:00", 3600.0), ("7-00:30:00", 606_600.0), ("30:00", 1800.0), ("infinite", None), ("n/a", None)],
)
def test_times_as_slurm_says_them(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


def test_script_lines_of_both_schedulers() -> None:
    slurm = SlurmNodes.model_validate(GPU | {"partition": "gpu", "constraint": "a100&nvlink"})
    result: Any = blocks_of(site("slurm", nodes={"gpu": slurm}), slurm, TAG, "/env/bin")
    text = result.scheduler_options
    for line in ("--no-requeue", "--partition=gpu", "--constraint=a100&nvlink", "--exclusive"):
        assert f"#SBATCH {line}" in text
    pbs = PbsNodes.model_validate(GPU | {"memory_per_node": 200, "select": "ngpus=4:gpu_model=a100"})
    other: Any = blocks_of(site("pbs", nodes={"gpu": pbs}), pbs, TAG, "/env/bin")
    assert other.select_options == "ngpus=4:gpu_model=a100:mem=200gb"
    assert "#PBS -r n" in other.scheduler_options
    assert (hours(12 * 3600), hours(60), hours(90061)) == ("12:00:00", "00:01:00", "25:01:01")


@pytest.mark.parametrize(
    ("own", "pin", "share", "seen"),
    [
        ("4,5,6,7", "1", "1", "5"),
        ("GPU-aa,GPU-bb", "0", "1", "GPU-aa"),
        ("", "2", "1", "2"),
        ("4,5", "GPU-cc", "1", "GPU-cc"),
        ("4,5,6,7", "5", "2", "6"),
        ("", "7", "2", "3"),
    ],
)
def test_a_worker_sees_one_gpu_under_its_jobs_own_name(own: str, pin: str, share: str, seen: str) -> None:
    """Parsl halves one of its variables where it finds nvidia-smi; the other is the worker's number."""
    outside = {"MLIPBENCH_STOP_AT": "1", "MLIPBENCH_DEVICES": own, "CUDA_VISIBLE_DEVICES": "0"}
    outside |= {"ROCR_VISIBLE_DEVICES": pin, "MLIPBENCH_TASKS_PER_GPU": share}
    outside |= {"SLURMD_NODENAME": "n3", "TMPDIR": "/scratch", "SECRET": "x"}
    outside |= {"MLIPBENCH_VARIABLES": "FLAG,GONE", "FLAG": "1", "PATH": "/node/bin"}
    bare = {"MLIPBENCH_HOST": "n3", "CUDA_VISIBLE_DEVICES": seen, "TMPDIR": "/scratch", "FLAG": "1"}
    assert here(outside, contained=False) == bare
    inside = here(outside, contained=True)
    assert inside["APPTAINERENV_CUDA_VISIBLE_DEVICES"] == seen
    assert inside["APPTAINERENV_MLIPBENCH_HOST"] == "n3"
    assert inside["APPTAINERENV_FLAG"] == "1"
    assert inside["PATH"] == "/node/bin"
    assert here({"CUDA_VISIBLE_DEVICES": "1"}, contained=False) == {}, "no job, no node"
