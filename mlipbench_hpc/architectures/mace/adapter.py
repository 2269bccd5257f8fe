"""What the worker calls (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.architectures.mace.training import train

__all__ = ["load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> MaceEvaluator:
    """The model that `train` left in `folder`; raises InputFailure when there is none.

    The model's own file says how it is built: `hyperparameters` are not needed for that.
    """
    return MaceEvaluator(folder, device, dtype)
