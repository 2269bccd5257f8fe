"""Parsl's executor over the jobs of a scheduler: submits beside the polling, judges jobs and nodes."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parsl.executors.status_handling import BlockProviderExecutor
from parsl.jobs.states import JobState, JobStatus

from mlipbench_hpc.runtime.answering import Executor
from mlipbench_hpc.runtime.cluster import notes
from mlipbench_hpc.runtime.cluster.block import ACTIVE, FIRST_PATIENCE_S, PATIENCE_S, RETRY_S, Block, Job
from mlipbench_hpc.runtime.cluster.health import EndedJob, Health
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused, next_step

NOTE_LATE_S = 10.0  # On a shared filesystem a note may show here after the job's end.
LOST_KNOWN_WITHIN_S = 120.0
HEARD_TWICE = 2
SHOWN = 600


@dataclass(frozen=True)
class Lost:
    """A worker that was lost with its task; when: s of the monotonic clock."""

    note: notes.Note
    task: str
    when: float


class ClusterExecutor(Executor):
    """A job that still waits in the queue is not taken for an idle one and cancelled; a scheduler that
    refuses holds up nobody; nodes and jobs that cannot work are told apart from those that are unlucky.
    """

    def settle(self, folder: Path, limit: int, echo: Callable[[str], None]) -> None:
        """Set the attributes that Parsl's own constructor has no place for. folder: of the notes of its
        workers; limit: failures in a row after which a node gets no more jobs.
        """
        folder.mkdir(parents=True)
        self.notes, self.health, self.verdict, self.echo = folder, Health(limit), "", echo
        self.refusal: Refused | None = None
        self._refused_since: float | None = None
        self._ask_at = 0.0
        self._submitting: threading.Thread | None = None
        self._block: str | None = None
        self._begun: set[str] = set()
        self._judged: set[str] = set()
        self._over: dict[str, tuple[float, bool]] = {}
        self._lost: list[Lost] = []
        self._blamed: set[tuple[str, str]] = set()
        self._health_lock = threading.Lock()

    @property
    def jobs(self) -> Block:
        """Its provider."""
        provider: object = self.provider
        assert isinstance(provider, Block)
        return provider

    # Submission

    def scale_out_facade(self, n: int) -> list[str]:
        """Let a thread of its own submit so many blocks, unless one is at it, or was refused a moment ago."""
        count = min(n, self.jobs.max_blocks - len(self.live()))  # type: ignore[attr-defined]
        busy = self._submitting is not None and self._submitting.is_alive()
        if count > 0 and not (busy or self.verdict or self._must_wait()):
            self._submitting = threading.Thread(target=self._submit, args=(count,), daemon=True)
            self._submitting.start()
        return []

    def _must_wait(self) -> bool:
        early = time.monotonic() < self._ask_at
        return early or self.jobs.closing.is_set() or bool(self._over) or self.health.is_doubtful

    def _submit(self, count: int) -> None:
        """A refused block keeps its number: the scheduler may have accepted its job all the same."""
        for _ in range(count):
            if self.jobs.closing.is_set() or self.verdict:
                return
            self._block = self._block or str(self._block_id_counter.get_id())
            try:
                job = self._launch_block(self._block)
            except Exception as error:
                self._refused(error if isinstance(error, Refused) else Refused(Kind.OUTAGE, repr(error)))
                return
            self._accepted(self._block, job)

    def _accepted(self, block: str, job: str) -> None:
        self.blocks_to_job_id[block], self.job_ids_to_block[job] = job, block
        # Copied, not changed: the thread that polls may be walking through it.
        self._status = {**self._status, block: JobStatus(JobState.PENDING)}
        self._block, self.refusal, self._refused_since = None, None, None

    def _refused(self, refusal: Refused) -> None:
        """A mistake ends the driver; else the scheduler is asked again while jobs run, then for a while."""
        now = time.monotonic()
        if self._refused_since is None or self.live():
            self._refused_since = now
        self.refusal, self._ask_at = refusal, now + max(RETRY_S, self.jobs.poll)
        waited = now - self._refused_since
        known = self.jobs.accepted or refusal.kind is Kind.LIMIT
        if refusal.kind is Kind.NEVER:
            self.verdict = f"no job ({self.label}) is accepted: {refusal}{self._without()}"
        elif waited > (PATIENCE_S if known else FIRST_PATIENCE_S):
            self.verdict = f"no job ({self.label}) was accepted for {waited:.0f} s: {refusal}"

    def _without(self) -> str:
        """Words about excluded nodes, which a refusal may follow from; empty without any."""
        left = f"; no other node is left than those excluded: {self.health.named()}"
        return left if self.health.excluded else ""

    def finish_submitting(self) -> None:
        """Wait for a submission under way: its job must be known before all are ended."""
        if self._submitting is not None:
            self._submitting.join()

    def live(self) -> list[str]:
        """Blocks whose jobs wait or run, as far as was heard."""
        return [
            block
            for block, job in list(self.blocks_to_job_id.items())
            if block not in self._simulated_status and not self.jobs.resources[job]["status"].terminal
        ]

    def scale_in(self, blocks: int, max_idletime: float | None = None) -> list[str]:
        """End so many blocks, and with max_idletime (s) only those idle for longer; returns which."""
        if max_idletime is None:
            ended: list[str] = super().scale_in(blocks)
            return ended
        managers = [manager for manager in self.connected_managers() if manager["active"]]
        busy = {
            manager["block_id"]
            for manager in managers
            if manager["tasks"] or manager["idle_duration"] <= max_idletime
        }
        idle = sorted({manager["block_id"] for manager in managers} - busy)[:blocks]
        return self._cancel(idle)

    def _cancel(self, blocks: list[str]) -> list[str]:
        provider: Any = self.provider
        gone = provider.cancel([self.blocks_to_job_id[block] for block in blocks]) if blocks else []
        return [block for block, is_gone in zip(blocks, gone, strict=True) if is_gone]

    # Tasks, as the driver settles them

    def worked(self, attempt: str) -> None:
        """An attempt was committed, with its note or, on a disk that was full for a moment, without."""
        self.health.begun()
        if note := self._taken(attempt):
            with self._health_lock:
                self.health.worked(self.jobs.node_name(note.host))

    def blames_node(self, attempt: str, task: str, words: str, is_certain: bool) -> bool:
        """An attempt failed in a way that may be its node's fault: whether that node is excluded, now or
        before, so that the failure is not the task's.
        """
        if (note := self._taken(attempt)) is None:
            return False
        node = self.jobs.node_name(note.host)
        with self._health_lock:
            self.health.failed(node, task, words, is_certain)
            return node in self.health.excluded

    def lost(self, attempt: str, task: str) -> None:
        """A worker was lost with its task: that counts unless the scheduler says that it ended the job."""
        if note := self._taken(attempt):
            with self._health_lock:
                self._lost.append(Lost(note, task, time.monotonic()))

    def _taken(self, attempt: str) -> notes.Note | None:
        """An attempt's note, which is then no longer needed."""
        if note := notes.read(self.notes / attempt):
            self._note(note)
            (self.notes / attempt).unlink(missing_ok=True)
        return note

    def _note(self, note: notes.Note) -> None:
        if note.block not in self._begun:
            self._begun.add(note.block)
            self.health.begun()

    # Jobs, as the scheduler's answers come

    def judge(self) -> None:
        """After every look at the jobs: what ended, which nodes to avoid, whether to go on."""
        if self.verdict or self.jobs.closing.is_set():
            return
        self._look_at_ended()
        self._look_at_lost()
        running = [block for block in self.live() if self._state(block) == JobState.RUNNING]
        with self._health_lock:
            if self._begun & set(running):
                self.health.begun()
            verdict = self._unstartable() or self.health.verdict(bool(running))
            bad = tuple(sorted(self.health.excluded))
        if verdict:
            self.verdict = f"{self.label}: {verdict}"
        elif bad:
            self._keep_off(bad)

    def _state(self, block: str) -> JobState:
        status: JobStatus = self.jobs.resources[self.blocks_to_job_id[block]]["status"]
        return status.state

    def _look_at_ended(self) -> None:
        for block, job in list(self.blocks_to_job_id.items()):
            if block in self._judged or not self.jobs.resources[job]["status"].terminal:
                continue
            if block in self._simulated_status:  # Ended because it was idle.
                self._judged.add(block)
                continue
            since, was_wanted = self._over.setdefault(block, (time.monotonic(), self._has_queue()))
            for note in notes.every(self.notes):
                self._note(note)
            late = time.monotonic() - since >= NOTE_LATE_S
            if block in self._begun or late or block not in self.connected_blocks():
                self._judged.add(block)
                self._judge_ended(block, job, was_wanted)
                self._over.pop(block)

    def _has_queue(self) -> bool:
        """True where tasks wait that no manager has; a job that starts none is to blame only then."""
        return bool(self.outstanding() > sum(manager["tasks"] for manager in self.connected_managers()))

    def _judge_ended(self, block: str, job: str, was_wanted: bool) -> None:
        """Jobs that never ran, that nothing waited for or that gave way to others say nothing."""
        resource, node = self.jobs.resources[job], self.jobs.node_of(job)
        listed, begun = self._last_heard(resource), block in self._begun
        if begun or ((node or resource.get("has_run")) and was_wanted and listed.cause != "preempted"):
            failed = listed.state == JobState.FAILED and not listed.cause
            single = node if self.jobs.nodes_per_block == 1 else ""
            ended = EndedJob(job, single, listed.words, self._output(job), begun, failed)
            with self._health_lock:
                self.health.ended(ended)

    @staticmethod
    def _last_heard(resource: dict[str, Any]) -> Job:
        """Last state of a job that ended; one that was cancelled here was last heard of as live."""
        listed: Job | None = resource.get("listed")
        if listed is None or listed.state in ACTIVE:
            return Job(JobState.CANCELLED, "cancelled by this driver", cause="cancelled")
        return listed

    def _output(self, job: str) -> str:
        """The end of what a job wrote, and what its log is called."""
        resource = self.jobs.resources[job]
        texts = []
        for name in ("job_stdout_path", "job_stderr_path"):
            if path := resource[name]:
                texts.append(_tail(Path(path)))
        return " | ".join(filter(None, texts))

    def _look_at_lost(self) -> None:
        """Count a lost worker against its node, once for each job, unless the job was ended from outside.

        The scheduler says so where a job was cancelled, preempted or out of time.
        """
        with self._health_lock:
            waiting, self._lost = self._lost, []
            for lost in waiting:
                job = self.blocks_to_job_id.get(lost.note.block, "")
                resource = self.jobs.resources.get(job)
                is_over = resource is not None and resource["status"].terminal
                if not is_over and time.monotonic() - lost.when < LOST_KNOWN_WITHIN_S:
                    self._lost.append(lost)
                elif not (resource and is_over and self._last_heard(resource).cause not in ("", "node")):
                    self._blame(self.jobs.node_name(lost.note.host), lost, job)

    def _blame(self, node: str, lost: Lost, job: str) -> None:
        if (node, lost.note.block) not in self._blamed:
            self._blamed.add((node, lost.note.block))
            self.health.failed(node, lost.task, f"job {job} lost a worker", is_certain=False)

    def _unstartable(self) -> str:
        for block in self.live():
            job = self.blocks_to_job_id[block]
            resource = self.jobs.resources[job]
            if resource.get("unstartable", 0) >= HEARD_TWICE:
                listed: Job = resource["listed"]
                step = next_step(listed.reason)
                return f"job {job} can never start: {listed.words}: {step}{self._without()}"
        return ""

    def _keep_off(self, nodes: tuple[str, ...]) -> None:
        """No further job goes to these nodes, and those there are ended: they would fail task after task."""
        for node in sorted(set(nodes) - set(self.jobs.excluded)):
            self.echo(f"      node {node} gets no more jobs ({self.label}): {self.health.excluded[node]}")
        self.jobs.excluded = nodes
        live = {block: self.blocks_to_job_id[block] for block in self.live()}
        there = [block for block, job in live.items() if self.jobs.node_of(job) in nodes]
        self._judged |= set(self._cancel(there))
        waiting = [job for block, job in live.items() if self._state(block) == JobState.PENDING]
        self.jobs.spare(waiting)

    def lines(self) -> Iterator[str]:
        """Lines about a refusal, as long as it lasts."""
        if (refusal := self.refusal) and not self.verdict:
            live = len(self.live())
            have = f"{live} run or wait, " if live else ""
            yield f"no further job ({self.label}) is accepted: {have}asking again: {refusal}"

    def waiting(self) -> Iterator[str]:
        """A line for each job that waits: why, and the next step where it does not start by itself."""
        for block, status in list(self.status_facade.items()):
            if status.state in (JobState.PENDING, JobState.HELD):
                yield self._waiting(self.blocks_to_job_id.get(block, ""), status.message)

    def _waiting(self, job: str, words: str | None) -> str:
        listed: Job | None = self.jobs.resources.get(job, {}).get("listed")
        stuck = listed.stuck if listed else ""
        return f"job {job} ({self.label}) {stuck or 'waits: ' + (words or 'pending')}"


def _tail(path: Path) -> str:
    try:
        text = path.read_text(errors="replace").strip()
    except OSError:
        return ""
    return text[-SHOWN:]


def judge(executor: BlockProviderExecutor, _status: object) -> None:
    """Parsl's hook after each look at the jobs."""
    assert isinstance(executor, ClusterExecutor)
    executor.judge()
