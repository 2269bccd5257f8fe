"""Checkpoints that an attempt may never reach, by hand."""

from typing import Any

import pytest

from mlipbench_hpc.campaign.site import LocalSite, SlurmSite
from mlipbench_hpc.contract.task import Resources, Task
from mlipbench_hpc.plan.estimate import Estimate
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.plan.intervals import too_long

# 4 s a step: 10,000 steps between checkpoints are 11.1 h.
STEPS = {"steps": 4_000_000, "checkpoint_every": 10_000, "timestep": 0.0005}
GPU = {"cores_per_node": 8, "gpus_per_node": 1, "walltime": "4 h"}
CPU = {"cores_per_node": 4, "walltime": "24 h"}
CLUSTER = {"name": "s", "scheduler": "slurm", "nodes": {"gpu": GPU, "cpu": CPU}}


def lines(site: Any, gpus: int = 0, source: Any = "measured", **parameters: Any) -> list[str]:
    task = Task("md", 1, "e", "i", STEPS | parameters, label="md film", resources=Resources(1, gpus))
    item = Planned(task, ())
    return too_long([item], Estimate({item.key: 1.6e7}, {item.key: source}), site)


def test_an_interval_that_does_not_fit_twice_into_a_job_is_named_with_one_that_does() -> None:
    """4 h less the margin of 5 minutes; half of that are 7050 s, 1762 steps, 0.88 ps."""
    (line,) = lines(SlurmSite.model_validate(CLUSTER), gpus=1)
    assert line == (
        "md film: about 11 h between checkpoints, but an attempt ends after 3.9 h and starts again from the "
        "last one: set checkpoint_every to at most 0.9 ps"
    )


@pytest.mark.parametrize(
    ("site", "changes"),
    [
        (LocalSite(name="here", scheduler="local"), {}),  # Nothing ends an attempt here.
        (SlurmSite.model_validate(CLUSTER), {"gpus": 1, "checkpoint_every": 1000}),
        (SlurmSite.model_validate(CLUSTER), {"gpus": 1, "source": "card"}),  # Of no GPU's speed is known.
        (SlurmSite.model_validate(CLUSTER), {}),  # 24 h on the nodes without GPUs.
    ],
)
def test_what_fits_or_is_not_known_is_not_named(site: Any, changes: dict[str, Any]) -> None:
    assert lines(site, **changes) == []


def test_a_sites_own_limit_counts_too() -> None:
    site = LocalSite.model_validate({"name": "here", "scheduler": "local", "attempt_limit": "2 h"})
    assert "an attempt ends after 2 h" in lines(site)[0]
