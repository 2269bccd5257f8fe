"""From a site's file to the provider of one kind of node."""

from typing import Any

from mlipbench_hpc.campaign.site import ClusterSite, Nodes, PbsNodes, SlurmNodes, SlurmSite
from mlipbench_hpc.runtime.cluster.pbs import PbsBlock
from mlipbench_hpc.runtime.cluster.script import LAUNCHERS, hours, job_lines
from mlipbench_hpc.runtime.cluster.slurm import SlurmBlock


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
    kind: type[SlurmBlock | PbsBlock] = SlurmBlock if isinstance(site, SlurmSite) else PbsBlock
    own = (
        _slurm(nodes) if isinstance(nodes, SlurmNodes) else _pbs(nodes) if isinstance(nodes, PbsNodes) else {}
    )
    block: SlurmBlock | PbsBlock = kind(**shared, **own)
    block.settle(tag, site.poll)
    return block


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
