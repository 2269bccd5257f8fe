"""What the worker calls (see ../interface.py): the code of dp_mp with one layer."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.dp_mp.evaluator import JaxEvaluator
from mlipbench_hpc.architectures.dp_mp.forces import jax_forces
from mlipbench_hpc.architectures.dp_mp.model import NAMES
from mlipbench_hpc.architectures.dp_mp.training import train
from mlipbench_hpc.architectures.interface import JaxForces

__all__ = ["jax_md", "load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> JaxEvaluator:
    """The model that `train` left in `folder`; raises InputFailure where there is none.

    The model's own file says how it is built: `hyperparameters` are not needed for that.
    """
    return JaxEvaluator(NAMES[1], folder, device, dtype)


def jax_md(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: JaxEvaluator
) -> JaxForces:
    """Forces for the engine `jax-md`; raises InputFailure for an element outside the model."""
    return jax_forces(evaluator, numbers)
