"""reevaluate: energies of all committee members on the stored frames of an MD run that one of them drove."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.shared.members import load_committee
from mlipbench_hpc.contract.folder import newest, write_bytes
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.stretch import Stretch, as_frames

BATCHES_BETWEEN_CHECKPOINTS = 8
ENERGIES = "energies.npz"


def run(context: Context) -> dict[str, Any]:
    """Write energies.npz: indices (K,) into the trajectory, energies (M, K) eV of every `stride`-th frame.

    An unstable run gives no frames. An interrupted evaluation continues in the next attempt.
    """
    given = context.parameters
    stable = context.upstream_values("md").get("outcome") != "unstable"
    stretch = Stretch.of(context.upstream("md"), given["equilibration"])
    indices = stretch.chosen[:: given["stride"]] if stable else stretch.chosen[:0]
    folders = [context.upstream(role) for role in context.upstream_roles("member-")]
    energies = evaluated(context, folders, stretch, indices) if len(indices) else np.zeros((len(folders), 0))
    write_bytes(context.folder / ENERGIES, packed(indices, energies))
    return {"frames": len(indices), "not_finite": int((~np.isfinite(energies)).sum())}


def evaluated(context: Context, folders: list[Path], stretch: Stretch, indices: Ints) -> Floats:
    """Energies (M, K) eV of the models in `folders`, with a checkpoint every few batches."""
    given = context.parameters
    committee = load_committee(
        context.adapter(), folders, context.hyperparameters, given["device"], given["dtype"]
    )
    energies = resumed(context, len(folders))
    step = context.batch_size * BATCHES_BETWEEN_CHECKPOINTS
    while (done := energies.shape[1]) < len(indices):
        context.check()
        frames = as_frames(stretch.trajectory, indices[done : done + step])
        energies = np.concatenate([energies, committee.energies(frames, context.batch_size)], axis=1)
        done = energies.shape[1]
        context.save_checkpoint(done, {ENERGIES: packed(indices[:done], energies)}, newest)
        context.progress(done, len(indices), "frames")
    return energies


def resumed(context: Context, members: int) -> Floats:
    """Energies (M, K) eV of earlier attempts."""
    for _, folder, _ in context.earlier_checkpoints():
        with np.load(folder / ENERGIES, allow_pickle=False) as archive:
            energies: Floats = archive["energies"]
            return energies
    return np.zeros((members, 0))


def packed(indices: Ints, energies: Floats) -> bytes:
    """Bytes of energies.npz."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, indices=indices, energies=energies)
    return stream.getvalue()
