"""Blocks under SLURM."""

import getpass
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobState
from parsl.providers import SlurmProvider

from mlipbench_hpc.runtime.cluster.block import WAITING, Block, Cause, Job
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused, kind_of
from mlipbench_hpc.runtime.cluster.script import hours, seconds

STATES: dict[str, JobState] = {
    **dict.fromkeys(("RUNNING", "SIGNALING", "RESIZING"), JobState.RUNNING),
    **dict.fromkeys(("COMPLETED", "STAGE_OUT"), JobState.COMPLETED),
    **dict.fromkeys(("TIMEOUT", "PREEMPTED", "DEADLINE", "NODE_FAIL"), JobState.TIMEOUT),
    **dict.fromkeys(("FAILED", "BOOT_FAIL", "OUT_OF_MEMORY", "REVOKED", "SPECIAL_EXIT"), JobState.FAILED),
    "CANCELLED": JobState.CANCELLED,
}
CAUSES: dict[str, Cause] = {
    "TIMEOUT": "walltime",
    "DEADLINE": "walltime",
    "PREEMPTED": "preempted",
    "CANCELLED": "cancelled",
    "NODE_FAIL": "node",
    "BOOT_FAIL": "node",
}
ENDING: dict[str, tuple[JobState, Cause]] = {
    "TimeLimit": (JobState.TIMEOUT, "walltime"),
    "NonZeroExitCode": (JobState.FAILED, ""),
    "NodeDown": (JobState.TIMEOUT, "node"),
}


class SlurmBlock(Block, SlurmProvider):  # type: ignore[misc]
    """Blocks under SLURM."""

    killer = "scancel"

    def _write_submit_script(
        self, template: str, script_filename: str, job_name: str, configs: dict[str, Any]
    ) -> None:
        options = "\n".join([configs["scheduler_options"], *self._exclusion()])
        super()._write_submit_script(
            template, script_filename, job_name, configs | {"scheduler_options": options}
        )

    def _exclusion(self) -> list[str]:
        return [f"#SBATCH --exclude={','.join(self.excluded)}"] if self.excluded else []

    def _spare(self, jobs: list[str]) -> None:
        self.execute_wait(f"scontrol update JobId={','.join(jobs)} ExcNodeList={','.join(self.excluded)}")

    def listing(self) -> dict[str, Job] | None:
        """squeue by job name never fails for a job that is no longer known, as asking by id does."""
        ours = f"--user={getpass.getuser()} --name={self.tag}"
        code, out, errors = self.execute_wait(f"squeue --noheader --states=all {ours} --format=%i|%T|%N|%r")
        rows = [line.strip().split("|", 3) for line in out.splitlines() if line.strip()]
        if code != 0 or any(len(row) != 4 for row in rows):
            self.trouble = f"squeue: {errors.strip() or out.strip() or code}"
            return None
        return {job: self._job(state, nodes, reason) for job, state, nodes, reason in rows}

    def _job(self, state: str, nodes: str, reason: str) -> Job:
        node = nodes if self.nodes_per_block == 1 and nodes not in ("", "(null)", "n/a", "None") else ""
        words = f"{state.lower()}: {reason}"
        if state == "COMPLETING":  # Over, but for its last processes: only the reason says how.
            over, cause = ENDING.get(reason, (JobState.COMPLETED, "unknown"))
            return Job(over, words, reason, node, cause)
        return Job(STATES.get(state, WAITING), words, reason, node, CAUSES.get(state, ""))

    def objection(self) -> Refused | None:
        """sbatch tries without submitting; few clusters let it look at the partition's time limit."""
        script = Path(str(self.script_dir)) / "whole.sh"
        memory = f" --mem={self.mem_per_node}g" if self.mem_per_node else ""
        cores = f" --cpus-per-task={self.cores_per_node}" if self.cores_per_node else ""
        size = f"--nodes={self.nodes_per_block} --ntasks-per-node=1 --time={self.walltime}{memory}{cores}"
        script.write_text(f"#!/bin/bash\n#SBATCH {size}\n{self.scheduler_options}\ntrue\n")
        code, _, errors = self.execute_wait(f"sbatch --test-only {script}")
        script.unlink()
        if code != 0:
            words = " ".join(errors.split()) or str(code)
            return Refused(kind_of(words), words)
        where = f"--partition={self.partition} " if self.partition else ""
        _, out, _ = self.execute_wait(f"sinfo {where}--noheader --format=%l")
        limits = [limit for text in out.split() if (limit := seconds(text)) is not None]
        unlimited = "infinite" in out.split()
        if limits and not unlimited and max(limits) < (seconds(self.walltime) or 0.0):
            longest = hours(max(limits))
            return Refused(Kind.NEVER, f"the partition's limit is {longest}, walltime {self.walltime}")
        return None

    def _remembered(self, job: str) -> Job | None:
        code, out, _ = self.execute_wait(
            f"sacct --noheader --parsable2 --allocations --jobs={job} --format=JobName,State"
        )
        rows = [line.split("|", 1) for line in out.splitlines()] if code == 0 else []
        states = [row[1] for row in rows if row[0] == self.tag and row[1:]]
        return Job(STATES.get(states[-1].split()[0], WAITING)) if states else None
