"""GPU-hours by the literature in a plan: where nothing is measured, and never among planned hours."""

from dataclasses import replace
from typing import Any

import pytest

from mlipbench_hpc.architectures.literature import Published
from mlipbench_hpc.campaign.site import LocalSite
from mlipbench_hpc.contract.task import Architecture, Task
from mlipbench_hpc.plan.graph import Cost, Planned, Snapshot, states
from mlipbench_hpc.plan.literature import hours
from mlipbench_hpc.plan.status import summary

HERE = LocalSite(name="here", scheduler="local", cores=2)
RUN = {"steps": 2_000_000, "timestep": 0.0005}
WORDS = "6.6 ns/day; a program; a paper"


def planned(verb: str, name: str, published: Published | None, **parameters: Any) -> Planned:
    whose = Architecture("line", "line", "0" * 64)
    task = Task(verb, 1, "analysis", "venv:0", {"name": name, **parameters}, {}, {}, whose, name)
    return Planned(task, (), Cost(core_s=7200.0, published=published))


def published(least: float, most: float) -> Published:
    """Hours of one GPU."""
    return Published(3600 * least, 3600 * most, 384, "GPU", WORDS)


def words(plan: list[Planned], seen: Snapshot) -> str:
    return "\n".join(summary(plan, seen, states(plan, seen), HERE))


def test_each_kind_of_work_is_told_apart_from_the_planned_hours() -> None:
    plan = [
        planned("md", "a", published(3, 3), **RUN), planned("md", "b", published(6, float("inf")), **RUN),
        planned("train", "c", published(1, 4)), planned("train", "d", None),
    ]  # fmt: skip
    told = words(plan, Snapshot({}))
    assert "\nto run: 8.00 core-hours, 0.00 GPU-hours," in told, "of four tasks of two hours of a core each"
    assert "by the literature, not measured here: 384 atoms on one GPU; other programs, in proportion" in told
    assert f"\n  md line: 2 runs of 2 ns, at least 9 GPU-hours ({WORDS})\n" in told
    assert f"\n  train line: 1 trainings, 1 to 4 GPU-hours ({WORDS})\n" in told
    assert "\n  together at least 10 GPU-hours; no number of 1 tasks: train line" in told


def test_a_measured_speed_takes_its_place() -> None:
    done, left = (replace(planned("md", name, published(3, 3), **RUN)) for name in "ab")
    seen = Snapshot({done.key: {"manifest": "m", "upstream": {}}}, spent={done.key: 10.0})
    assert "by the literature" not in words([done, left], seen)
    assert "by the literature" in words([left], Snapshot({}))


def test_nothing_is_told_where_nothing_is_published() -> None:
    assert "literature" not in words([planned("train", "a", None)], Snapshot({}))


@pytest.mark.parametrize(
    ("amount", "said"),
    [((1, 4), "1 to 4"), ((12.5, 12.5), "12.5"), ((1234, float("inf")), "at least 1,234")],
)
def test_hours(amount: tuple[float, float], said: str) -> None:
    assert hours(amount) == f"{said} GPU-hours"
