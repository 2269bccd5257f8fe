"""`mlipbench doctor`: is this site what its file says? A probe job per kind of node, and what to change."""

import json
import shlex
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobState, JobStatus

from mlipbench_hpc.campaign.site import ClusterSite, Nodes, Site, SlurmSite
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.runtime import probe
from mlipbench_hpc.runtime.cluster.block import ACTIVE
from mlipbench_hpc.runtime.cluster.pbs import PbsBlock
from mlipbench_hpc.runtime.cluster.providers import blocks_of
from mlipbench_hpc.runtime.cluster.refusals import Kind, Refused
from mlipbench_hpc.runtime.cluster.slurm import SlurmBlock
from mlipbench_hpc.runtime.executors import PLAIN, address, plain, tag
from mlipbench_hpc.runtime.images import Image
from mlipbench_hpc.runtime.places import images_of
from mlipbench_hpc.runtime.submit import driver_block
from mlipbench_hpc.runtime.trouble import Trouble, WorkersLost, free_bytes

NEEDED = {"slurm": ("sbatch", "squeue", "scancel"), "pbs": ("qsub", "qstat", "qselect", "qdel")}
LEAST_FREE_BYTES = 10 * 10**9
LATE_S, SKEW_S, LOOK_EVERY_S = 30.0, 60.0, 1.0
SHOWN = 600
PROBE_WALLTIME_S = 300.0


class Silent(Trouble):
    """The probe job did not call; the message says what became of it."""


