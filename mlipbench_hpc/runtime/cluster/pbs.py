"""Blocks under PBS Professional or OpenPBS."""

import getpass
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from parsl.jobs.states import JobState
from parsl.providers import PBSProProvider

from mlipbench_hpc.runtime.cluster.block import ACTIVE, TIMED_OUT, WAITING, Block, Cause, Job
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused

STATES = {"R": JobState.RUNNING, "B": JobState.RUNNING, **dict.fromkeys("QWTHSUM", WAITING)}
NO_HISTORY = "not configured to maintain job history"
# What qstat says of a job that is certainly not there: never submitted here, forgotten, or over.
NOT_THERE = ("unknown job id", "job has finished")
OVER_WALLTIME, SIGNALLED = -29, 256
UNUSABLE = ("down", "offline", "unknown", "stale", "provisioning")
SELECT = "select=${nodes_per_block}:ncpus=${ncpus}${select_options}"


@dataclass(frozen=True)
class Host:
    """State of one host by pbsnodes: all of its vnodes together."""

    name: str
    is_free: bool
    cores: int
    gpus: int


class PbsBlock(Block, PBSProProvider):  # type: ignore[misc]
    """Blocks under PBS. history: whether the server remembers jobs that are over, by default none does;
    one_by_one: whether qstat, asked for several jobs, leaves some out (OpenPBS, issue 2672).
    """

    killer = "qdel"
    history = True
    one_by_one = False
    # Two commands agree that a job is gone, qselect and qstat: that needs less time than one.
    absent_for = 20.0

    def settle(self, tag: str, poll: float) -> None:
        """Set the attributes that Parsl's own constructors have no place for."""
        super().settle(tag, poll)
        self._timed_out = False
        self._pins: dict[str, tuple[str, ...]] = {}  # Hosts that a job was sent to, by its script.

    def node_name(self, host: str) -> str:
        """PBS calls hosts by their short names."""
        return host.split(".", maxsplit=1)[0]

    # What is there

    def listing(self) -> dict[str, Job] | None:
        """Ids of live jobs from qselect, their states from qstat's JSON; of known jobs that are not live what
        the server's history says, if it keeps one. A job that qselect lists and qstat does not is there.
        """
        code, out, errors = self.execute_wait(f"qselect -u {getpass.getuser()} -N {self.tag}")
        if code != 0:
            self.trouble = f"qselect: {errors.strip() or out.strip() or code}"
            return None
        live = [self._same(job, self.resources) for job in out.split()]
        if (jobs := self._details(live)) is None:
            return None
        for job in self._open_jobs():
            if job not in live:
                jobs |= self._past(job)
        return jobs

    def is_over(self, job: str) -> bool:
        """True where this job of the store is over. A server that keeps no history says no more than that it
        knows no such job; with qselect, which does not list it either, that is an answer.
        """
        self.know(job)
        listed = self.listing()
        return listed is not None and (job not in listed or listed[job].state not in ACTIVE)

    def _open_jobs(self) -> list[str]:
        return [job for job, resource in list(self.resources.items()) if not resource["status"].terminal]

    def _details(self, live: list[str]) -> dict[str, Job] | None:
        """All that qstat says of them, None when it says nothing good."""
        jobs: dict[str, Job] = {}
        self._timed_out = False
        if len(live) > 1 and not self.one_by_one:
            jobs = self._query(live) or {}
            self.one_by_one = 0 < len(jobs) < len(live)
        silent = []
        for job in [job for job in live if job not in jobs]:
            answer = None if self._timed_out else self._query([job])
            jobs |= answer or {}
            silent += [job] if answer is None else []
        if silent and (self._timed_out or len(silent) == len(live)):
            return None
        return jobs | {job: self._unchanged(job) for job in silent}

    def _unchanged(self, job: str) -> Job:
        """A job of which an answer is missing: no answer is no news."""
        resource = self.resources.get(job)
        heard = resource and resource.get("listed")
        return heard or Job(resource["status"].state if resource else WAITING, "qstat does not list it")

    def _past(self, job: str) -> dict[str, Job]:
        """A job that is not live, as the server's history has it; empty where it knows no such job."""
        answer = self._query([job], "-x " if self.history else "")
        return {job: self._unchanged(job)} if answer is None else answer

    def _query(self, jobs: list[str], option: str = "") -> dict[str, Job] | None:
        """Jobs by qstat; empty where it says that there is none such, None where it has no answer."""
        code, out, errors = self.execute_wait(f"qstat {option}-f -F json {' '.join(jobs)}")
        self._timed_out = code == TIMED_OUT
        if option and (NO_HISTORY in errors or NO_HISTORY in out):
            self.history = False
            return self._query(jobs)
        if code != 0 and len(jobs) == 1 and any(words in errors.lower() for words in NOT_THERE):
            return {}
        if code != 0:
            self.trouble = f"qstat: {errors.strip() or out.strip() or code}"
            return None
        try:
            listed = json.loads(out, strict=False)["Jobs"]
            answer = {self._same(job, jobs): self._job(text) for job, text in listed.items()}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            self.trouble = f"qstat: no jobs in its JSON ({error})"
            return None
        return answer if answer.keys() & set(jobs) else None

    @staticmethod
    def _same(job: str, jobs: Iterable[str]) -> str:
        """Its name among jobs: qstat and qselect may say less or more of the server's name than qsub."""
        number = job.split(".", maxsplit=1)[0]
        return next((other for other in list(jobs) if other.split(".", maxsplit=1)[0] == number), job)

    def _job(self, listed: dict[str, Any]) -> Job:
        letter = str(listed["job_state"])
        state = STATES.get(letter)  # None: E, F, X: it is over, or nearly.
        comment = str(listed.get("comment", ""))
        code = int(listed.get("Exit_status", 0))
        cause: Cause = "" if "Exit_status" in listed or state else "unknown"
        if state is None:  # Finished; PBS's own reasons are negative, and a signal's are 256 and more.
            cause = "walltime" if code == OVER_WALLTIME else "cancelled" if code >= SIGNALLED else cause
            failed = 0 < code < SIGNALLED
            state = JobState.COMPLETED if code == 0 else JobState.FAILED if failed else JobState.TIMEOUT
        return Job(state, comment or letter, comment, self._node(listed), cause)

    def _node(self, listed: dict[str, Any]) -> str:
        hosts = {part.split("/")[0] for part in str(listed.get("exec_host", "")).split("+")}
        return self.node_name(hosts.pop()) if len(hosts) == 1 and self.nodes_per_block == 1 else ""

    # Which hosts

    def _write_submit_script(
        self, template: str, script_filename: str, job_name: str, configs: dict[str, Any]
    ) -> None:
        """PBS has no way to exclude a host: with some excluded, a job asks for others by name."""
        if self.excluded:
            hosts = self._choose()
            chunk = f"1:ncpus={configs['ncpus']}{configs['select_options']}"
            template = template.replace(
                SELECT, "select=" + "+".join(f"{chunk}:host={host}" for host in hosts)
            )
            self._pins[script_filename] = hosts
        super()._write_submit_script(template, script_filename, job_name, configs)

    def _choose(self) -> tuple[str, ...]:
        """Hosts for one block: none that is excluded; those first that have run jobs of ours, are free, and
        have the fewest jobs sent to them. Raises Refused when there are too few.
        """
        bad = f"{', '.join(self.excluded)} excluded"
        if re.search(r"\b(host|vnode)=", self.select_options):
            raise Refused(Kind.NEVER, f"{bad}: the site's `select` names a host; name another")
        proven, sent = self._proven(), self._sent()
        hosts = sorted(
            (host for host in self._hosts() if host.name not in self.excluded),
            key=lambda host: (sent[host.name], host.name not in proven, not host.is_free, host.name),
        )
        if len(hosts) < self.nodes_per_block:
            others = (
                f"pbsnodes lists {len(hosts)} other hosts for such a job, of {self.nodes_per_block} needed"
            )
            raise Refused(Kind.NEVER, f"{bad}: {others}")
        return tuple(host.name for host in hosts[: self.nodes_per_block])

    def _proven(self) -> set[str]:
        return {resource["node"] for resource in list(self.resources.values()) if resource.get("node")}

    def _sent(self) -> Counter[str]:
        """Number of live jobs that were sent to each host by name."""
        live = {str(self.resources[job]["job_stdout_path"]) for job in self._open_jobs()}
        return Counter(
            host for script, hosts in self._pins.items() if f"{script}.stdout" in live for host in hosts
        )

    def _hosts(self) -> list[Host]:
        """Hosts that are up, in the queue if the node says so, and large enough. Raises Refused when pbsnodes
        does not say.
        """
        code, out, errors = self.execute_wait("pbsnodes -a -F json")
        try:
            vnodes = list(json.loads(out)["nodes"].values()) if code == 0 else []
        except (ValueError, KeyError, AttributeError) as error:
            raise Refused(Kind.OUTAGE, f"pbsnodes: no nodes in its JSON ({error})") from error
        if code != 0:
            raise Refused(Kind.OUTAGE, f"pbsnodes: {errors.strip() or code}")
        usable = [vnode for vnode in vnodes if self._is_usable(vnode)]
        names = {self.node_name(str(vnode["resources_available"]["host"])) for vnode in usable}
        hosts = [self._host(name, usable) for name in sorted(names)]
        gpus = sum(int(number) for number in re.findall(r"\bngpus=(\d+)", self.select_options))
        return [host for host in hosts if host.cores >= self.cpus_per_node and host.gpus >= gpus]

    def _is_usable(self, vnode: dict[str, Any]) -> bool:
        state, queue = str(vnode.get("state", "")), vnode.get("queue")
        return (
            "host" in vnode.get("resources_available", {})
            and not any(word in state for word in UNUSABLE)
            and queue in (None, self.queue)
        )

    def _host(self, name: str, vnodes: Iterable[dict[str, Any]]) -> Host:
        own = [vnode for vnode in vnodes if self.node_name(str(vnode["resources_available"]["host"])) == name]
        resources = [vnode["resources_available"] for vnode in own]
        cores, gpus = (sum(int(resource.get(key, 0)) for resource in resources) for key in ("ncpus", "ngpus"))
        return Host(name, all(vnode["state"] == "free" for vnode in own), cores, gpus)

    # What it would refuse

    def objection(self) -> Refused | None:
        """qsub takes it in earnest but on hold, so that it never starts, and it is deleted at once."""
        options = self.scheduler_options
        self.scheduler_options = f"{options}\n#PBS -h"
        try:
            job = self.submit("true", 1, "whole")
        except Refused as refusal:
            return refusal
        finally:
            self.scheduler_options = options
        self.execute_wait(f"{self.killer} {job}")
        return None
