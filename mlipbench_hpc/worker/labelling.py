"""The labeller of a task or of a request by hand: the one place where a potential's adapter is imported."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.hyperparameters import complete_from
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.potentials.interface import Labeller


def labeller(module: str, parameters: Mapping[str, Any]) -> Labeller:
    """Of the reference potential in package `module`.

    parameters: the options of its card among others; those that a task leaves out have their legacy value.
    """
    adapter = importlib.import_module(f"{module}.adapter")
    card = Path(adapter.__file__ or "").with_name("card.toml")
    result: Labeller = adapter.labeller(complete_from(card, parameters, ("options", "sampling")))
    return result


def labeller_of(task: Task) -> Labeller:
    """Of the reference potential that labels or drives."""
    assert task.potential is not None
    return labeller(task.potential.module, task.parameters)
