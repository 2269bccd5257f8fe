"""reevaluate: energies of one committee member on the stored frames of an MD run driven by another."""

import io
from typing import Any

import numpy as np

from mlipbench_hpc.contract.folder import newest, write_bytes
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.stretch import Stretch, as_frames

BATCHES_BETWEEN_CHECKPOINTS = 8
ENERGIES = "energies.npz"


def run(context: Context) -> dict[str, Any]:
    """Write energies.npz: indices (K,) into the trajectory, energies (K,) eV of every `stride`-th frame.

    An unstable run gives no frames. An interrupted evaluation continues in the next attempt.
    """
    given = context.parameters
    stable = context.upstream_values("md").get("outcome") != "unstable"
    stretch = Stretch.of(context.upstream("md"), given["equilibration"])
    indices = stretch.chosen[:: given["stride"]] if stable else stretch.chosen[:0]
    energies = evaluated(context, stretch, indices) if len(indices) else np.zeros(0)
    write_bytes(context.folder / ENERGIES, packed(indices, energies))
    return {"frames": len(indices), "not_finite": int((~np.isfinite(energies)).sum())}


def evaluated(context: Context, stretch: Stretch, indices: Ints) -> Floats:
    """Energies (K,) eV, batch by batch, with a checkpoint every few batches."""
    given = context.parameters
    evaluator = context.adapter().load(
        context.upstream("model"), context.hyperparameters, given["device"], given["dtype"]
    )
    energies = resumed(context)
    step = context.batch_size * BATCHES_BETWEEN_CHECKPOINTS
    while len(energies) < len(indices):
        context.check()
        frames = as_frames(stretch.trajectory, indices[len(energies) : len(energies) + step])
        batch, _ = evaluator.evaluate(frames, context.batch_size)
        energies = np.concatenate([energies, batch])
        content = packed(indices[: len(energies)], energies)
        context.save_checkpoint(len(energies), {ENERGIES: content}, newest)
        context.progress(len(energies), len(indices), "frames")
    return energies


def resumed(context: Context) -> Floats:
    """Energies of earlier attempts."""
    for _, folder, _ in context.earlier_checkpoints():
        with np.load(folder / ENERGIES, allow_pickle=False) as archive:
            energies: Floats = archive["energies"]
            return energies
    return np.zeros(0)


def packed(indices: Ints, energies: Floats) -> bytes:
    """Bytes of energies.npz."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, indices=indices, energies=energies)
    return stream.getvalue()