@dataclass
class Doctor:
    """Checks a site, one line each. wait: s a probe job may wait in the queue."""

    site: Site
    store: Store
    wait: float
    echo: Callable[[str], None]
    bad: list[str] = field(default_factory=list)

    def good(self, what: str) -> None:
        self.echo(f"  ok    {what}")

    def wrong(self, what: str, change: str) -> None:
        self.bad.append(what)
        self.echo(f"  WRONG {what}\n        {change}")

    def check(self, right: bool, what: str, otherwise: str, change: str) -> None:
        if right:
            self.good(what)
        else:
            self.wrong(otherwise, change)

    def run(self) -> bool:
        """True when nothing is wrong."""
        self.echo(f"this machine ({socket.gethostname()})")
        self._store()
        images = self._images()
        if isinstance(self.site, ClusterSite):
            self._cluster(self.site, images)
        self.echo(f"wrong: {'; '.join(self.bad)}" if self.bad else "nothing is wrong")
        return not self.bad

    def _store(self) -> None:
        root, free = self.store.root, free_bytes(self.store.root)
        with tempfile.TemporaryDirectory(dir=root, prefix="doctor-") as folder:
            probe.rename(Path(folder), "here")
        self.check(
            free > LEAST_FREE_BYTES,
            f"store {root} can be written, {free / 1e9:.0f} GB are free",
            f"store {root} has {free / 1e9:.1f} GB left",
            "free some space, or set `store` to a larger filesystem",
        )

    def _images(self) -> list[Image]:
        """Those of the site's flavour that are built and what was locked."""
        if self.site.runtime == "venv":
            self.good("tasks run in virtual environments, as the site says")
            return []
        self.check(
            shutil.which("apptainer") is not None,
            f"apptainer: {probe.answer('apptainer', '--version')}",
            "no apptainer is on PATH",
            "load its module before you start the driver, or set `runtime: venv`",
        )
        images, usable = images_of(self.site), []
        for entry in images.entries.values():
            image = images.find(entry.environment, entry.flavour)
            try:
                image.check()
            except Trouble as trouble:
                self.wrong(f"image {entry.name}", str(trouble))
            else:
                self.good(f"image {entry.name} is what images.lock says")
                usable.append(image)
        if not images.entries:
            needed = self.site.runtime == "apptainer"
            say = f"no images are in {images.folder}"
            self.check(not needed, f"{say}: tasks run in virtual environments", say, "run `make images`")
        return usable

    def _cluster(self, site: ClusterSite, images: list[Image]) -> None:
        missing = [name for name in NEEDED[site.scheduler] if not shutil.which(name)]
        self.check(
            not missing,
            f"{site.scheduler}: {', '.join(NEEDED[site.scheduler])} are on PATH",
            f"not on PATH: {', '.join(missing)}",
            "run this on a login node of the cluster, with the scheduler's module loaded",
        )
        self.check(
            plain(self.store.root),
            "the store's path can stand in job scripts",
            f"job scripts can hold no path like {self.store.root}",
            f"name a store that matches {PLAIN}",
        )
        try:
            at = address(site.interface)
        except WorkersLost as trouble:
            self.wrong("network", str(trouble))
            return
        if missing or not plain(self.store.root):
            return
        for kind, nodes in site.nodes.items():
            self.echo(f"a {kind} node, from a probe job of five minutes at most")
            cuda = [image for image in images if image.device == "cuda" and nodes.gpus_per_node]
            self._probe(site, nodes, at, [str(image.path) for image in cuda])
        self.echo("the driver's own job, as `run --submit` asks for it; nothing is run")
        self._driver(site)

    def _probe(self, site: ClusterSite, nodes: Nodes, at: str, images: list[str]) -> None:
        short = nodes.model_copy(update={"walltime": PROBE_WALLTIME_S, "nodes_per_block": 1})
        provider = blocks_of(site, short, tag(self.store, "doctor"), str(Path(sys.executable).parent))
        with (
            tempfile.TemporaryDirectory(dir=self.store.root, prefix="doctor-") as name,
            listening(site) as server,
        ):
            provider.script_dir = name
            self._whole(site, nodes, name)
            port = str(server.getsockname()[1])
            words = [sys.executable, "-m", "mlipbench_hpc.runtime.probe", name, at, port, *images]
            try:
                job = provider.submit(shlex.join(words), 1)
                self.good(f"job {job} was accepted")
                self._talk(self._called(provider, job, server, at, port), Path(name), nodes)
            except Refused as refusal:
                self._refused("no job is accepted", refusal, _about_nodes(site))
            except (OSError, ValueError) as error:
                self.wrong(
                    f"the probe broke off: {error}", "try again; see the job's output in the queue's log"
                )
            except Silent as silent:
                self.wrong(*str(silent).split("\n", 1))
            finally:
                if provider.accepted:
                    self._end(provider)

    def _whole(self, site: ClusterSite, nodes: Nodes, folder: str) -> None:
        """Check that the scheduler would ever start a job as long and as large as the site's, if it tells."""
        block = blocks_of(site, nodes, tag(self.store, "doctor"), str(Path(sys.executable).parent))
        block.script_dir = folder
        refusal = block.objection()
        if block.accepted:  # PBS is asked with a job on hold, which is deleted.
            self._end(block)
        if refusal:
            change = (
                "change `walltime`, `nodes_per_block`, `cores_per_node`, `gpus_per_node` or the partition"
            )
            self._refused("no job as the site asks for it can run", refusal, change)

    def _driver(self, site: ClusterSite) -> None:
        """The same of the job that `run --submit` asks for."""
        block = driver_block(site, self.store)
        block.tag = tag(self.store, "doctor")
        with tempfile.TemporaryDirectory(dir=self.store.root, prefix="doctor-") as folder:
            block.script_dir = folder
            refusal = block.objection()
            if block.accepted:
                self._end(block)
            if refusal:
                self._refused(
                    f"no driver's job can run, with walltime {block.walltime}",
                    refusal,
                    "change `driver_walltime`, or the partition or queue of the nodes it runs on",
                )
            else:
                self.good(f"the scheduler has nothing against it, with walltime {block.walltime}")

    def _refused(self, what: str, refusal: Refused, change: str) -> None:
        """A mistake in the site's file is told from a limit on jobs, and from a scheduler that is out."""
        otherwise = {
            Kind.LIMIT: "jobs of yours are in the way: try again when some are over. A run waits for that",
            Kind.OUTAGE: "this says nothing about the site: try again when the scheduler answers",
        }
        if refusal.kind is Kind.NEVER:
            self.wrong(f"{what}: {refusal}", change)
        else:
            self.wrong(f"no answer about this job, {refusal.kind.value}: {refusal}", otherwise[refusal.kind])

    def _end(self, provider: SlurmBlock | PbsBlock) -> None:
        try:
            provider.end_all(lambda _: None)
        except WorkersLost as trouble:
            self.wrong("the probe job may still be there", str(trouble))

    def _called(
        self, provider: SlurmBlock | PbsBlock, job: str, server: socket.socket, at: str, port: str
    ) -> socket.socket:
        """The probe's connection. Raises Silent when the job ends, or waits for too long, without a call."""
        start, reason = time.monotonic(), ""
        while time.monotonic() - start < self.wait:
            try:
                return server.accept()[0]
            except TimeoutError:
                status: JobStatus = provider.status([job])[0]  # type: ignore[no-untyped-call]
            if status.state not in ACTIVE:
                left = ((status.stdout_summary or "") + (status.stderr_summary or "")).strip()[-SHOWN:]
                raise Silent(
                    f"the job ended as {status.state.name} before its node called {at}:{port}\n"
                    f"it left: {left or 'nothing'}\n        mend `modules` or `worker_init` if those failed; "
                    "else nodes cannot reach this address or port: set `interface` and `ports`"
                )
            if status.state == JobState.PENDING and status.message and status.message != reason:
                reason = status.message
                self.echo(f"        job {job} waits: {reason}")
        raise Silent(
            f"no node called {at}:{port} within {self.wait:.0f} s ({reason or 'the job ran'})\n"
            "if the queue is long, give --wait; else set `interface` and `ports` to what nodes can reach"
        )

    def _talk(self, line: socket.socket, folder: Path, nodes: Nodes) -> None:
        with line, line.makefile("rw", encoding="utf-8") as stream:
            line.settimeout(2 * probe.PATIENCE_S)
            node = json.loads(stream.readline())
            self.good(f"{node['host']} reaches this machine")
            (folder / probe.FROM_NODE).exists()
            refused = json.loads(stream.readline())
            there = None if refused else probe.seen_after(folder / probe.FROM_NODE)
            probe.rename(folder, probe.FROM_LOGIN)
            stream.write("\n")
            stream.flush()
            self._filesystem(refused, there, json.loads(stream.readline()))
        self._node(node, nodes)

    def _filesystem(self, refused: str, there: float | None, back: float | None) -> None:
        if refused or there is None or back is None:
            why = refused or "a rename never showed on the other side"
            self.wrong(
                f"the store is not one folder for both: {why}",
                "set `store` to a filesystem that login and compute nodes share",
            )
            return
        self.check(
            max(there, back) < LATE_S,
            f"a rename there shows here after {there:.2f} s, one here shows there after {back:.2f} s",
            f"a rename shows on the other side only after {max(there, back):.0f} s",
            "choose another filesystem for `store`, or ask for a shorter attribute cache",
        )

    def _node(self, node: dict[str, Any], nodes: Nodes) -> None:
        here, there = probe.versions(), node["versions"]
        skew, cores = abs(node["time"] - time.time()), node["cores"]
        self.check(
            here == there,
            f"versions agree: {', '.join(' '.join(pair) for pair in here.items())}",
            f"versions differ: here {here}, there {there}",
            "let this environment lie where nodes see it, or set PATH in `worker_init`",
        )
        self.check(
            skew < SKEW_S, "clocks agree", f"clocks differ by {skew:.0f} s", "tell the cluster's operators"
        )
        self.check(
            cores >= nodes.cores_per_node,
            f"a job may use {cores} cores",
            f"a job may use {cores} cores, the site says {nodes.cores_per_node}",
            "set `cores_per_node` to that",
        )
        if self.site.runtime == "apptainer" or (self.site.runtime == "auto" and shutil.which("apptainer")):
            self.check(
                node["apptainer"] is not None,
                f"{node['apptainer']} on the node",
                "the node has no apptainer",
                "add its module to `modules`, or set `runtime: venv`",
            )
        if nodes.gpus_per_node:
            self._gpus(node, nodes.gpus_per_node)

    def _gpus(self, node: dict[str, Any], wanted: int) -> None:
        names = node["gpus"] or []
        number = len(node["devices"]) or len(names)
        self.check(
            number >= wanted,
            f"the job holds {number} GPUs",
            f"the job holds {number} GPUs, not {wanted}",
            "set `gpus_per_node` to what a node has, and under PBS ask for them in `select`",
        )
        self.check(
            bool(names),
            f"nvidia-smi: {', '.join(names)}",
            "the node has no nvidia-smi that works",
            "ask for nodes with GPUs: `partition` and `constraint`, or `queue`",
        )
        for path, count in node["inside"].items():
            self.check(
                count not in (None, "0"),
                f"{Path(path).name} sees {count} GPUs",
                f"{Path(path).name} sees no GPU",
                "try `apptainer exec --nv` there: the node's driver must be as new as the image's CUDA asks",
            )


@contextmanager
def listening(site: ClusterSite) -> Iterator[socket.socket]:
    """A socket at the first free port that the site allows. Raises WorkersLost when none is free."""
    for port in range(site.ports[0], site.ports[1] + 1):
        with socket.socket() as server:
            try:
                server.bind(("", port))
            except OSError:
                continue
            server.listen(1)
            server.settimeout(LOOK_EVERY_S)
            yield server
            return
    raise WorkersLost(f"no port of {site.ports[0]} to {site.ports[1]} is free here: change `ports`")


def _about_nodes(site: ClusterSite) -> str:
    own = "`partition`, `qos`, `constraint`" if isinstance(site, SlurmSite) else "`queue`, `select`"
    return f"change {own}, `account`, `cores_per_node` or `gpus_per_node` to what the scheduler has"
