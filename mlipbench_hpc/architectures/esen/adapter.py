"""Adapter of eSEN for the worker (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.esen.evaluator import EsenEvaluator
from mlipbench_hpc.architectures.esen.training import train

__all__ = ["load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> EsenEvaluator:
    """Load the model that `train` left in `folder`; raises InputFailure when there is none.

    The model's own file contains its construction: `hyperparameters` are not needed.
    """
    return EsenEvaluator(folder, device, dtype)
