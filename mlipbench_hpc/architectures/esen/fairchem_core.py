"""fairchem-core, imported in one place without its warnings, and its random numbers."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = [
    "AtomicData", "CosineLRLambda", "HydraModel", "InferenceSettings", "MLIPInferenceCheckpoint",
    "compute_loss", "instantiate", "load_predict_unit", "repeatable",
]  # fmt: skip

# At import fairchem-core and Warp make folders for what this suite never asks of them, downloads and compiled
# kernels: in the user's home unless told otherwise, which in a container is not writable.
for variable in ("FAIRCHEM_CACHE_DIR", "WARP_CACHE_PATH"):
    os.environ.setdefault(variable, f"{tempfile.gettempdir()}/fairchem-{os.getuid()}")

# Warnings of packages that fairchem-core imports, about each other: none depends on the user's input. Where
# there is no GPU, Warp writes so to stderr, past Python.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fairchem.core.datasets.atomic_data import AtomicData
    from fairchem.core.models.base import HydraModel
    from fairchem.core.modules.scheduler import CosineLRLambda
    from fairchem.core.units.mlip_unit import load_predict_unit
    from fairchem.core.units.mlip_unit.api.inference import InferenceSettings, MLIPInferenceCheckpoint
    from fairchem.core.units.mlip_unit.mlip_unit import compute_loss
    from hydra.utils import instantiate


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """Draw the same random numbers each time, and leave the process's own state as it was.

    fairchem-core turns the frame of every edge by a random angle about the edge, at every call. The energy
    does not depend on it but for rounding, which would make two calls differ in their last digits, and so a
    continued MD from one without interruption.
    """
    devices = range(torch.cuda.device_count()) if device == "cuda" else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        yield
