"""What the worker calls (see ../interface.py): the code of dp_mp with one layer."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.dp_mp.evaluator import JaxEvaluator
from mlipbench_hpc.architectures.dp_mp.model import NAMES
from mlipbench_hpc.architectures.dp_mp.training import train

__all__ = ["load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> JaxEvaluator:
    """The model that `train` left in `folder`; raises InputFailure where there is none.

    The model's own file says how it is built: `hyperparameters` are not needed for that.
    """
    return JaxEvaluator(NAMES[1], folder, device, dtype)
