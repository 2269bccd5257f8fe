"""Members of a committee on the same frames, for architectures whose members share nothing."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.interface import Committee, Evaluator
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames


class Members:
    """M loaded models, evaluated one after another."""

    def __init__(self, evaluators: Sequence[Evaluator]) -> None:
        self.evaluators = evaluators

    def energies(self, frames: Frames, batch_size: int) -> Floats:
        """Energies (M, F) eV; raises InputFailure for an unknown element."""
        return np.stack([evaluator.evaluate(frames, batch_size)[0] for evaluator in self.evaluators])


def require_alike(members: Iterable[tuple[Sequence[int], float]]) -> None:
    """Raise InputFailure where members know different elements or have different cutoffs (Å)."""
    if len({(tuple(numbers), cutoff) for numbers, cutoff in members}) > 1:
        raise InputFailure("members of one committee differ in elements or cutoff; train them together")


def load_committee(
    adapter: ModuleType, folders: Sequence[Path], hyperparameters: dict[str, Any], device: str, dtype: str
) -> Committee:
    """All members, in order, by the adapter's own `committee` where it has one (see ../interface.py)."""
    if hasattr(adapter, "committee"):
        own: Committee = adapter.committee(list(folders), hyperparameters, device, dtype)
        return own
    return Members([adapter.load(folder, hyperparameters, device, dtype) for folder in folders])
