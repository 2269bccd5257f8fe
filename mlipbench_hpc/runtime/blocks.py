"""Blocks: scheduler jobs that hold workers. Parsl's providers, for schedulers that are slow, fail or forget.

Every block of a store bears the same job name, so that a later driver finds what an earlier one left.
"""

import getpass
import json
import os
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobState, JobStatus
from parsl.launchers import MpiExecLauncher, SingleNodeLauncher, SrunLauncher
from parsl.launchers.base import Launcher
from parsl.providers import PBSProProvider, SlurmProvider
from parsl.providers.errors import SubmitException

from mlipbench_hpc.campaign.site import ClusterSite, Nodes, PbsNodes, SlurmNodes, SlurmSite
from mlipbench_hpc.runtime import processes
from mlipbench_hpc.runtime.trouble import WorkersLost

ABSENT_AFTER, ABSENT_FOR_S = 3, 75.0
RETRY_S, FIRST_PATIENCE_S, PATIENCE_S = 5.0, 90.0, 1800.0
GONE_WITHIN_S, LOOK_EVERY_S = 180.0, 1.0
TIMED_OUT = 124
ACTIVE = (JobState.PENDING, JobState.RUNNING)
# Held, suspended and unheard-of states too: Parsl would replace a job in any other that is not over.
WAITING = JobState.PENDING
# Launchers name files after the job, and blocks share its name; srun does not take its cores from sbatch.
FOR_SRUN = (
    'export SLURM_JOB_NAME="${SLURM_JOB_NAME:-}-${SLURM_JOB_ID:-}"',
    'export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"',
)
LAUNCHERS: dict[str, Callable[[], Launcher]] = {
    "single": lambda: SingleNodeLauncher(debug=False),
    "srun": lambda: SrunLauncher(debug=False),
    "mpiexec": lambda: MpiExecLauncher(debug=False),
}


@dataclass(frozen=True)
class Job:
    """What the scheduler says of one job; words: its own, such as why it waits."""

    state: JobState
    words: str = ""


