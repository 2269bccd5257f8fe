"""The labeller of a task or of a request by hand: the one place where a potential's adapter is imported."""

import importlib
from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.potentials.interface import Labeller


def labeller(module: str, parameters: Mapping[str, Any]) -> Labeller:
    """Of the reference potential in package `module`; parameters: the options of its card among others."""
    adapter = importlib.import_module(f"{module}.adapter")
    result: Labeller = adapter.labeller(parameters)
    return result


def labeller_of(task: Task) -> Labeller:
    """Of the reference potential that labels or drives."""
    assert task.potential is not None
    return labeller(task.potential.module, task.parameters)
