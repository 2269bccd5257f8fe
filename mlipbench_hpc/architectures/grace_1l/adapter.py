"""What the worker calls (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.grace_1l.evaluator import GraceEvaluator
from mlipbench_hpc.architectures.grace_1l.model import NAMES
from mlipbench_hpc.architectures.grace_1l.tensor_potential import use_device
from mlipbench_hpc.architectures.grace_1l.training import train

__all__ = ["load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> GraceEvaluator:
    """The model that `train` left in `folder`; raises InputFailure where there is none.

    The model's own file says how it is built: `hyperparameters` are not needed for that.
    """
    use_device(device)
    return GraceEvaluator(NAMES[1], folder, dtype)