class Block:
    """What the providers of both schedulers share: laid over Parsl's own, which write and submit.

    tag: the job name of all blocks of a store; poll: s between questions; trouble: the scheduler's last
    complaint, empty after its next good answer; first_patience: s that a first job may be refused.
    """

    resources: dict[str, dict[str, Any]]
    cmd_timeout: float
    tag: str
    poll: float
    trouble = ""
    accepted = False
    first_patience = FIRST_PATIENCE_S

    def settle(self, tag: str, poll: float) -> None:
        """What Parsl's own constructors have no place for."""
        self.tag, self.poll = tag, poll
        self.closing = threading.Event()
        self._absent: dict[str, list[float]] = {}  # When good answers in a row have left a job out.

    @property
    def status_polling_interval(self) -> float:
        """Seconds between two questions to the scheduler; Parsl's own is a minute."""
        return self.poll

    def execute_wait(self, cmd: str, timeout: float | None = None) -> tuple[int, str, str]:
        """Exit code, output and errors of a scheduler's command, without a shell; 124: it took too long.

        Jobs may inherit its environment: without the marks by which this machine's processes are ended.
        """
        environ = {name: text for name, text in os.environ.items() if name not in processes.MARKS}
        try:
            done = subprocess.run(
                shlex.split(cmd),
                check=False,
                env=environ,
                capture_output=True,
                text=True,
                timeout=timeout or self.cmd_timeout,
            )
        except subprocess.TimeoutExpired as expired:
            return TIMED_OUT, "", f"no answer within {expired.timeout:g} s"
        except OSError as error:
            return 127, "", str(error)
        return done.returncode, done.stdout, done.stderr

    def _write_submit_script(self, template: str, script_filename: str, job_name: str, configs: Any) -> None:
        """All of a store's jobs have one name; files that launchers name after it need one each."""
        own = template.replace('export JOBNAME="${jobname}"', f'export JOBNAME="${{jobname}}-{job_name}"')
        super()._write_submit_script(own, script_filename, self.tag, configs)  # type: ignore[misc]

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl") -> str:
        """Submit a block and return its job id. A scheduler that fails is asked again, for long once it has
        accepted a job; one that accepted without saying so is found by the job's name.

        Raises SubmitException.
        """
        until = time.monotonic() + (PATIENCE_S if self.accepted else self.first_patience)
        while True:
            try:
                job = str(super().submit(command, tasks_per_node, job_name))  # type: ignore[misc]
            except SubmitException as refusal:
                self.trouble = str(refusal.stderr or refusal).strip()
                if (found := self._unknown()) is None:
                    if time.monotonic() > until or self.closing.wait(RETRY_S):
                        raise
                    continue
                job = found
                self.know(job)
            self.accepted, self.trouble = True, ""
            return job

    def know(self, job: str) -> None:
        """Take a job that this provider did not submit for one of its own."""
        paths = dict.fromkeys(("job_stdout_path", "job_stderr_path"))
        self.resources[job] = {**paths, "job_id": job, "status": JobStatus(JobState.PENDING)}

    def _unknown(self) -> str | None:
        """A live job of this store that this driver does not know."""
        listed = self.listing() or {}
        return next((job for job, said in listed.items() if self._strange(job, said)), None)

    def _strange(self, job: str, said: Job) -> bool:
        return said.state in ACTIVE and job not in self.resources

    def _status(self) -> None:
        """No answer is no news; a job is over when several good answers, over a minute, leave it out."""
        if (listed := self.listing()) is None:
            return
        self.trouble = ""
        for job, resource in self.resources.items():
            if resource["status"].terminal:
                continue
            absent = [] if job in listed else [*self._absent.get(job, []), time.monotonic()]
            self._absent[job] = absent
            paths = {
                "stdout_path": resource["job_stdout_path"],
                "stderr_path": resource["job_stderr_path"],
            }
            if job in listed:
                resource["status"] = JobStatus(listed[job].state, listed[job].words or None, **paths)
            elif len(absent) >= ABSENT_AFTER and absent[-1] - absent[0] >= ABSENT_FOR_S:
                resource["status"] = JobStatus(JobState.COMPLETED, **paths)

    def listing(self) -> dict[str, Job] | None:
        """This store's jobs that the scheduler still knows, by id; None when it gave no good answer."""
        raise NotImplementedError

    def active(self) -> list[str] | None:
        """Ids of this store's jobs that wait or run; None when the scheduler gave no good answer."""
        listed = self.listing()
        return None if listed is None else [job for job, said in listed.items() if said.state in ACTIVE]

    def is_over(self, job: str) -> bool:
        """Whether the scheduler says that this job of the store is over; of one it forgot it says nothing."""
        self.know(job)
        listed = self.listing()
        said = None if listed is None else listed.get(job) or self._remembered(job)
        return said is not None and said.state not in ACTIVE

    def _remembered(self, job: str) -> Job | None:
        """What accounting says of a job that is no longer listed."""
        return None

    def end_all(self, echo: Callable[[str], None]) -> int:
        """Cancel every block of this store, whoever submitted it, and wait until all are gone.

        Returns how many there were. Raises WorkersLost with what to type when some stay, or when a scheduler
        does not say; one that took a job from us is asked as long as elsewhere.
        """
        ended: set[str] = set()
        begun, said = time.monotonic(), ""
        while (left := self.active()) != []:
            if left is None and self.trouble != said:
                said = self.trouble
                echo(f"      {said}: asking again")
            if new := sorted(set(left or ()) - ended):
                echo(f"      cancelling jobs of this store: {' '.join(new)}")
                ended |= set(new)
            if left:
                code, _, errors = self.execute_wait(f"{self.killer} {' '.join(left)}")
                self.trouble = f"{self.killer}: {errors.strip() or code}" if code else ""
            patience = PATIENCE_S if left is None and self.accepted else GONE_WITHIN_S
            if time.monotonic() > begun + patience:
                raise WorkersLost(
                    f"jobs of this store cannot be ended: {self.trouble}; try {self.killer} {' '.join(left)}"
                    if left
                    else f"the scheduler does not say whether jobs named {self.tag} still run: {self.trouble}"
                )
            time.sleep(LOOK_EVERY_S)
        return len(ended)

    def objection(self) -> str:
        """What the scheduler has against such a block, not submitted; empty where it has or says nothing."""
        return ""

    killer = ""


