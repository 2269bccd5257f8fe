"""MACE's MD by symmetrix over the same by mace-torch: `python tests/bench/kernel.py` in its environment.

Both drive the suite's own ASE engine from the same start on one thread, in turn, a few steps at a time. The
model is the preset tiny-l3 (16x0e, two layers, cutoff 4.5 Å) with random weights, on gold, water and ions.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mlipbench_hpc.architectures.mace as package
from mlipbench_hpc.architectures import law
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.interface import Evaluator, KernelJob
from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.architectures.mace.model import Blueprint, save_model
from mlipbench_hpc.architectures.mace_symmetrix import adapter
from mlipbench_hpc.data.density import local_density, sphere
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.system import System

sys.path.insert(0, str(Path(__file__).parent))
from costs import QUICKSTART, frames_of
from md import SMALL, task_parameters

PAIRS, STEPS = (2, 1) if SMALL else (15, 4)
CARD = load_card(Path(package.__file__).with_name("card.toml"))


def model(folder: Path, numbers: list[int]) -> dict[str, Any]:
    """Write it, its weights scaled so that no atom is thrown out; returns its hyperparameters."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    chosen = merge(CARD, "tiny-l3", {})
    blueprint = Blueprint(chosen, numbers, [0.0] * len(numbers), 30.0, 0.02, 0.0)
    save_model(folder, blueprint, blueprint.build())
    return chosen


def step(engine: AseEngine) -> float:
    """CPU seconds of a step, of STEPS."""
    begin = time.process_time()
    engine.advance(STEPS)
    return (time.process_time() - begin) / STEPS


def deviation(evaluator: Evaluator, frames: Frames, reference: Any) -> float:
    """Largest of a force component from float64, over the rms of all."""
    return float(np.abs(evaluator.evaluate(frames, 1)[1] - reference).max() / np.sqrt(np.mean(reference**2)))


def compared(folder: Path, chosen: dict[str, Any], frames: Frames, dtype: str) -> dict[str, float]:
    """Times of a step, their ratio, planned over measured time, and both deviations from float64."""
    target = folder / dtype
    target.mkdir()
    adapter.prepare(KernelJob(target, folder, chosen, frames, dtype, "g++"))
    own, other = MaceEvaluator(folder, "cpu", dtype), adapter.load(target, chosen, "cpu", dtype)
    parameters = task_parameters(1, 300.0)
    engines = [
        AseEngine(System.prepare(frames.atoms(0), []), one.calculator(), parameters) for one in (own, other)
    ]
    pairs = [(step(engines[0]), step(engines[1])) for _ in range(PAIRS + 2)][2:]
    reference = MaceEvaluator(folder, "cpu", "float64").evaluate(frames, 1)[1]
    variables = {
        "atoms": float(frames.sizes[0]),
        "neighbours": local_density(frames) * sphere(chosen["r_max"]),
        "species": len(frames.species()),
        "number_bytes": 8 if dtype == "float64" else 4,
    }
    took = statistics.median(b for _, b in pairs)
    planned = law.seconds(CARD.by("symmetrix").cost, variables, chosen)["md_ase"]
    return {
        f"{dtype}_torch_ms": 1000 * statistics.median(a for a, _ in pairs),
        f"{dtype}_symmetrix_ms": 1000 * took,
        f"{dtype}_speed_up": statistics.median(a / b for a, b in pairs),
        f"{dtype}_plan_off_by": max(planned / took, took / planned),
        f"{dtype}_torch_deviation": deviation(own, frames, reference),
        f"{dtype}_symmetrix_deviation": deviation(other, frames, reference),
    }


def main() -> dict[str, float]:
    """Both precisions; and deviation by symmetrix in float32 over that by mace-torch in float32."""
    frames = frames_of(QUICKSTART)
    with tempfile.TemporaryDirectory() as name:
        chosen = model(Path(name), frames.species())
        figures = {"atoms": float(frames.sizes[0])}
        for dtype in ("float32", "float64"):
            figures |= compared(Path(name), chosen, frames, dtype)
    figures["deviations"] = figures["float32_symmetrix_deviation"] / figures["float32_torch_deviation"]
    return figures


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
