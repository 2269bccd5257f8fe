"""Checks of labelled frames as their tests ask for them."""

from dataclasses import replace
from typing import Any

import numpy as np

from mlipbench_hpc.data import labels
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.read import Source
from mlipbench_hpc.data.relations import Relations

NAMES = {"energy": "energy", "forces": "forces"}


def source(frames: Frames, **changes: Any) -> Source:
    """A file with energies and forces and no dipoles."""
    return replace(Source(frames, np.full(len(frames), np.nan), {"energy": 12, "forces": 12}), **changes)


def remarks(frames: Frames) -> list[str]:
    return labels.remarks(Relations.of(frames))


def mistakes(frames: Frames, largest_force: float, **changes: Any) -> list[str]:
    """Mistakes in words; largest_force in eV/Å."""
    own = source(frames, **changes)
    return [str(problem) for problem in labels.check_source(own, Relations.of(frames), NAMES, largest_force)]
