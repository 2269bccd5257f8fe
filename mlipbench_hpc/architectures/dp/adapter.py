"""Adapter of DP for the worker (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.dp.checkpoint import adopt
from mlipbench_hpc.architectures.dp.evaluator import DpCommittee, DpEvaluator
from mlipbench_hpc.architectures.dp.handout import handout
from mlipbench_hpc.architectures.dp.model import FROZEN, NAME, load_record
from mlipbench_hpc.architectures.dp.training import train
from mlipbench_hpc.architectures.interface import Evaluator, LammpsStyle
from mlipbench_hpc.architectures.shared.labels import require_known, symbols

__all__ = ["adopt", "committee", "handout", "lammps", "load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> DpEvaluator:
    """Load the model that `train` left in `folder`; InputFailure for none, or one of another dtype.

    The frozen graph contains its construction: `hyperparameters` and `device` are not needed.
    """
    return DpEvaluator(folder, dtype)


def committee(folders: list[Path], hyperparameters: dict[str, Any], device: str, dtype: str) -> DpCommittee:
    """Load members that are evaluated together, energies only; raises InputFailure as `load` does."""
    return DpCommittee([DpEvaluator(folder, dtype) for folder in folders])


def lammps(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: Evaluator | None = None
) -> LammpsStyle:
    """Pair style of deepmd-kit on the frozen graph, whose energies are total ones already.

    It computes in the dtype of the graph, with as many threads as `load` set. Raises InputFailure for an
    element outside the model.
    """
    require_known(NAME, numbers, load_record(folder).numbers)
    commands = (f'pair_style deepmd "{folder / FROZEN}"', f"pair_coeff * * {' '.join(symbols(numbers))}")
    return LammpsStyle(commands, files=(folder / FROZEN,))
