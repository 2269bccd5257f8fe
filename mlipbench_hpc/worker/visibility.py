"""visibility: share of interfacial waters with every ion in a model's receptive field, in a dataset."""

from typing import Any

import numpy as np

from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.analysis.visibility import visible_share
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.split import holding
from mlipbench_hpc.worker.context import Context


def run(context: Context) -> dict[str, Any]:
    """Frames (those that `only` leaves) and mean `share` within `radius` Å, by composition.

    Compositions without ions or slab are left out, and counted in `without`.
    """
    given = context.parameters
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    frames = frames.select(holding(frames, given["only"]))
    shares: dict[str, list[float]] = {}
    without = 0
    for index in range(len(frames)):
        share = one_frame(frames, index, atomic_numbers_of(given["metal"]), given["radius"])
        if share is None:
            without += 1
        else:
            shares.setdefault(frames.formula(index), []).append(share)
        if index % 64 == 0:
            context.check()
            context.progress(index, len(frames), "frames")
    compositions = {
        name: {"frames": len(each), "share": float(np.mean(each))} for name, each in shares.items()
    }
    return {
        "radius_A": given["radius"],
        "frames": len(frames),
        "without": without,
        "compositions": compositions,
    }


def one_frame(frames: Frames, index: int, metal: list[int], radius: float) -> float | None:
    """Share in one frame; None where it has no ion, no surface or no interfacial water."""
    atoms = frames.atoms_of(index)
    try:
        share = visible_share(
            frames.numbers[atoms], frames.positions[atoms], frames.cells[index], metal, np.array([radius])
        )
    except (ValueError, np.linalg.LinAlgError):
        return None
    return None if share is None else float(share[0])
