"""Blocks: scheduler jobs that hold workers. Parsl's providers, for schedulers that are slow, fail or forget.

Every block of a store bears the same job name, so that a later driver finds what an earlier one left.
"""

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from parsl.jobs.states import JobState, JobStatus
from parsl.providers.errors import ScriptPathError, SubmitException

from mlipbench_hpc.runtime import processes
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused, kind_of, never_starts, next_step
from mlipbench_hpc.runtime.cluster.script import NODE_SUFFIX, node_line
from mlipbench_hpc.runtime.trouble import WorkersLost

ABSENT_AFTER = 3
RETRY_S, FIRST_PATIENCE_S, PATIENCE_S = 5.0, 90.0, 1800.0
GONE_WITHIN_S, LOOK_EVERY_S = 180.0, 1.0
TIMED_OUT = 124
ACTIVE = (JobState.PENDING, JobState.RUNNING)
# Held, suspended and unheard-of states too: Parsl would replace a job in any other that is not over.
WAITING = JobState.PENDING
Cause = Literal["", "walltime", "preempted", "cancelled", "node", "unknown"]


@dataclass(frozen=True)
class Job:
    """State of one job by the scheduler.

    words: its own, state and reason; reason: why it waits; node: where it runs or ran, if that is one node;
    cause: why it is over, where it did not end by itself.
    """

    state: JobState
    words: str = ""
    reason: str = ""
    node: str = ""
    cause: Cause = ""

    @property
    def stuck(self) -> str:
        """Why it waits, and the next step, where it does not start by itself; else empty."""
        step = next_step(self.reason) if self.state == WAITING else ""
        return f"does not start by itself: {self.words}: {step}" if step else ""


