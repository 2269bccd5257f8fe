"""What the worker calls (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.dp.evaluator import DpEvaluator
from mlipbench_hpc.architectures.dp.training import train

__all__ = ["load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> DpEvaluator:
    """The model that `train` left in `folder`; raises InputFailure for none, or one of another dtype.

    The frozen graph says how it is built: `hyperparameters` and `device` are not needed for that.
    """
    return DpEvaluator(folder, dtype)