class SlurmBlock(Block, SlurmProvider):  # type: ignore[misc]
    """Blocks under SLURM."""

    killer = "scancel"
    STATES = {  # noqa: RUF012 read only
        **dict.fromkeys(("RUNNING", "SIGNALING", "RESIZING"), JobState.RUNNING),
        **dict.fromkeys(("COMPLETED", "COMPLETING", "STAGE_OUT"), JobState.COMPLETED),
        **dict.fromkeys(("TIMEOUT", "PREEMPTED", "DEADLINE", "NODE_FAIL"), JobState.TIMEOUT),
        **dict.fromkeys(("FAILED", "BOOT_FAIL", "OUT_OF_MEMORY", "REVOKED", "SPECIAL_EXIT"), JobState.FAILED),
        "CANCELLED": JobState.CANCELLED,
    }

    def listing(self) -> dict[str, Job] | None:
        """squeue by job name never fails for a job that is no longer known, as asking by id does."""
        code, out, errors = self.execute_wait(
            f"squeue --noheader --states=all --user={getpass.getuser()} --name={self.tag} --format=%i|%T|%r"
        )
        rows = [line.strip().split("|", 2) for line in out.splitlines() if line.strip()]
        if code != 0 or any(len(row) != 3 for row in rows):
            self.trouble = f"squeue: {errors.strip() or out.strip() or code}"
            return None
        return {
            job: Job(self.STATES.get(state, WAITING), f"{state.lower()}: {words}")
            for job, state, words in rows
        }

    def objection(self) -> str:
        """sbatch tries without submitting; few clusters let it look at the partition's time limit."""
        script = Path(str(self.script_dir)) / "whole.sh"
        size = f"--nodes={self.nodes_per_block} --ntasks-per-node=1 --time={self.walltime}"
        script.write_text(f"#!/bin/bash\n#SBATCH {size}\n{self.scheduler_options}\ntrue\n")
        code, _, errors = self.execute_wait(f"sbatch --test-only {script}")
        if code == 1:
            return " ".join(errors.split())
        where = f"--partition={self.partition} " if self.partition else ""
        _, out, _ = self.execute_wait(f"sinfo {where}--noheader --format=%l")
        limits = [limit for said in out.split() if (limit := seconds(said)) is not None]
        if limits and max(limits) < (seconds(self.walltime) or 0.0):
            return f"the partition's limit is {hours(max(limits))}, walltime {self.walltime}"
        return ""

    def _remembered(self, job: str) -> Job | None:
        code, out, _ = self.execute_wait(
            f"sacct --noheader --parsable2 --allocations --jobs={job} --format=JobName,State"
        )
        rows = [line.split("|", 1) for line in out.splitlines()] if code == 0 else []
        states = [row[1] for row in rows if row[0] == self.tag and row[1:]]
        return Job(self.STATES.get(states[-1].split()[0], WAITING)) if states else None


class PbsBlock(Block, PBSProProvider):  # type: ignore[misc]
    """Blocks under PBS Professional or OpenPBS. history: whether the server remembers jobs that are over."""

    killer = "qdel"
    history = True
    STATES = {  # noqa: RUF012 read only
        "R": JobState.RUNNING, "B": JobState.RUNNING,
        **dict.fromkeys("QWTHSU", WAITING),
    }  # fmt: skip

    def listing(self) -> dict[str, Job] | None:
        """Ids by job name from qselect, then their states from qstat's JSON."""
        ids = self._asked("qselect", f"-u {getpass.getuser()} -N {self.tag}")
        if not ids:
            return None if ids is None else {}
        said = self._asked("qstat", f"-f -F json {' '.join(ids.split())}")
        try:
            jobs = json.loads(said or "")["Jobs"]
            return {self._as_submitted(job): self._job(held) for job, held in jobs.items()}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            self.trouble = self.trouble or f"qstat: no jobs in its JSON ({error})"
            return None

    def _as_submitted(self, job: str) -> str:
        """qstat may say less of the server's name than qsub did."""
        number = job.split(".")[0]
        return next((mine for mine in self.resources if mine.split(".")[0] == number), job)

    def _asked(self, program: str, rest: str) -> str | None:
        code, out, errors = self.execute_wait(f"{program} {'-x ' * self.history}{rest}")
        if code != 0 and self.history and "history" in errors.lower():
            self.history = False
            return self._asked(program, rest)
        if code != 0:
            self.trouble = f"{program}: {errors.strip() or out.strip() or code}"
        return out.strip() if code == 0 else None

    def _job(self, held: dict[str, Any]) -> Job:
        state = self.STATES.get(held["job_state"])  # None: E, F, X: it is over, or nearly.
        code = int(held.get("Exit_status", 0))
        if state is None:  # Finished; PBS's own reasons are negative, and a signal's are 256 and more.
            failed = 0 < code < 256
            state = JobState.COMPLETED if code == 0 else JobState.FAILED if failed else JobState.TIMEOUT
        return Job(state, str(held.get("comment", held["job_state"])))