class Block:
    """Base of the providers of both schedulers: laid over Parsl's own, which write and submit.

    tag: the job name of all blocks of a store; poll: s between questions; trouble: the scheduler's last
    complaint about a question, empty after its next good answer; accepted: whether it ever took a job;
    excluded: nodes that get no more jobs; absent_for: s over which good answers must leave a job out
    before it is over.
    """

    resources: dict[str, dict[str, Any]]
    cmd_timeout: float
    nodes_per_block: int
    tag: str
    poll: float
    trouble = ""
    accepted = False
    absent_for = 75.0
    killer = ""

    def settle(self, tag: str, poll: float) -> None:
        """Set the attributes that Parsl's own constructors have no place for."""
        self.tag, self.poll = tag, poll
        self.closing = threading.Event()
        self.excluded: tuple[str, ...] = ()
        self._absent: dict[str, list[float]] = {}  # When good answers in a row have left a job out.
        self._unsure, self._script = False, ""

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

    def _write_submit_script(
        self, template: str, script_filename: str, job_name: str, configs: dict[str, Any]
    ) -> None:
        """All of a store's jobs have one name; files that launchers name after it need one each."""
        own = template.replace('export JOBNAME="${jobname}"', f'export JOBNAME="${{jobname}}-{job_name}"')
        first = f"{node_line(script_filename)}\n{configs.get('worker_init', '')}"
        self._script = script_filename
        super()._write_submit_script(  # type: ignore[misc]
            own, script_filename, self.tag, configs | {"worker_init": first}
        )

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl") -> str:
        """Submit a block once and return its job id. A scheduler that accepted a job without saying so is
        not given another: the job is found by its name, here or at the next call.

        Raises Refused.
        """
        if self._unsure and (job := self._adopted()):
            return job
        try:
            job = super().submit(command, tasks_per_node, job_name)  # type: ignore[misc]
            words = "" if job else "it named no job"
        except SubmitException as refusal:
            job, words = None, str(refusal.stderr or refusal.stdout or refusal).strip()
        except (ScriptPathError, OSError) as error:
            raise Refused(Kind.OUTAGE, f"the job's script cannot be written: {error}") from error
        if job is None or not job:
            kind = kind_of(words)
            self._unsure = kind is Kind.OUTAGE
            job = self._adopted() if self._unsure else None
            if job is None:
                raise Refused(kind, words)
        self.accepted = True
        self.resources[str(job)]["avoids"] = self.excluded
        return str(job)

    def submit_within(self, patience: float, command: str) -> str:
        """The same of a single command, asked again for so many s unless it can never be met."""
        until = time.monotonic() + patience
        while True:
            try:
                return self.submit(command, 1)
            except Refused as refusal:
                if refusal.kind is Kind.NEVER or time.monotonic() > until:
                    raise
                time.sleep(RETRY_S)

    def _adopted(self) -> str | None:
        """A live job of this store that this driver does not know, now its own. Raises Refused when nobody
        says whether there is one.
        """
        if (listed := self.listing()) is None:
            raise Refused(Kind.OUTAGE, self.trouble)
        self._unsure = False
        job = next((job for job in listed if self._is_strange(job, listed[job])), None)
        if job is not None:
            self.accepted = True
            self.know(job, self._script)
        return job

    def _is_strange(self, job: str, listed: Job) -> bool:
        return listed.state in ACTIVE and job not in self.resources

    def know(self, job: str, script: str = "") -> None:
        """Take a job that this provider did not submit for one of its own; script: where its files are."""
        paths = {f"job_{name}_path": f"{script}.{name}" if script else None for name in ("stdout", "stderr")}
        self.resources[job] = {**paths, "job_id": job, "status": JobStatus(JobState.PENDING)}

    def _status(self) -> None:
        """No answer is no news; a job is over when several good answers, over a while, leave it out."""
        if (listed := self.listing()) is None:
            return
        self.trouble = ""
        for job, resource in list(self.resources.items()):
            if resource["status"].terminal:
                continue
            absent = [] if job in listed else [*self._absent.get(job, []), time.monotonic()]
            self._absent[job] = absent
            if job in listed:
                self._heard(resource, listed[job])
            elif len(absent) >= ABSENT_AFTER and absent[-1] - absent[0] >= self.absent_for:
                self._heard(resource, Job(JobState.COMPLETED, "no longer listed", cause="unknown"))

    def _heard(self, resource: dict[str, Any], job: Job) -> None:
        """Write down what was said of a job; `node` stays, for of a job that is over it may be left out."""
        stuck = job.state == WAITING and never_starts(job.reason)
        resource["unstartable"] = resource.get("unstartable", 0) + 1 if stuck else 0
        resource["node"] = job.node or resource.get("node", "")
        resource["has_run"] = resource.get("has_run", False) or job.state == JobState.RUNNING
        resource["listed"] = job
        resource["status"] = JobStatus(
            job.state,
            job.words or None,
            stdout_path=resource["job_stdout_path"],
            stderr_path=resource["job_stderr_path"],
        )

    def node_of(self, job: str) -> str:
        """Where a job ran, by the scheduler or else by the job's own first line; empty while it waits."""
        resource = self.resources[job]
        if resource.get("node"):
            return str(resource["node"])
        path = resource["job_stdout_path"]
        note = Path(str(path).removesuffix(".stdout") + NODE_SUFFIX) if path else None
        try:
            return self.node_name(note.read_text().strip()) if note else ""
        except OSError:
            return ""

    def node_name(self, host: str) -> str:
        """Name of a host in the scheduler's words."""
        return host

    def spare(self, waiting: Iterable[str]) -> None:
        """Keep jobs that wait already off the excluded nodes, each once, where the scheduler allows."""
        jobs = [job for job in waiting if self.resources[job].get("avoids") != self.excluded]
        if jobs:
            self._spare(jobs)
        for job in jobs:
            self.resources[job]["avoids"] = self.excluded

    def _spare(self, jobs: list[str]) -> None:
        """Tell the scheduler of jobs that wait which nodes they must avoid; if not, they may meet one."""

    def listing(self) -> dict[str, Job] | None:
        """This store's jobs that the scheduler still knows, by id; None when it gave no good answer."""
        raise NotImplementedError

    def active(self) -> list[str] | None:
        """Ids of this store's jobs that wait or run; None when the scheduler gave no good answer."""
        listed = self.listing()
        return None if listed is None else [job for job in listed if listed[job].state in ACTIVE]

    def is_over(self, job: str) -> bool:
        """True where the scheduler says that this job of the store is over; false for one that it forgot."""
        self.know(job)
        listed = self.listing()
        state = None if listed is None else listed.get(job) or self._remembered(job)
        return state is not None and state.state not in ACTIVE

    def _remembered(self, job: str) -> Job | None:
        """State of a job that is no longer listed, by the scheduler's accounting."""
        return None

    def why_never(self, job: str, within: float) -> str:
        """Why a job just submitted can never start, in the scheduler's words; empty once it runs or waits
        for something that comes, or when nothing is heard within so many s.
        """
        until = time.monotonic() + within
        while time.monotonic() < until:
            listed = (self.listing() or {}).get(job)
            if listed is not None and never_starts(listed.reason):
                return listed.words
            if listed is not None and (listed.state != WAITING or listed.reason not in ("", "None")):
                return ""
            time.sleep(LOOK_EVERY_S)
        return ""

    def end_all(self, echo: Callable[[str], None]) -> int:
        """Cancel every block of this store, whoever submitted it, and wait until all are gone.

        Returns how many there were. Raises WorkersLost with what to type when some stay, or when a scheduler
        does not say; one that took a job from us is asked as long as elsewhere.
        """
        ended: set[str] = set()
        begun, heard = time.monotonic(), ""
        while (left := self.active()) != []:
            if left is None and self.trouble != heard:
                heard = self.trouble
                echo(f"      {heard}: asking again")
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

    def objection(self) -> Refused | None:
        """Objection of the scheduler to such a job, which is not run; None for nothing."""
        return None
