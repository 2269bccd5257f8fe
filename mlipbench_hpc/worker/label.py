"""label: frames sampled and labelled by a reference potential, or frames of a dataset labelled by it.

An interrupted attempt starts again.
"""

from typing import Any

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.check import check_frames
from mlipbench_hpc.data.summary import summary
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.labelling import labeller_of
from mlipbench_hpc.worker.sampling import LARGEST_FORCE, generate, relabel


def run(context: Context) -> dict[str, Any]:
    """Write frames.npz, and labels.npz where the potential answers more than energies and forces.

    Upstream is either `system`, to sample from, or `frames`, to label. The former also returns the
    correlation of its frames: `sampling`.
    """
    label = relabel if "frames" in context.task.upstream else generate
    frames, answers, values = label(labeller_of(context.task), context)
    if wrong := check_frames(frames, LARGEST_FORCE):
        raise InputFailure("the reference potential gave unusable frames: " + "; ".join(map(str, wrong)))
    frames.save(context.folder / "frames.npz")
    if answers:
        answers.save(context.folder)
    return summary(frames) | values
