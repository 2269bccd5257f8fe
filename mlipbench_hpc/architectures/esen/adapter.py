"""Adapter of eSEN for the worker (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.esen.checkpoint import adopt, loaded
from mlipbench_hpc.architectures.esen.evaluator import EsenCommittee, EsenEvaluator
from mlipbench_hpc.architectures.esen.training import train

__all__ = ["adopt", "committee", "load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> EsenEvaluator:
    """Load the model that `train` left in `folder`; raises InputFailure when there is none.

    The model's own file contains its construction: `hyperparameters` are not needed.
    """
    return loaded(folder, device, dtype)


def committee(folders: list[Path], hyperparameters: dict[str, Any], device: str, dtype: str) -> EsenCommittee:
    """Load members that are evaluated on the same neighbour lists; raises InputFailure as `load` does."""
    return EsenCommittee([loaded(folder, device, dtype) for folder in folders])
