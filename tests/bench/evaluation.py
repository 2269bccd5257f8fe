"""Evaluation of 500 frames by the suite, by a bare batched loop, and by one process a frame.

`python tests/bench/evaluation.py` in the mace environment. The bare loop is mace-torch's own: its data loader
over all graphs, one forward call a batch. A process a frame is timed on three frames and scaled.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.evaluate import predict

sys.path.insert(0, str(Path(__file__).parent))
from batched import mace_torch
from costs import spent
from md import SMALL, random_mace, water

FRAMES, PAIRS, BATCH, ALONE = (16, 1, 8, 1) if SMALL else (500, 3, 8, 3)


def frames_of_water() -> Frames:
    """500 frames of eight molecules."""
    random = np.random.default_rng(0)
    box = water()[:24]
    box.set_cell([6.21] * 3)
    images = [box.copy() for _ in range(FRAMES)]
    for image in images:
        image.positions += random.normal(scale=0.05, size=image.positions.shape)
    return Frames.from_atoms(images)


def suite(evaluator: MaceEvaluator, frames: Frames) -> float:
    """CPU seconds of the evaluate verb's loop."""
    with tempfile.TemporaryDirectory() as root:
        store = Store(Path(root))
        store.create()
        task = Task("evaluate", 1, "bench", "0" * 64, {"batch_size": BATCH})
        context = Context(task, store.begin(task), store)
        return spent(lambda: predict(context, evaluator, frames, 0, len(frames)))


def process_a_frame() -> float:
    """Wall seconds of a process that loads the model and evaluates one frame, by the median of three."""
    times = []
    for _ in range(ALONE):
        begin = time.perf_counter()
        subprocess.run([sys.executable, __file__, "one"], check=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def measure() -> dict[str, Any]:
    """suite_over_bare: CPU time, median of interleaved pairs, bar 1.1; process_a_frame_over_suite: bar 3."""
    evaluator, frames = random_mace(), frames_of_water()
    mace_torch(evaluator, frames.select(range(min(40, FRAMES))), BATCH)
    pairs = [
        (spent(lambda: mace_torch(evaluator, frames, BATCH)), suite(evaluator, frames)) for _ in range(PAIRS)
    ]
    seconds = statistics.median(s for _, s in pairs)
    return {
        "frames": FRAMES,
        "suite_s": seconds,
        "suite_over_bare": statistics.median(s / b for b, s in pairs),
        "process_a_frame_over_suite": process_a_frame() * FRAMES / seconds,
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["one"]:
        random_mace().evaluate(frames_of_water().select([0]), 1)
    else:
        print(json.dumps(measure(), indent=1))
