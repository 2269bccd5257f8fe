"""Heights of ions that hop between two layers, as `analyse` leaves them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from charged import change, collected, movement
from profiled import npz

from mlipbench_hpc.contract.folder import outputs, read_json, seal

INNER_A, OUTER_A = 4.2, 6.2


def hopping(start: int, transitions: int, frames: int = 160, seed: int = 0) -> np.ndarray:
    """Heights (T,) Å of one ion that starts in layer 0 (inner) or 1 and changes it so many times."""
    layers = (start + np.arange(frames) * (transitions + 1) // frames) % 2
    return np.where(layers == 0, INNER_A, OUTER_A) + 0.15 * np.random.default_rng(seed).normal(size=frames)


def put_ions(campaign: Any, md: str, replica: int, heights: Sequence[np.ndarray], **series: Any) -> None:
    """Store heights (K of (T,)) of Na in the analysis of a run, and its tests of stationarity."""
    change(campaign, "analyse", md, replica, stationarity=movement(["Na"], **series))
    item = next(own for own in collected(campaign).of("analyse", md=md, replica=replica))
    item.folder.chmod(0o755)
    (item.folder / "ion_heights.npz").write_bytes(npz(Na=np.array(heights, dtype=np.float32).T))
    seal(item.folder, read_json(item.folder / "result.json") | {"outputs": outputs(item.folder)})
