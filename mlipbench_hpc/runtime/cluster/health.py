"""Which nodes fail, and when jobs are hopeless: counts of failures in a row, and what follows from them.

Nothing here asks or does anything; the executor tells it what ended, and acts on what it decides.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

IDLE_JOBS, FAILED_JOBS = 3, 5
JOBS_PER_NODE = IDLE_JOBS - 1  # Then the last of the jobs in a row that may start no task tries another node.


@dataclass(frozen=True)
class EndedJob:
    """A job that is over. node: where it ran, empty where that is unknown or several; words: how it ended;
    output: the end of what it printed; has_begun: whether any task began in it; has_failed: by its exit code.
    """

    job: str
    node: str
    words: str
    output: str
    has_begun: bool
    has_failed: bool

    def described(self) -> str:
        """For people."""
        where = f" on {self.node}" if self.node else ""
        return f"job {self.job}{where} ended as {self.words}; it printed: {self.output or 'nothing'}"


@dataclass(frozen=True)
class Failure:
    """Failure that counts against a node: of a task, or of a job that started none (then task is empty)."""

    task: str
    words: str
    is_certain: bool


@dataclass
class Health:
    """Health of the jobs and nodes of one executor. limit: failures in a row after which a node gets no more
    jobs; excluded: such nodes, and why.
    """

    limit: int
    excluded: dict[str, str] = field(default_factory=dict)
    _failures: dict[str, list[Failure]] = field(default_factory=lambda: defaultdict(list))
    _of_several_nodes: set[str] = field(default_factory=set)
    _worked: set[str] = field(default_factory=set)
    _idle: list[EndedJob] = field(default_factory=list)
    _failed: list[EndedJob] = field(default_factory=list)
    _despite: list[EndedJob] = field(default_factory=list)

    @property
    def is_doubtful(self) -> bool:
        """True where so many jobs started no task that no more should be submitted before others have shown
        whether they can.
        """
        return len(self._idle) >= IDLE_JOBS

    def begun(self) -> None:
        """A task has begun in some job: jobs can start tasks."""
        self._idle.clear()

    def worked(self, node: str) -> None:
        """A task was committed on a node."""
        self._failures[node].clear()
        self._worked.add(node)
        self._failed.clear()

    def failed(self, node: str, task: str, words: str, is_certain: bool) -> None:
        """A task failed on a node in a way that may be the node's fault; is_certain: that it must be.

        A task that failed on another node too counts against neither any further.
        """
        elsewhere = any(
            failure.task == task
            for other, failures in self._failures.items()
            if other != node and other not in self.excluded
            for failure in failures
        )
        if elsewhere and not is_certain:
            self._of_several_nodes.add(task)
            for failures in self._failures.values():
                failures[:] = [failure for failure in failures if failure.task != task or failure.is_certain]
        elif is_certain or task not in self._of_several_nodes:
            self._add(node, Failure(task, words, is_certain))

    def ended(self, job: EndedJob) -> None:
        """A job is over; one that started no task counts against its node, else against all jobs."""
        if job.has_begun:
            self._idle.clear()
            self._failures[job.node] = [failure for failure in self._failures[job.node] if failure.task]
            self._failed = [*self._failed, job] if job.has_failed else []
        elif job.node in self.excluded:
            self._despite.append(job)
        else:
            self._idle.append(job)
            if job.node:
                self._add(job.node, Failure("", job.described(), is_certain=True))

    def _add(self, node: str, failure: Failure) -> None:
        self._failures[node].append(failure)
        failures = self._failures[node]
        idle = sum(not failure.task for failure in failures)
        tasks = {failure.task for failure in failures}
        one_task = len(tasks) == 1 and not any(failure.is_certain for failure in failures)
        # A task that fails again and again where others succeed is no node's fault.
        enough = len(failures) >= self.limit and not (one_task and node in self._worked)
        if node not in self.excluded and (enough or idle >= JOBS_PER_NODE):
            what = "jobs that started no task" if idle == len(failures) else "failures"
            self.excluded[node] = f"{len(failures)} {what} in a row, last: {failure.words}"

    def verdict(self, others_run: bool) -> str:
        """Why no further job would help, or an empty string. others_run: whether jobs run that may yet start
        a task.
        """
        for jobs, limit, what in (
            (self._idle, IDLE_JOBS, "have failed before they started a task"),
            (self._failed, FAILED_JOBS, "have failed"),
        ):
            if len(jobs) >= limit and not (others_run and jobs is self._idle):
                return f"{len(jobs)} jobs in a row {what} ({_numbers(jobs)}): {jobs[-1].described()}"
        if len(self._despite) >= IDLE_JOBS:
            return f"jobs are started on excluded nodes all the same: {self.named()}"
        return ""

    def named(self) -> str:
        """All excluded nodes with their reasons."""
        return "; ".join(f"{node} ({why})" for node, why in self.excluded.items())


def _numbers(jobs: Sequence[EndedJob]) -> str:
    return ", ".join(job.job for job in jobs)
