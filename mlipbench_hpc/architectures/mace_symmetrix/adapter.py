"""Adapter of the kernel symmetrix of MACE (see ../interface.py)."""

from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.mace_symmetrix.evaluator import NAME, SymmetrixEvaluator
from mlipbench_hpc.architectures.shared.probes import require_agreement

__all__ = ["load", "prepare"]


def prepare(job: KernelJob) -> dict[str, Any]:
    """Write the model as symmetrix reads it, its compiled kernel, and frames with the answers of mace-torch.

    Raises TaskFailure where the kernel cannot be compiled, or does not compute the model.
    """
    # mace-torch and torch, which take seconds to import, are needed here alone.
    from mlipbench_hpc.architectures.mace_symmetrix.preparation import convert, keep_answers

    convert(job)
    keep_answers(job)
    evaluator = SymmetrixEvaluator(job.folder, job.dtype)
    return require_agreement(NAME, job.folder, evaluator, job.dtype)


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> SymmetrixEvaluator:
    """Load what `prepare` left in `folder`, on the CPU.

    Raises InputFailure when there is nothing, TaskFailure where this machine cannot run it, or where its
    answers are not those of mace-torch. Its files contain its construction: `hyperparameters` are not needed.
    """
    evaluator = SymmetrixEvaluator(folder, dtype)
    require_agreement(NAME, folder, evaluator, dtype)
    return evaluator
