"""Elements and labels of frames for training and evaluation of a model."""

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Frames


def symbols(numbers: Sequence[int]) -> list[str]:
    """Chemical symbols of atomic numbers."""
    return [chemical_symbols[number] for number in numbers]


def require_known(architecture: str, numbers: Sequence[int], known: Sequence[int]) -> None:
    """Raise InputFailure naming the elements among `numbers` that are not among the model's, `known`."""
    if strange := sorted(set(numbers) - set(known)):
        raise InputFailure(
            f"{architecture} model for {', '.join(symbols(known))}: it does not know "
            f"{', '.join(symbols(strange))}; train on frames that hold them"
        )


def require_labels(frames: Frames) -> None:
    """Raise InputFailure where an energy or a force is missing."""
    energies, forces = int(np.isnan(frames.energies).sum()), int(np.isnan(frames.forces).any(axis=1).sum())
    if energies or forces:
        raise InputFailure(f"frames to learn from lack {energies} energies and the forces of {forces} atoms")
