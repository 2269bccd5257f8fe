"""`mlipbench run --submit`: the driver as a small job of its own, which submits itself again at its end."""

import argparse
import functools
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from parsl.launchers import SimpleLauncher

from mlipbench_hpc.campaign.site import ClusterSite, Site
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.runtime.cluster.block import FIRST_PATIENCE_S
from mlipbench_hpc.runtime.cluster.pbs import PbsBlock
from mlipbench_hpc.runtime.cluster.providers import blocks_of
from mlipbench_hpc.runtime.cluster.refusals import Refused
from mlipbench_hpc.runtime.cluster.slurm import SlurmBlock
from mlipbench_hpc.runtime.executors import plain, tag
from mlipbench_hpc.runtime.launch import STOP_AT
from mlipbench_hpc.runtime.lock import own_job, release_dead
from mlipbench_hpc.runtime.trouble import Trouble

CORES = 2
LOG = "driver.log"
LOOK_AT_START_S = 10.0


def submit(site: Site, store: Store, options: argparse.Namespace, echo: Callable[[str], None]) -> None:
    """Submit the driver of a campaign; a dead driver's lock is removed here, where that can be known.

    Raises Trouble on a site without a scheduler, while such a job waits or runs, and when none is accepted or
    the scheduler says that it can never start.
    """
    if not isinstance(site, ClusterSite):
        raise Trouble(f"site `{site.name}` has no scheduler: leave --submit out")
    if not plain(store.root):
        raise Trouble(f"{store.root}: job scripts can hold no such path; give another --store")
    block = driver_block(site, store)
    if options.submitted and (own := own_job()):
        block.know(own)
    elif there := block.active():
        raise Trouble(f"job {' '.join(there)} drives this store already, or waits to: see {store.root / LOG}")
    else:
        release_dead(store.root, options.take_over, functools.partial(is_over, site, store))
    words = [sys.executable, "-m", "mlipbench_hpc.cli", "run", "--site", options.site]
    words += ["--store", str(store.root)] + (["--part", options.part] if options.part else [])
    words += ["--submitted", "--yes", "--", str(options.campaign)]
    log, folder = shlex.quote(str(store.root / LOG)), shlex.quote(str(Path.cwd()))
    try:
        command = f"cd {folder} && {shlex.join(words)} >> {log} 2>&1"
        job = block.submit_within(FIRST_PATIENCE_S, command)
    except Refused as refusal:
        raise Trouble(
            f"no job is accepted ({refusal.kind.value}): {refusal}; `mlipbench doctor` says more"
        ) from refusal
    if why := block.why_never(job, LOOK_AT_START_S):
        block.end_all(echo)
        raise Trouble(
            f"job {job} for the driver can never start: {why}; walltime {block.walltime}, {CORES} cores: "
            "change `driver_walltime`, or the nodes' partition or queue"
        )
    echo(f"job {job} drives the campaign; its words go to {store.root / LOG}")


def driver_block(site: ClusterSite, store: Store) -> SlurmBlock | PbsBlock:
    """Provider that submits and finds the drivers of a store: two cores of a node without GPUs, if any."""
    nodes = site.nodes[site.kind_of(gpu=False)]  # type: ignore[index]
    small: dict[str, Any] = {"nodes_per_block": 1, "gpus_per_node": 0, "cores_per_node": CORES}
    small |= {"memory_per_node": None, "select": None, "min_blocks": 0, "exclusive": False}
    small["walltime"] = site.driver_walltime or nodes.walltime
    few = nodes.model_copy(update=small)
    block = blocks_of(site, few, tag(store, "submitted"), str(Path(sys.executable).parent))
    block.launcher, block.script_dir = SimpleLauncher(), str(store.root)
    return block


def is_over(site: Site, store: Store, lock: Mapping[str, Any]) -> bool:
    """True where a lock names its driver's job, and this site's scheduler says that it is over."""
    job = lock.get("job")
    return bool(job) and isinstance(site, ClusterSite) and driver_block(site, store).is_over(str(job))


def stop_at(options: argparse.Namespace) -> float | None:
    """Unix time at which a submitted driver is to stop, because its job ends."""
    return float(os.environ[STOP_AT]) if options.submitted and STOP_AT in os.environ else None
