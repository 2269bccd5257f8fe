"""tensorpotential and TensorFlow, imported in one place: without their messages, threads set before."""

import io
import logging
import os
from contextlib import redirect_stdout

# tensorpotential works with the Keras that this selects; TensorFlow reads both when it is imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Several tasks may share a GPU, of which TensorFlow would otherwise take all memory at once.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


def use_threads(count: int) -> None:
    """Threads of all work on a CPU; TensorFlow reads it at the first computation of the process."""
    for kind in ("INTRAOP", "INTEROP"):
        os.environ[f"TF_NUM_{kind}_THREADS"] = str(count)


use_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

# What either is about to rename or switch on depends on no user's input.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
with redirect_stdout(io.StringIO()):  # It prints what it switches on.
    import tensorflow as tf
    from tensorpotential import TensorPotential, constants
    from tensorpotential.loss import LossFunction, WeightedHuberEnergyPerAtomLoss, WeightedHuberForceLoss
    from tensorpotential.potentials import get_preset

__all__ = [
    "LossFunction", "TensorPotential", "WeightedHuberEnergyPerAtomLoss", "WeightedHuberForceLoss",
    "constants", "get_preset", "tf", "use_device", "use_threads",
]  # fmt: skip


def use_device(kind: str) -> None:
    """TensorFlow computes on a GPU where it finds one. kind: `cpu` or `cuda`.

    Raises RuntimeError where `cuda` would be computed on a CPU without a word.
    """
    if kind == "cuda" and not tf.config.list_physical_devices("GPU"):
        raise RuntimeError(f"TensorFlow {tf.__version__} finds no GPU that it can compute on")
