"""The site schema: where a campaign runs. Campaigns never mention it."""

from typing import Literal

from pydantic import Field

from mlipbench_hpc.campaign.quantity import Duration
from mlipbench_hpc.campaign.spec import Count, Name, Spec


class Site(Spec):
    """One machine or cluster. Relative paths are relative to the folder the command is typed in."""

    name: Name
    scheduler: Literal["local"]
    cores: Count | None = Field(None, description="Cores to use (default: all that this process may use).")
    threads_per_task: Count = Field(1, description="Threads of each task; part of the task's key.")
    store: str = Field("store", description="The folder of task folders; one user, one driver at a time.")
    environments: dict[Name, str] = Field(
        {}, description="Virtual environments by name (default: beside the login one)."
    )
    runtime: Literal["auto", "apptainer", "venv"] = Field(
        "auto", description="auto: apptainer where it and every image that is needed are there, else venv."
    )
    images: str = Field("images", description="The folder of Apptainer images and their images.lock.")
    flavour: Literal["cpu", "cuda"] = Field(
        "cpu", description="Which images; an environment that is made in no other is taken in cpu."
    )
    retries: int = Field(3, ge=0, strict=True, description="How often a transient failure is tried again.")
    attempt_limit: Duration | None = Field(
        None, description="An attempt checkpoints and stops after this time; the next one continues."
    )
    wait_for_space: Duration = Field(43200.0, description="How long to wait on a full disk before giving up.")
