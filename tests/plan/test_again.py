"""Why a task runs again that was committed under another key."""

from dataclasses import replace

import pytest

from mlipbench_hpc.contract.task import Architecture, Potential, Task
from mlipbench_hpc.plan.again import lines
from mlipbench_hpc.plan.graph import Planned

TASK = Task(
    "train", 3, "mace", "venv:1", {"seed": 1, "hyperparameters": {"lr": 0.1}}, {"split": "k"}, {"data": "s"},
    Architecture("mace", "m", 2), "train committee=a member=0",
)  # fmt: skip


def causes(before: Task) -> list[str]:
    record = before.to_json()
    return lines([Planned(TASK, ())], {TASK.key: "ready"}, {before.label: record})[1:]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"version": 2}, "version of train is 3, was 2"),
        ({"version": "ab" * 32}, "version of train is 3, was unrecorded source abababababab"),
        ({"architecture": Architecture("mace", "m", 1)}, "version of architecture mace is 2, was 1"),
        ({"architecture": Architecture("dp", "m", 2)}, "architecture is mace, was dp"),
        ({"potential": Potential("electrode", "m", 2)}, "potential is None, was electrode"),
        ({"identity": "venv:0"}, "environment mace changed"),
        (
            {"parameters": {"seed": 1, "hyperparameters": {"lr": 0.2}, "old": 1}},
            "parameters changed: hyperparameters.lr 0.2 → 0.1, old 1 → absent",
        ),
        (
            {"parameters": {"seed": 1.0, "hyperparameters": {"lr": 0.1}, "new": None}},
            "parameters changed: new null → absent, seed 1.0 → 1",
        ),
        ({"inputs": {"data": "t"}}, "the data changed"),
        ({"upstream": {"split": "l"}}, "tasks that it consumes run again"),
        ({"version": 2, "identity": "venv:0"}, "version of train is 3, was 2; environment mace changed"),
    ],
)
def test_a_cause_is_named(change: dict, cause: str) -> None:
    assert causes(replace(TASK, **change)) == [f"  1 train: {cause}"]


def test_an_earlier_schema_is_a_cause_of_its_own() -> None:
    record = {"schema": 1, "label": TASK.label, "architecture": {"name": "mace", "digest": "ab"}}
    message = lines([Planned(TASK, ())], {TASK.key: "waiting"}, {TASK.label: record})
    assert message[1] == "  1 train: keys of an earlier version of this suite (schema 1, now 2)"


def test_what_is_done_or_was_never_committed_needs_no_cause() -> None:
    before = replace(TASK, version=2)
    assert lines([Planned(TASK, ())], {TASK.key: "done"}, {TASK.label: before.to_json()}) == []
    assert lines([Planned(TASK, ())], {TASK.key: "ready"}, {}) == []
