"""Summary of a set of frames in a few numbers."""

from collections import Counter
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames


def strata(frames: Frames) -> list[str]:
    """Composition of each frame."""
    return [frames.formula(index) for index in range(len(frames))]


def summary(frames: Frames) -> dict[str, Any]:
    """JSON values of a build or label task; energies and forces are None where a label is missing."""
    energies = frames.energies / frames.sizes
    return {
        "frames": len(frames),
        "atoms": int(frames.offsets[-1]),
        "compositions": dict(Counter(strata(frames))),
        "energy_mean_eV_per_atom": number(energies.mean()),
        "energy_std_eV_per_atom": number(energies.std()),
        "force_std_eV_per_A": number(frames.forces.std()),
        "force_largest_eV_per_A": number(np.abs(frames.forces).max()),
    }


def number(value: float | Floats | np.floating[Any]) -> float | None:
    """Float for JSON: None where it is not finite."""
    return float(value) if np.isfinite(value) else None
