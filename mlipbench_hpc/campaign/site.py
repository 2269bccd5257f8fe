"""The site schema: where a campaign runs. Campaigns never mention it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from mlipbench_hpc.campaign.document import parse
from mlipbench_hpc.campaign.load import load
from mlipbench_hpc.campaign.problem import CampaignError, Mistake, near, shown
from mlipbench_hpc.campaign.quantity import Duration, Walltime
from mlipbench_hpc.campaign.spec import Count, Name, Spec
from mlipbench_hpc.contract.task import InputFailure

# What is written into job scripts and scheduler commands, unquoted: no blank, quote or shell sign can pass.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:=&|@%/+-]{0,255}$")]
ModuleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./+-]{0,127}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Kind = Literal["gpu", "cpu"]
Port = Annotated[int, Field(ge=1024, le=65535, strict=True)]
LOCAL, SITES = "local", Path("campaigns/sites")
SHARE_KEPT, LONGEST_MARGIN_S = 0.1, 300.0


class Site(Spec):
    """One machine or cluster. Relative paths are relative to the folder the command is typed in."""

    name: Name
    scheduler: Literal["local", "slurm", "pbs"]
    threads_per_task: Count = Field(1, description="Threads of each task; part of the task's key.")
    hardware: Name | None = Field(
        None,
        description="A word for its machines, such as A100; part of the keys of timings (default: name).",
    )
    store: str = Field("store", description="The folder of task folders; one user, one driver at a time.")
    environments: dict[Name, str] = Field(
        {}, description="Virtual environments by name (default: beside the login one)."
    )
    lammps: dict[Name, str] = Field(
        {}, description="By environment: a folder with a LAMMPS of your own, its Python package and library."
    )
    runtime: Literal["auto", "apptainer", "venv"] = Field(
        "auto", description="auto: apptainer where it and every image that is needed are there, else venv."
    )
    images: str = Field("images", description="The folder of Apptainer images and their images.lock.")
    stage_images: str | None = Field(
        None, description="A fast folder that all nodes see: `run` copies images there once; tasks use these."
    )
    flavour: Literal["cpu", "cuda"] = Field(
        "cpu", description="Which images; an environment that is made in no other is taken in cpu."
    )
    retries: int = Field(3, ge=0, strict=True, description="How often a transient failure is tried again.")
    attempt_limit: Duration | None = Field(
        None, description="An attempt checkpoints and stops after this time; the next one continues."
    )
    wait_for_space: Duration = Field(43200.0, description="How long to wait on a full disk before giving up.")
    ask_beyond_core_hours: Annotated[float, Field(ge=0)] | None = Field(
        None, description="`run` asks before it starts what may cost more (core-hours without a GPU)."
    )
    ask_beyond_gpu_hours: Annotated[float, Field(ge=0)] | None = Field(None, description="The same for GPUs.")

    @property
    def slots(self) -> dict[str, int]:
        """Largest number of tasks that run at a time, by kind of node."""
        raise NotImplementedError

    @property
    def price(self) -> float | None:
        """Price of a GPU-hour; None where the site states none."""
        return None

    def attempt_seconds(self, kind: str) -> float | None:
        """The longest time that one attempt has on such a node, s; None where nothing ends it."""
        return self.attempt_limit

    def kind_of(self, gpu: bool) -> str:
        """Which kind of node a task goes to: one with GPUs when it computes on one, or there is no other."""
        wanted = "gpu" if gpu else "cpu"
        return wanted if wanted in self.slots else next(iter(self.slots))


class LocalSite(Site):
    """This machine, without a scheduler."""

    scheduler: Literal["local"]
    cores: Count | None = Field(None, description="Cores to use (default: all that this process may use).")

    @property
    def slots(self) -> dict[str, int]:
        """One kind of node, this machine."""
        cores = self.cores or len(os.sched_getaffinity(0))
        return {LOCAL: max(1, cores // self.threads_per_task)}


class Nodes(Spec):
    """One kind of node, and the jobs (blocks) that may be on it at a time."""

    cores_per_node: Count
    gpus_per_node: Annotated[int, Field(ge=0, le=64, strict=True)] = 0
    memory_per_node: Count | None = Field(None, description="GB (default: the scheduler's).")
    nodes_per_block: Count = Field(1, description="Nodes of one job.")
    max_blocks: Count = Field(1, description="Jobs in the queue or running at a time.")
    min_blocks: Annotated[int, Field(ge=0, strict=True)] = Field(
        0, description="Jobs kept even when idle; others end after idle_limit."
    )
    tasks_per_gpu: Count = Field(1, description="Tasks that share one GPU.")
    walltime: Walltime = Field(description="Of one job; whole minutes.")
    exclusive: bool = Field(True, strict=True, description="Share the nodes with nobody.")
    launcher: Literal["single", "srun", "mpiexec"] = Field(
        "single", description="How a job of several nodes starts one manager on each.", validate_default=True
    )
    gpu_hour_price: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Of one GPU for one hour, in whatever `plan` is to add up."
    )

    # Checks of one key each, so that a mistake elsewhere does not hide them.
    @field_validator("launcher", mode="after")
    @classmethod
    def _launches_all(cls, launcher: str, others: ValidationInfo) -> str:
        if others.data.get("nodes_per_block", 1) > 1 and launcher == "single":
            able = [one for one in get_args(cls.model_fields["launcher"].annotation) if one != "single"]
            raise ValueError(f"expected `launcher: {able[0]}`, for nodes_per_block is more than 1")
        return launcher

    @field_validator("min_blocks", mode="after")
    @classmethod
    def _at_most_all(cls, blocks: int, others: ValidationInfo) -> int:
        if blocks > (most := others.data.get("max_blocks", blocks)):
            raise ValueError(f"expected at most max_blocks, {most}")
        return blocks

    @property
    def margin(self) -> float:
        """Seconds before a job's end at which its tasks checkpoint and stop."""
        return min(LONGEST_MARGIN_S, SHARE_KEPT * self.walltime)

    @property
    def drain(self) -> int:
        """Seconds after a job's start from which it takes no new task."""
        return int(self.walltime - 2 * self.margin)

    def workers_per_node(self, threads: int) -> int:
        """Number of tasks that one node runs at a time."""
        return self.gpus_per_node * self.tasks_per_gpu or max(1, self.cores_per_node // threads)


class SlurmNodes(Nodes):
    """Nodes of a SLURM partition."""

    partition: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None
    launcher: Literal["single", "srun"] = Field("single", validate_default=True)


class PbsNodes(Nodes):
    """Nodes of a PBS queue."""

    queue: Word | None = None
    select: Word | None = Field(None, description="Added to the job's `select` line (default: ngpus=N).")
    launcher: Literal["single", "mpiexec"] = Field("single", validate_default=True)


class ClusterSite(Site):
    """A cluster: jobs hold workers, and tasks go to workers. The store lies where every node sees it."""

    nodes: Mapping[Kind, Nodes]
    account: Word | None = None
    interface: Word | None = Field(
        None, description="Network interface of this machine that nodes reach (default: the host name's)."
    )
    ports: tuple[Port, Port] = Field((54000, 55000), description="Range of ports nodes may reach here.")
    modules: list[ModuleName] = Field([], description="`module load` of each, in the job.")
    variables: dict[Variable, str] = Field({}, description="Environment variables set in the job.")
    worker_init: list[str] = Field([], description="Lines of shell run in the job before its workers.")
    scheduler_timeout: Duration = Field(60.0, description="How long one scheduler command may take.")
    poll: Duration = Field(30.0, description="How often the scheduler is asked about jobs.")
    driver_walltime: Walltime | None = Field(
        None, description="Of the job of `run --submit` (default: that of the nodes it runs on)."
    )
    idle_limit: Duration = Field(120.0, description="A job without a task ends after this time.")
    node_failures: Count = Field(
        3, description="Failures in a row on one node after which it gets no more jobs of this run."
    )
    connect_within: Duration = Field(
        600.0, description="A running job whose workers have not called by then is cancelled."
    )

    @property
    def slots(self) -> dict[str, int]:
        """Slots of all worker jobs that may run at a time."""
        return {
            kind: nodes.max_blocks * nodes.nodes_per_block * nodes.workers_per_node(self.threads_per_task)
            for kind, nodes in self.nodes.items()
        }

    @property
    def price(self) -> float | None:
        """Price of a GPU-hour on the GPU nodes; None where the site states none."""
        nodes = self.nodes.get("gpu")
        return nodes.gpu_hour_price if nodes else None

    def attempt_seconds(self, kind: str) -> float:
        """Until its job's tasks have to stop, or the site's own limit."""
        nodes = next(nodes for name, nodes in self.nodes.items() if name == kind)
        return min(self.attempt_limit or nodes.walltime, nodes.walltime - nodes.margin)

    @field_validator("ports", mode="after")
    @classmethod
    def _far_apart(cls, ports: tuple[int, int]) -> tuple[int, int]:
        if ports[1] - ports[0] < 10:
            raise ValueError("expected [first, last] with at least 10 between them")
        return ports


class SlurmSite(ClusterSite):
    """A cluster under SLURM."""

    scheduler: Literal["slurm"]
    nodes: dict[Kind, SlurmNodes] = Field(min_length=1)


class PbsSite(ClusterSite):
    """A cluster under PBS Professional or OpenPBS."""

    scheduler: Literal["pbs"]
    nodes: dict[Kind, PbsNodes] = Field(min_length=1)


KINDS: dict[str, type[Site]] = {"local": LocalSite, "slurm": SlurmSite, "pbs": PbsSite}


def load_site(path: Path) -> Site:
    """A LocalSite, SlurmSite or PbsSite; raises CampaignError with every mistake in the file."""
    document, lines, problems = parse(path)
    scheduler = document.get("scheduler") if isinstance(document, dict) else None
    if isinstance(document, dict) and (not isinstance(scheduler, str) or scheduler not in KINDS):
        expected = f"one of {', '.join(KINDS)}"
        mistake = Mistake(
            ("scheduler",), "is not one of the choices", shown(scheduler), expected, near(scheduler, KINDS)
        )
        raise CampaignError([*problems, lines.problem(mistake)])
    return load(path, KINDS[str(scheduler)] if scheduler else Site)[0]


def find_site(name: str, needed: bool) -> Site:
    """The site of a .yaml file, or of a name in campaigns/sites.

    Unless a file is `needed`, `local` without one is this machine as it is. Raises InputFailure and
    CampaignError.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SITES / f"{name}.yaml"
    if path.exists():
        return load_site(path)
    if name == LOCAL and not needed:
        return LocalSite(name=LOCAL, scheduler="local")
    known = sorted(one.stem for one in SITES.glob("*.yaml"))
    others = f"one of {', '.join(known)}" if known else f"go to the folder that holds {SITES}"
    raise InputFailure(f"no site file {path}; give the path of your own .yaml, or {others}")