def blocks_of(site: ClusterSite, nodes: Nodes, tag: str, python: str) -> SlurmBlock | PbsBlock:
    """The provider of one kind of node. python: the folder of this Python, as jobs see it."""
    shared: dict[str, Any] = {
        "account": site.account,
        "nodes_per_block": nodes.nodes_per_block,
        "init_blocks": 0,
        "min_blocks": nodes.min_blocks,
        "max_blocks": nodes.max_blocks,
        "walltime": hours(nodes.walltime),
        "worker_init": "\n".join(job_lines(site, nodes, python)),
        "launcher": LAUNCHERS[nodes.launcher](),
        "cmd_timeout": max(1, round(site.scheduler_timeout)),
    }
    kind: Any = SlurmBlock if isinstance(site, SlurmSite) else PbsBlock
    own = (
        _slurm(nodes) if isinstance(nodes, SlurmNodes) else _pbs(nodes) if isinstance(nodes, PbsNodes) else {}
    )
    made: SlurmBlock | PbsBlock = kind(**shared, **own)
    made.settle(tag, site.poll)
    return made


def _slurm(nodes: SlurmNodes) -> dict[str, Any]:
    return {
        "partition": nodes.partition,
        "qos": nodes.qos,
        "constraint": nodes.constraint,
        "cores_per_node": nodes.cores_per_node,
        "gpus_per_node": nodes.gpus_per_node or None,
        "mem_per_node": nodes.memory_per_node,
        "exclusive": nodes.exclusive,
        "scheduler_options": "#SBATCH --no-requeue",
    }


def _pbs(nodes: PbsNodes) -> dict[str, Any]:
    select = [nodes.select] if nodes.select else []
    select += [f"ngpus={nodes.gpus_per_node}"] if nodes.gpus_per_node and not nodes.select else []
    select += [f"mem={nodes.memory_per_node}gb"] if nodes.memory_per_node else []
    return {
        "queue": nodes.queue,
        "cpus_per_node": nodes.cores_per_node,
        "select_options": ":".join(select),
        "scheduler_options": "#PBS -r n" + ("\n#PBS -l place=scatter:excl" if nodes.exclusive else ""),
    }


def job_lines(site: ClusterSite, nodes: Nodes, python: str) -> list[str]:
    """What a job does before its workers start: when to stop, which GPUs are its own, the site's lines."""
    return [
        f"export MLIPBENCH_DRAIN_AT=$(( $(date +%s) + {nodes.drain} ))",
        f"export MLIPBENCH_STOP_AT=$(( $(date +%s) + {int(nodes.walltime - nodes.margin)} ))",
        'export MLIPBENCH_DEVICES="${CUDA_VISIBLE_DEVICES:-}"',
        f"export MLIPBENCH_TASKS_PER_GPU={nodes.tasks_per_gpu}",
        f"export MLIPBENCH_VARIABLES={','.join(site.variables)}",
        *(FOR_SRUN if isinstance(site, SlurmSite) else ()),
        *[f"module load {name}" for name in site.modules],
        *[f"export {name}={shlex.quote(value)}" for name, value in site.variables.items()],
        *site.worker_init,
        f'export PATH={shlex.quote(python)}:"$PATH"',
    ]


def seconds(said: str) -> float | None:
    """Of [days-]HH:MM:SS or MM:SS, as SLURM says it; None for anything else, such as infinite."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", said)
    if match is None:
        return None
    days, clock, minutes, rest = (int(part or 0) for part in match.groups())
    return 86400.0 * days + 3600.0 * clock + 60.0 * minutes + rest


def hours(given: float) -> str:
    """HH:MM:SS."""
    minutes, rest = divmod(round(given), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"
