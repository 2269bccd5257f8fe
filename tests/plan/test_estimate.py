"""How long and how dear what is left may be: cases that can be worked out by hand."""

from typing import Any

import pytest

from mlipbench_hpc.campaign.site import LocalSite, SlurmSite
from mlipbench_hpc.contract.task import Resources, Task
from mlipbench_hpc.plan.estimate import core_hours, estimate, gpu_hours, wall
from mlipbench_hpc.plan.graph import Cost, Planned, Snapshot, states
from mlipbench_hpc.plan.status import in_ns, over_budget, progress, running, span, summary

TWO = LocalSite(name="here", scheduler="local", cores=2)
HOUR = 3600.0


def planned(name: str, seconds: float, *upstream: Planned, gpus: int = 0, **more: Any) -> Planned:
    keys = {f"up-{number}": item.key for number, item in enumerate(upstream)}
    parameters = {"name": name, "potential": "electrode", **more}
    task = Task("md", 1, "analysis", "venv:0", parameters, keys, label=name, resources=Resources(1, gpus))
    return Planned(task, (), Cost(core_s=seconds, bytes=10**6, inodes=5))


def left(plan: list[Planned], seen: Snapshot | None = None) -> dict[str, float]:
    seen = seen or Snapshot({})
    return dict(estimate(plan, seen, states(plan, seen)).seconds)


def result(item: Planned) -> dict[str, Any]:
    return {"manifest": item.key, "upstream": {}}


def test_slots_are_filled_in_the_plans_order() -> None:
    """Two slots: a and b start, c takes b's slot at 3 s, d waits for a: 10 + 5."""
    a, b, c = planned("a", 10), planned("b", 3), planned("c", 4)
    plan = [a, b, c, planned("d", 5, a)]
    assert wall(plan, left(plan), TWO) == pytest.approx(15)
    one = TWO.model_copy(update={"cores": 1})
    assert wall(plan, left(plan), one) == pytest.approx(22)
    assert wall(plan, left(plan), TWO.model_copy(update={"cores": 9})) == pytest.approx(15)
    assert wall([], {}, TWO) == 0


def test_measured_speeds_take_the_place_of_the_cards() -> None:
    """What was said to take 10 s took 40 s: what is left takes four times as long as its card says."""
    a, b = planned("a", 10), planned("b", 3)
    seen = Snapshot({a.key: result(a)}, spent={a.key: 40.0})
    assert left([a, b], seen) == {b.key: pytest.approx(12)}
    said = summary([a, b], seen, states([a, b], seen), TWO)
    assert "measured here: md electrode" in said[-1]
    assert "cards" not in said[-1]
    assert "the cards' estimate: md" in summary([a, b], Snapshot({}), states([a, b], Snapshot({})), TWO)[-1]


def test_a_running_task_has_only_its_rest_left() -> None:
    a = planned("a", 100)
    seen = Snapshot({}, running={a.key: {"done": 75, "total": 100, "unit": "steps"}})
    assert left([a], seen) == {a.key: pytest.approx(25)}
    assert left([a], Snapshot({}, running={a.key: {"seconds": 3.0}})) == {a.key: 100}


def test_gpu_hours_their_price_and_a_budget() -> None:
    plan = [planned("a", 2 * HOUR, gpus=1), planned("b", HOUR, gpus=1), planned("c", HOUR)]
    gpu = {"cores_per_node": 8, "gpus_per_node": 1, "walltime": "1 h", "gpu_hour_price": 2.5}
    cpu = {"cores_per_node": 4, "walltime": "1 h"}
    site = SlurmSite.model_validate(
        {"name": "s", "scheduler": "slurm", "nodes": {"gpu": gpu, "cpu": cpu}, "ask_beyond_gpu_hours": 2}
    )
    seconds = left(plan)
    assert (gpu_hours(plan, seconds), core_hours(plan, seconds)) == (pytest.approx(3), pytest.approx(1))
    assert wall(plan, seconds, site) == pytest.approx(3 * HOUR), "one GPU, and the CPU beside it"
    found = states(plan, Snapshot({}))
    assert "3.00 GPU-hours (price 7.50)" in summary(plan, Snapshot({}), found, site)[1]
    assert over_budget(plan, Snapshot({}), found, site) == "this may cost 3.0 GPU-hours, more than 2"
    assert over_budget(plan[1:], Snapshot({}), found, site) == ""
    assert over_budget(plan, Snapshot({}), found, TWO) == ""


def test_a_later_attempt_judges_its_speed_by_its_own_steps() -> None:
    """It began at step 50 of 100 and made ten in 20 s: the other forty take 80."""
    record = {"done": 60, "total": 100, "from": 50, "took": 20.0, "seconds": 25.0, "unit": "epochs"}
    assert progress(record) == "60/100 epochs after 25 s, about 80 s left"


def test_md_is_told_in_nanoseconds() -> None:
    item = planned("a", 1, timestep=0.0005)
    record = {
        "done": 2_000_000,
        "total": 4_000_000,
        "from": 0,
        "took": HOUR,
        "seconds": HOUR,
        "unit": "steps",
    }
    assert progress(in_ns(item, record)) == "1.0000/2.0000 ns after 60 min, about 60 min left"
    assert "1.0000/2.0000 ns" in running([item], Snapshot({}, running={item.key: record}))[0]


@pytest.mark.parametrize(("seconds", "words"), [(90, "90 s"), (1800, "30 min"), (36000, "10.0 h")])
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words
