"""Labellers of tasks and of requests by hand: the only import of a potential's adapter."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.hyperparameters import complete_from
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.potentials.interface import Labeller


def labeller(module: str, parameters: Mapping[str, Any]) -> Labeller:
    """Labeller of the reference potential in package `module`.

    parameters: the options of its card among others; those that a task leaves out have their legacy value.
    """
    adapter = importlib.import_module(f"{module}.adapter")
    card = Path(adapter.__file__ or "").with_name("card.toml")
    result: Labeller = adapter.labeller(complete_from(card, parameters, ("options", "sampling")))
    return result


def labeller_of(task: Task) -> Labeller:
    """Labeller of the reference potential that labels or drives."""
    assert task.potential is not None
    return labeller(task.potential.module, task.parameters)
