"""Tasks that time MD: how they are planned, what they may cost, and what `plan` learns from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy import TOY, argon_frames

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.load import CampaignError, validate
from mlipbench_hpc.contract.task import Architecture, Task
from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.estimate import estimate
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.plan.graph import Cost, Planned, Snapshot, states

SPEED = """\
speed:
  steps:
    committee: pairs
    start: {dataset: argon, frames: [3]}
    temperature: 40 K
    timestep: 2 fs
    scan_time: 1 min
"""
TIMED = TOY.replace("analysis:\n", f"{SPEED}analysis:\n")


def plan(folder: Path, text: str = TOY, hardware: str = "here") -> list[Planned]:
    """Tasks of a toy campaign, with all verbs at their first version."""
    argon_frames(folder)
    (folder / "toy.yaml").write_text(text)
    validated = validate(folder / "toy.yaml")
    facts = validated.datasets, validated.systems, find(), {"analysis": "venv:analysis"}
    setting = Setting(*facts, dict.fromkeys(verbs(), 1), hardware=hardware)
    return expand(validated.campaign, setting, {})


def of(verb: str, tasks: list[Planned]) -> list[Planned]:
    return [item for item in tasks if item.task.verb == verb]


def test_an_entry_is_a_task_beside_the_runs(tmp_path: Path) -> None:
    before, after = plan(tmp_path), plan(tmp_path, TIMED)
    (timing,) = of("speed", after)
    assert {item.key for item in after} - {item.key for item in before} == {timing.key}
    assert {item.key for item in before} < {item.key for item in after}
    parameters = timing.task.parameters
    assert (parameters["start_frame"], parameters["engine"], parameters["cutoff"]) == (3, "ase", 5.0)
    assert (parameters["blocks"], parameters["scan_time"], parameters["copies"]) == (5, 60.0, 64)
    assert timing.task.upstream["model"] == of("train", after)[0].key
    assert timing.subjects == ({"speed": "steps", "committee": "pairs"},)


def test_another_machine_times_again_and_runs_nothing_else_again(tmp_path: Path) -> None:
    one, other = (plan(tmp_path, TIMED, hardware=hardware) for hardware in ("a100", "h200"))
    new = [item for item in other if item.key not in {known.key for known in one}]
    assert [item.task.verb for item in new] == ["speed"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("pairs\n    start: {dataset: argon, ", "pears\n    start: {dataset: argon, "), "steps.committee"),
        (("frames: [3]", "frames: [99]"), "speed.steps.start.frames[0]"),
        (("scan_time: 1 min", "blocks: 4"), "speed.steps.blocks"),
        (("frames: [3]", "frames: [3, 4]"), "speed.steps.start"),
        (("scan_time: 1 min", "engine: lammps"), "speed.steps.engine"),
        (("scan_time: 1 min", "length: 1 ps"), "speed.steps.length"),
        (("scan_time: 1 min", "scan_time: 60"), "speed.steps.scan_time"),
        (("timestep: 2 fs\n    scan", "timestep: 20 fs\n    scan"), "speed.steps.timestep"),
    ],
)  # fmt: skip
def test_what_cannot_be_timed_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert change[0] in TIMED
    with pytest.raises(CampaignError) as refused:
        plan(tmp_path, TIMED.replace(*change))
    assert words in str(refused.value)
    assert len(refused.value.problems) == 1


def test_the_cost_is_that_of_the_sizes_that_fit() -> None:
    """A step takes 0.2 s by the law: one size (1 + 5) 0.2 + 5 x 2 s, the next 2.4 + 10 s, then 4.8 + 10 s."""
    toy = find()["toy"].card
    card = replace(toy, cost={**toy.cost, "md_ase": "0.002 * atoms"})
    facts = DatasetFacts("", (100,), {"Ar100": 1}, (18,))
    hyperparameters = {name: setting.default for name, setting in card.hyperparameters.items()}
    asked: dict[str, Any] = {
        "engine": "ase", "dtype": "float64", "hyperparameters": hyperparameters, "warm_up": 5, "blocks": 5,
        "block_time": 2.0, "copies": 64,
    }  # fmt: skip
    sizes = {11.0: 11.2, 23.0: 11.2, 24.0: 23.6, 38.5: 38.4}
    for limit, seconds in sizes.items():
        timing = cost.speed(card, asked | {"scan_time": limit}, facts)
        assert timing.core_s == pytest.approx(1.0 + seconds)
        assert timing.step_s == pytest.approx(0.2)
    assert cost.speed(card, asked | {"scan_time": 1e9, "copies": 2}, facts).core_s == pytest.approx(24.6)


def planned(verb: str, core_s: float, step_s: float = 0.0, channels: int = 16) -> Planned:
    parameters = {"hyperparameters": {"channels": channels}, "engine": "ase", "of": [verb, core_s]}
    task = Task(verb, 1, "tests", "venv:0", parameters, architecture=Architecture("line", "line", 1))
    return Planned(task, (), Cost(core_s, start_s=1.0, step_s=step_s))


def seconds(plan: list[Planned], timing: Planned, blocks: list[float], **spent: float) -> dict[str, float]:
    """Seconds left by task, with the timing done."""
    values = {"sizes": [{"seconds_per_step": blocks}, {"seconds_per_step": [99.0]}]}
    results = {timing.key: {"manifest": "m", "upstream": {}, "values": values}}
    seen = Snapshot(results, spent={timing.key: 60.0} | spent)
    return dict(estimate(plan, seen, states(plan, seen)).seconds)


def test_a_timed_step_says_what_runs_will_take() -> None:
    """A step was to take 0.1 s and takes 0.25, the median: 400 s of MD become 1000, of another model too."""
    timing, same, other = planned("speed", 50, 0.1), planned("md", 400), planned("md", 800, channels=64)
    left = seconds([timing, same, other], timing, [0.2, 0.25, 0.9])
    assert left == {same.key: pytest.approx(1000), other.key: pytest.approx(2000)}


def test_runs_that_have_ended_say_it_better() -> None:
    timing, done, same = planned("speed", 50, 0.1), planned("md", 400), planned("md", 401)
    values = {"sizes": [{"seconds_per_step": [0.25]}]}
    results = {
        timing.key: {"manifest": "m", "upstream": {}, "values": values},
        done.key: {"manifest": "n", "upstream": {}, "values": {}},
    }
    seen = Snapshot(results, spent={timing.key: 60.0, done.key: 1200.0})
    plan = [timing, done, same]
    assert estimate(plan, seen, states(plan, seen)).seconds[same.key] == pytest.approx(3 * 401, rel=1e-3)
