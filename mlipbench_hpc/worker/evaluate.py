"""evaluate: energies and forces of one model on the validation and test frames, and its errors there."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.errors import model_errors, strata_errors
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.origins import origins

BATCHES_BETWEEN_CHECKS = 8


def run(context: Context) -> dict[str, Any]:
    """One process for all frames; writes predictions-validation.npz and predictions-test.npz.

    Each holds indices (F,) into the dataset, offsets (F+1,), numbers (A,), energies (F,) eV, forces (A, 3)
    eV/Å, and the labels as label_energies and label_forces. `strata` of the values: force errors by
    temperature and composition, from frames that were not rattled.
    """
    parameters = context.parameters
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    _, temperatures, rattled = origins(frames, parameters["conditions"])
    slab = atomic_numbers_of(parameters["metal"])
    split = json.loads((context.upstream("split") / "split.json").read_bytes())
    evaluator = context.adapter().load(
        context.upstream("model"), context.hyperparameters, parameters["device"], parameters["dtype"]
    )
    sets = {name: frames.select(split[name]) for name in ("validation", "test")}
    total = sum(len(part) for part in sets.values())
    values, done = {}, 0
    for name, part in sets.items():
        energies, forces = predict(context, evaluator, part, done, total)
        done += len(part)
        save(context, name, split[name], part, energies, forces)
        own = np.asarray(split[name], dtype=np.int64)
        strata = strata_errors(part, forces, temperatures[own], rattled[own], slab)
        values[name] = model_errors(part, energies, forces, slab) | {"strata": strata}
    return values


def predict(
    context: Context, evaluator: Evaluator, frames: Frames, done: int, total: int
) -> tuple[Floats, Floats]:
    """Energies (F,) eV and forces (A, 3) eV/Å, batch by batch; an interruption stops between batches."""
    size = context.batch_size
    energies, forces = np.zeros(len(frames)), np.zeros((int(frames.offsets[-1]), 3))
    for start, stop in chunks(len(frames), size * BATCHES_BETWEEN_CHECKS):
        context.check()
        part = frames.select(np.arange(start, stop))
        atoms = slice(int(frames.offsets[start]), int(frames.offsets[stop]))
        energies[start:stop], forces[atoms] = evaluator.evaluate(part, size)
        context.progress(done + stop, total, "frames")
    return energies, forces


def chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of consecutive chunks of at most `size`."""
    for start in range(0, total, size):
        yield start, min(start + size, total)


def save(
    context: Context, name: str, indices: list[int], frames: Frames, energies: Floats, forces: Floats
) -> None:
    """Write predictions-<name>.npz."""
    arrays = {
        "indices": np.asarray(indices, dtype=np.int64),
        "offsets": frames.offsets,
        "numbers": frames.numbers,
        "energies": energies,
        "forces": forces,
        "label_energies": frames.energies,
        "label_forces": frames.forces,
    }
    with (context.folder / f"predictions-{name}.npz").open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
