"""The toy model through another package: its weights in a file of another form."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from mlipbench_toy import adapter

from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.shared.probes import keep, require_agreement


def prepare(job: KernelJob) -> dict[str, Any]:
    """Write weights and species, and the toy's own answers."""
    model = json.loads((job.model / "model.json").read_text())
    with (job.folder / "twin.npz").open("wb") as stream:
        np.savez(stream, weights=model["weights"], species=model["species"])
    (job.folder / "energies.json").write_text(json.dumps(model["reference_energies"]))
    keep(job.folder, job.frames, adapter.load(job.model, job.hyperparameters, "cpu", job.dtype))
    return require_agreement("twin", job.folder, built(job.folder, job.hyperparameters), job.dtype)


def built(folder: Path, hyperparameters: dict[str, Any]) -> adapter.Evaluator:
    with np.load(folder / "twin.npz", allow_pickle=False) as archive:
        weights, species = archive["weights"], archive["species"].tolist()
    energies = {int(z): e for z, e in json.loads((folder / "energies.json").read_text()).items()}
    pairs = adapter.Pairs(species, hyperparameters["cutoff"], hyperparameters["gaussians"])
    return adapter.Evaluator(weights, pairs, energies)


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> adapter.Evaluator:
    """Rebuild what `prepare` wrote."""
    evaluator = built(folder, hyperparameters)
    require_agreement("twin", folder, evaluator, dtype)
    return evaluator
