"""From a site to a running Parsl."""

import hashlib
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import parsl
import psutil
from parsl.app.python import PythonApp
from parsl.config import Config
from parsl.dataflow.dflow import DataFlowKernel
from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
from parsl.jobs.states import JobState
from parsl.providers import LocalProvider

from mlipbench_hpc.campaign.site import LOCAL, ClusterSite, Nodes, Site
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.runtime import processes
from mlipbench_hpc.runtime.answering import Executor
from mlipbench_hpc.runtime.cluster.executor import ClusterExecutor, judge
from mlipbench_hpc.runtime.cluster.providers import blocks_of
from mlipbench_hpc.runtime.launch import NOT_STARTED, launch
from mlipbench_hpc.runtime.trouble import WorkersLost

HEARTBEAT_S, LOST_AFTER_S = 2, 10
LONGEST_SILENCE_S, BEATS = 120.0, 5
# What is left when the workers start, never 0, which would be for ever; one that is over drains at once.
DRAIN = "$(( (MLIPBENCH_DRAIN_AT - $(date +%s)) | 1 ))"
PLAIN = r"[A-Za-z0-9_./+-]+"


class Pool:
    """Workers on this machine, or in the jobs of a cluster; Parsl's memoization and retries stay off."""

    def __init__(self, site: Site, store: Store, echo: Callable[[str], None]) -> None:
        self.site, self.echo = site, echo
        self.folder = _private_folder(store.root, site)
        # Parsl looks for interchange.py and process_worker_pool.py on PATH, whatever the venv.
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        # All of Parsl's processes here inherit these marks, so that none of them can be left behind.
        os.environ |= {processes.STORE: store.name, processes.POOL: self.folder.name}
        self.executors = _executors(site, store)
        self.clusters = {
            label: executor
            for label, executor in self.executors.items()
            if isinstance(executor, ClusterExecutor)
        }
        for label, executor in self.clusters.items():
            assert isinstance(site, ClusterSite)
            executor.settle(self.folder / "begun" / label, site.node_failures, echo)
        self._running_since: dict[tuple[str, str], float] = {}
        try:
            for executor in self.clusters.values():
                executor.jobs.end_all(echo)
            self.kernel: DataFlowKernel = parsl.load(_config(site, self.executors, self.folder))
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self._apps = {
            label: PythonApp(launch, data_flow_kernel=self.kernel, executors=[label])
            for label in self.executors
        }

    def submit(self, kind: str, argv: list[str], folder: str, *arguments: object) -> "Future[int]":
        """Queue launch(argv, folder, environ, log, …) for that kind of node; it answers with an exit code."""
        cluster = self.clusters.get(kind)
        note = str(cluster.notes / Path(folder).name) if cluster else None
        future: Future[int] = self._apps[kind](argv, folder, *arguments, note)
        return future

    def worked(self, kind: str, attempt: str) -> None:
        """An attempt was committed: its node works."""
        if cluster := self.clusters.get(kind):
            cluster.worked(attempt)

    def blames_node(self, kind: str, attempt: Path, failure: str, code: int | None, words: str) -> bool:
        """True where a failure of that kind is its node's, which gets no more jobs, and not the task's."""
        cluster, task = self.clusters.get(kind), attempt.name.rpartition("-")[0]
        if cluster and failure == "lost":
            cluster.lost(attempt.name, task)
        elif cluster and failure == "transient":
            return cluster.blames_node(attempt.name, task, words, code == NOT_STARTED)
        return False

    def is_broken(self) -> bool:
        """True where an interchange died or Parsl gave an executor up: a new pool is needed."""
        hopeless = bool(self.why_hopeless())
        return hopeless or any(
            not executor.is_alive() or executor.bad_state_is_set for executor in self.executors.values()
        )

    def why_hopeless(self) -> str:
        """Why a new pool would help no more than this one, in the scheduler's or the last jobs' words."""
        return next((cluster.verdict for cluster in self.clusters.values() if cluster.verdict), "")

    def watch(self) -> list[str]:
        """Lines about this pool's jobs by the scheduler; jobs of silent workers are cancelled."""
        lines = [cluster.jobs.trouble for cluster in self.clusters.values() if cluster.jobs.trouble]
        for label, executor in self.clusters.items():
            lines += [*executor.lines(), *executor.waiting()]
            lines += self._silent(label, executor)
        return lines

    def _silent(self, label: str, executor: Executor) -> list[str]:
        assert isinstance(self.site, ClusterSite)
        here = {manager["block_id"] for manager in executor.connected_managers()}
        now, lines = time.monotonic(), []
        for block, status in list(executor.status_facade.items()):
            if status.state != JobState.RUNNING or block in here:
                self._running_since.pop((label, block), None)
                continue
            since = self._running_since.setdefault((label, block), now)
            if now - since > self.site.connect_within:
                job = executor.blocks_to_job_id[block]
                provider: Any = executor.provider
                provider.cancel([job])
                lines.append(
                    f"job {job} ({label}) ran for {now - since:.0f} s, its workers never called: cancelled; "
                    f"can nodes reach {executor.address}, ports {self.site.ports[0]} to {self.site.ports[1]}?"
                )
        return lines

    def close(self) -> None:
        """End the pool's jobs and Parsl's processes, orphans too; forget its folder. Once is enough."""
        if not self.folder.exists():
            return
        for executor in self.clusters.values():
            executor.jobs.closing.set()
        for executor in self.clusters.values():
            executor.finish_submitting()
        try:
            self.kernel.cleanup()
        finally:
            parsl.clear()
            self._end_processes()

    def _end_processes(self) -> None:
        try:
            for executor in self.clusters.values():
                executor.jobs.end_all(self.echo)
        finally:
            processes.kill(processes.POOL, self.folder.name)
            shutil.rmtree(self.folder, ignore_errors=True)


