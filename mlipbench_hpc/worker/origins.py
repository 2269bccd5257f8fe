"""Under what the frames of a dataset were sampled, frame by frame, from the stretches that were planned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames, Ints
from mlipbench_hpc.data.summary import strata


def origins(frames: Frames, conditions: list[dict[str, Any]]) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """Series, temperature in K (NaN where nobody states it) and whether it is rattled, of each frame (F,).

    conditions: stretches of the dataset's frames as planned. A series is one stretch, or one trajectory of it
    where the data name trajectories, and one composition; its rattled frames are a series of their own.
    Raises InputFailure where the stretches are not as long as the dataset.
    """
    lengths = [stretch["frames"] for stretch in conditions]
    if sum(lengths) != len(frames):
        raise InputFailure(f"{sum(lengths)} frames are planned, the data have {len(frames)}; plan again")
    places = np.repeat(np.arange(len(lengths)), lengths)
    numbers = np.concatenate([np.arange(1, length + 1) for length in lengths])
    every = np.array([stretch["rattle_every"] or 0 for stretch in conditions], dtype=np.int64)[places]
    rattled = (every > 0) & (numbers % np.maximum(every, 1) == 0)
    stated = [stretch["temperature"] for stretch in conditions]
    temperatures = np.array([np.nan if kelvin is None else kelvin for kelvin in stated], dtype=float)[places]
    groups = np.full(len(frames), "") if frames.groups is None else frames.groups
    formulas = strata(frames)
    labels = list(zip(places.tolist(), groups.tolist(), formulas, rattled.tolist(), strict=True))
    order = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return np.array([order[label] for label in labels], dtype=np.int64), temperatures, rattled
