"""How long and how dear what is left may be: cases that can be worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from mlipbench_hpc.campaign.site import LocalSite, SlurmSite
from mlipbench_hpc.contract.task import Architecture, Resources, Task
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


def learnt(
    name: str, seconds: float, start_s: float = 0.0, cores: int = 1, gpus: int = 0, **more: Any
) -> Planned:
    """A training of architecture `line`, or of another; hyperparameters say which model."""
    whose = Architecture(more.pop("architecture", "line"), "line", "0" * 64)
    task = Task(
        "train", 1, "analysis", "venv:0", {"name": name, **more}, {}, {}, whose, name, Resources(cores, gpus)
    )
    return Planned(task, (), Cost(seconds, 10**6, 5, start_s))


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
    text = summary([a, b], seen, states([a, b], seen), TWO)
    assert "measured here: md electrode" in text[-1]
    assert "cards" not in text[-1]
    assert "the cards' estimate: md" in summary([a, b], Snapshot({}), states([a, b], Snapshot({})), TWO)[-1]


def words_of(plan: list[Planned], seen: Snapshot, site: Any = TWO) -> str:
    return "\n".join(summary(plan, seen, states(plan, seen), site))


def done(*items: tuple[Planned, float]) -> Snapshot:
    return Snapshot({item.key: result(item) for item, _ in items}, spent={item.key: s for item, s in items})


SMALL_MODEL, LARGE_MODEL = {"hyperparameters": {"channels": 16}}, {"hyperparameters": {"channels": 64}}


def test_a_small_model_s_speed_holds_for_a_large_one_through_the_law() -> None:
    """By the law 100 s and 9000 s; the small one took 150 s, so the large one takes 13,500 s."""
    small, twin, large = (
        learnt("a", 100, 5, **SMALL_MODEL),
        learnt("b", 100, 5, **SMALL_MODEL),
        learnt("c", 9000, 5, **LARGE_MODEL),
    )
    plan, seen = [small, twin, large], done((small, 150.0))
    assert left(plan, seen) == {twin.key: pytest.approx(150), large.key: pytest.approx(13500)}
    words = words_of(plan, seen)
    assert (
        "measured here: train line; measured here with other models and scaled by the cards' laws: train line"
        in words
    )
    assert "the cards' estimate" not in words


def test_a_model_s_own_speed_comes_before_that_of_others() -> None:
    small, large, twin = (
        learnt("a", 100, **SMALL_MODEL),
        learnt("b", 9000, **LARGE_MODEL),
        learnt("c", 9000, **LARGE_MODEL),
    )
    seen = done((small, 400.0), (large, 9900.0))
    assert left([small, large, twin], seen) == {twin.key: pytest.approx(9900)}


def test_a_task_that_mostly_starts_up_says_nothing_of_a_large_model() -> None:
    """Of the small one's 10 s only 4 were to be work: that it took 40 s is no speed of the law's."""
    small, large = learnt("a", 10, 6, **SMALL_MODEL), learnt("b", 9000, 6, **LARGE_MODEL)
    seen = done((small, 40.0))
    assert left([small, large], seen) == {large.key: pytest.approx(9000)}
    assert "the cards' estimate: train line" in words_of([small, large], seen)
    longer = learnt("c", 900, 6, **SMALL_MODEL)
    assert left([small, longer], seen) == {longer.key: pytest.approx(900)}, "nor of more work of its own"
    other = learnt("d", 11, 6, **LARGE_MODEL)
    assert left([small, other], seen) == {other.key: pytest.approx(44)}, "but of other starts"


def md(name: str, seconds: float, steps: int, start: Planned, **model: Any) -> Planned:
    """MD of a model of architecture `line`: `seconds` by the law for all steps, after 10 s of start-up."""
    whose = Architecture("line", "line", "0" * 64)
    parameters = {"seed": name, "steps": steps, **model}
    task = Task("md", 1, "analysis", "venv:0", parameters, {"start": start.key}, {}, whose)
    return Planned(task, (), Cost(core_s=10 + seconds, start_s=10))


def test_runs_of_another_campaign_are_measurements_of_the_same_model_from_the_same_start() -> None:
    """Its 1000 steps are 10 + 90 s by the law and took 50 s: 10,000 steps take half of 10 + 900 s."""
    start, elsewhere = planned("start", 1), planned("elsewhere", 1)
    plan = [start, wanted := md("mine", 900, 10_000, start, **SMALL_MODEL)]
    seen = done((start, 1.0))
    twin = md("other", 90, 1_000, start, **SMALL_MODEL).task
    measured = replace(seen, others=[(twin, 50.0)])
    assert left(plan, measured) == {wanted.key: pytest.approx(455)}
    assert "speeds are measured here: md line" in words_of(plan, measured)
    for other in (md("a", 90, 1_000, start, **LARGE_MODEL), md("b", 90, 1_000, elsewhere, **SMALL_MODEL)):
        measured = replace(seen, others=[(other.task, 50.0)])
        assert left(plan, measured) == {wanted.key: pytest.approx(910)}


def test_another_architecture_s_speed_is_its_own() -> None:
    one, other = learnt("a", 100, **SMALL_MODEL), learnt("b", 100, architecture="curve", **SMALL_MODEL)
    assert left([one, other], done((one, 300.0))) == {other.key: pytest.approx(100)}


def test_a_gpu_that_nobody_measured_is_named() -> None:
    """On CPUs it took 150 s, which says nothing of a GPU: hours of a core stand for it, and it is said."""
    here = learnt("a", 100, **SMALL_MODEL)
    there = learnt("b", 2 * HOUR, gpus=1, **SMALL_MODEL)
    gpu = {"cores_per_node": 8, "gpus_per_node": 1, "walltime": "1 h", "gpu_hour_price": 2.5}
    site = SlurmSite.model_validate(
        {"name": "s", "scheduler": "slurm", "nodes": {"gpu": gpu}, "ask_beyond_gpu_hours": 1}
    )
    plan, seen = [here, there], done((here, 150.0))
    words = words_of(plan, seen, site)
    assert "0.00 core-hours, at most 2.00 GPU-hours (price at most 5.00)" in words
    assert "GPU-hours of train line: nothing measured on a GPU yet, so hours of one CPU core" in words
    assert "\nat most 2.0 h at " in words
    asked = over_budget(plan, seen, states(plan, seen), site)
    assert asked.startswith("this may cost at most 2.0 GPU-hours, more than 1 (nothing measured on a GPU yet")
    twin = learnt("c", 2 * HOUR, gpus=1, dtype="float32", **SMALL_MODEL)
    known = words_of([there, twin], done((there, HOUR)), site)
    assert "0.00 core-hours, 1.00 GPU-hours (price 2.50)" in known
    assert "nothing measured" not in known


def test_trainings_and_nanoseconds_are_said() -> None:
    """Two runs of 200,000 steps of 0.5 fs, a frame every 20: 0.2 ns and 20,000 frames."""
    run = {"steps": 200_000, "timestep": 0.0005, "frame_every": 20}
    plan = [learnt("a", HOUR), planned("b", HOUR, **run), planned("c", HOUR, **run)]
    words = words_of(plan, Snapshot({}))
    assert "\nof these 1 trainings, and 2 runs of MD with 0.2 ns and 20000 frames\n" in words
    assert "trainings" not in words_of(plan[1:], Snapshot({}))


def test_hours_by_architecture_dearest_first() -> None:
    plan = [learnt("a", HOUR), learnt("b", 3000 * HOUR, architecture="curve"), planned("c", HOUR)]
    assert "of these hours curve 3,000, line 1.00" in words_of(plan, Snapshot({}))
    assert "of these hours" not in words_of(plan[:1], Snapshot({}))


def test_threads_whose_gain_nobody_measured_are_named() -> None:
    plan = [learnt("a", HOUR, cores=4)]
    assert "train line (4 threads taken to be no faster than one)" in words_of(plan, Snapshot({}))
    assert "threads" not in words_of([learnt("a", HOUR)], Snapshot({}))


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
    outcome = states(plan, Snapshot({}))
    assert "3.00 GPU-hours (price at most 7.50)" in summary(plan, Snapshot({}), outcome, site)[1]
    seen = done((planned("d", HOUR, gpus=1), HOUR))
    measured = [*plan, planned("d", HOUR, gpus=1)]
    assert "3.00 GPU-hours (price 7.50)" in summary(measured, seen, states(measured, seen), site)[1]
    assert over_budget(measured, seen, states(measured, seen), site) == (
        "this may cost 3.0 GPU-hours, more than 2"
    )
    assert over_budget(plan[1:], Snapshot({}), outcome, site) == ""
    assert over_budget(plan, Snapshot({}), outcome, TWO) == ""


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