def end_leftovers(site: Site, store: Store, echo: Callable[[str], None]) -> None:
    """End jobs that a driver left which died after its last task, where no pool does it: nothing is to run.

    A scheduler that does not answer is no reason to wait: without a driver such jobs end by themselves.
    """
    if not isinstance(site, ClusterSite):
        return
    for kind, nodes in site.nodes.items():
        block = blocks_of(site, nodes, tag(store, kind), str(Path(sys.executable).parent))
        if block.active():
            block.end_all(echo)


def tag(store: Store, what: str) -> str:
    """The job name of a store's jobs of one sort: 15 characters, which every scheduler keeps whole."""
    identity = (store.root / "id").read_text().strip()
    digest = hashlib.sha256(f"{identity} {store.root.stat().st_ino}".encode()).hexdigest()
    return f"mlip-{digest[:9]}{what[0]}"


def _config(site: Site, executors: dict[str, Executor], folder: Path) -> Config:
    cluster = isinstance(site, ClusterSite)
    return Config(
        executors=list(executors.values()),
        run_dir=str(folder),
        retries=0,
        strategy="htex_auto_scale" if cluster else "simple",
        strategy_period=min(5.0, site.poll) if isinstance(site, ClusterSite) else 1,
        max_idletime=site.idle_limit if isinstance(site, ClusterSite) else 86400.0,
    )


def _executors(site: Site, store: Store) -> dict[str, Executor]:
    if isinstance(site, ClusterSite):
        return {
            kind: _cluster_executor(site, kind, nodes, tag(store, kind)) for kind, nodes in site.nodes.items()
        }
    return {LOCAL: _local_executor(site.slots[LOCAL])}


def _local_executor(workers: int) -> Executor:
    return Executor(
        label=LOCAL,
        address="127.0.0.1",
        max_workers_per_node=workers,
        cores_per_worker=1e-3,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        heartbeat_period=HEARTBEAT_S,
        heartbeat_threshold=LOST_AFTER_S,
        interchange_launch_cmd=_interchange(),
        encrypted=True,
    )


def _cluster_executor(site: ClusterSite, kind: str, nodes: Nodes, name: str) -> Executor:
    silence = min(LONGEST_SILENCE_S, nodes.margin)
    # One name for each worker; `launch` knows how many share a GPU.
    gpus = [str(place) for place in range(nodes.gpus_per_node * nodes.tasks_per_gpu)]
    return ClusterExecutor(
        label=kind,
        address=address(site.interface),
        worker_port_range=site.ports,
        max_workers_per_node=nodes.workers_per_node(site.threads_per_task),
        cores_per_worker=1e-3,
        available_accelerators=gpus,
        provider=blocks_of(site, nodes, name, str(Path(sys.executable).parent)),
        heartbeat_period=max(1, int(silence / BEATS)),
        heartbeat_threshold=max(5, int(silence)),
        launch_cmd=DEFAULT_LAUNCH_CMD.replace("{drain_period}", DRAIN),
        block_error_handler=judge,
        interchange_launch_cmd=_interchange(),
        encrypted=True,
    )


def _interchange() -> list[str]:
    return [sys.executable, "-m", "mlipbench_hpc.runtime.interchange", str(os.getpid())]


def address(interface: str | None) -> str:
    """This machine's IPv4 address for nodes: an interface's, the host name's, or the first but loopback.

    Parsl's own choice asks a public web service. Raises WorkersLost for an unknown interface.
    """
    addresses = {
        name: [one.address for one in own if one.family == socket.AF_INET]
        for name, own in psutil.net_if_addrs().items()
    }
    if interface is not None:
        if not addresses.get(interface):
            raise WorkersLost(
                f"this machine has no interface `{interface}` with an IPv4 address: `interface` of the site "
                f"must be one of {', '.join(sorted(name for name, own in addresses.items() if own))}"
            )
        return str(addresses[interface][0])
    try:
        by_name = [socket.gethostbyname(socket.gethostname())]
    except OSError:
        by_name = []
    every: list[str] = by_name + [one for own in addresses.values() for one in own]
    return next((str(one) for one in every if not one.startswith("127.")), "127.0.0.1")


def _private_folder(store: Path, site: Site) -> Path:
    """Parsl hands this path to a shell unquoted, so a store with unusual characters gets a temporary one.

    Raises WorkersLost on a cluster, whose nodes would not see it.
    """
    room, usual = store / "parsl", plain(store)
    if not usual and isinstance(site, ClusterSite):
        raise WorkersLost(
            f"{store}: job scripts can hold no such path; name a store of letters, digits and _ . / + -"
        )
    if usual:
        room.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-" if usual else "mlipbench-", dir=room if usual else None))


def plain(store: Path) -> bool:
    """True where a store's path can stand unquoted in a script."""
    return re.fullmatch(PLAIN, str(store.resolve())) is not None
