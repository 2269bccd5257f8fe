"""Adapter of MACE for the worker (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.interface import LammpsStyle
from mlipbench_hpc.architectures.mace.checkpoint import adopt
from mlipbench_hpc.architectures.mace.evaluator import MaceCommittee, MaceEvaluator
from mlipbench_hpc.architectures.mace.handout import handout
from mlipbench_hpc.architectures.mace.model import NAME
from mlipbench_hpc.architectures.mace.training import train
from mlipbench_hpc.architectures.mace.unified import NEEDED, Unified
from mlipbench_hpc.architectures.shared.labels import require_known

__all__ = ["adopt", "committee", "handout", "lammps", "load", "train"]


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> MaceEvaluator:
    """Load the model that `train` left in `folder`; raises InputFailure when there is none.

    The model's own file contains its construction: `hyperparameters` are not needed.
    """
    return MaceEvaluator(folder, device, dtype)


def committee(folders: list[Path], hyperparameters: dict[str, Any], device: str, dtype: str) -> MaceCommittee:
    """Load members that are evaluated on the same neighbour lists; raises InputFailure as `load` does."""
    return MaceCommittee([MaceEvaluator(folder, device, dtype) for folder in folders])


def lammps(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: MaceEvaluator
) -> LammpsStyle:
    """Style `pair_style mliap unified` on the loaded model, for a LAMMPS built with ML-IAP and Python.

    Raises InputFailure for an element outside the model.
    """
    require_known(NAME, numbers, evaluator.known)
    model = Unified(evaluator)
    symbols = " ".join(model.element_types[evaluator.known.index(number)] for number in numbers)
    commands = ("pair_style mliap unified EXISTS", f"pair_coeff * * {symbols}")
    return LammpsStyle(commands, symbols=(NEEDED,), optional=True, start=model.start)
