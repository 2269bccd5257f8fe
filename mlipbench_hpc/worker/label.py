"""label: frames sampled and labelled by a reference potential. An interrupted attempt starts again."""

import importlib
from typing import Any

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.check import check_frames
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.summary import summary
from mlipbench_hpc.worker.context import Context

LARGEST_FORCE = 100.0


def run(context: Context) -> dict[str, Any]:
    """Write frames.npz with `frames` labelled frames; the labeler is the module named after the potential."""
    name = context.parameters["potential"].replace("-", "_")
    labeler = importlib.import_module(f"mlipbench_hpc.worker.labelers.{name}")
    start = Frames.load(context.upstream("system") / "frames.npz")
    frames: Frames = labeler.generate(start, context)
    if wrong := check_frames(frames, LARGEST_FORCE):
        raise InputFailure("the reference potential gave unusable frames: " + "; ".join(map(str, wrong)))
    frames.save(context.folder / "frames.npz")
    return summary(frames)
