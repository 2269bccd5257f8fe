"""Lines of a job's script before its workers start, and times as schedulers write them."""

import re
import shlex
from collections.abc import Callable

from parsl.launchers import MpiExecLauncher, SingleNodeLauncher, SrunLauncher
from parsl.launchers.base import Launcher

from mlipbench_hpc.campaign.site import ClusterSite, Nodes, SlurmSite

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
NODE_SUFFIX = ".node"


def job_lines(site: ClusterSite, nodes: Nodes, python: str) -> list[str]:
    """Lines of a job before its workers start: when to stop, which GPUs are its own, the site's lines."""
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


def node_line(script: str) -> str:
    """The job's first line: on which node it runs. The scheduler may forget that before it is asked."""
    return f'printf %s "${{SLURMD_NODENAME:-$(hostname)}}" > {shlex.quote(script + NODE_SUFFIX)}'


def seconds(text: str) -> float | None:
    """Seconds of [days-]HH:MM:SS or MM:SS, as SLURM writes it; None for anything else, such as infinite."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if match is None:
        return None
    days, clock, minutes, rest = (int(part or 0) for part in match.groups())
    return 86400.0 * days + 3600.0 * clock + 60.0 * minutes + rest


def hours(duration: float) -> str:
    """HH:MM:SS of s."""
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"
