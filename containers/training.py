"""Acceptance of an architecture: one short training, and one evaluation against finite differences."""

import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from acceptance import Arrays, gradient

from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.builders.water import water_box


def labelled(count: int) -> Frames:
    """Boxes of eight waters with made-up labels."""
    random = np.random.default_rng(1)
    images = [water_box(molecules=8, density=0.9, seed=seed).atoms(0) for seed in range(count)]
    return Frames.from_atoms(images, random.normal(0, 0.1, count), random.normal(0, 1.0, (24 * count, 3)))


def train_and_evaluate(adapter: ModuleType, tolerance: float, **small: Any) -> None:
    """One epoch of a model with the hyperparameters `small`, then its forces. tolerance: eV/Å."""
    assert adapter.__file__
    chosen = merge(load_card(Path(adapter.__file__).parent / "card.toml"), None, {**small, "epochs": 1})
    frames = labelled(4)
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            folder=Path(folder) / "model", train=frames, validation=frames,
            reference_energies={1: 0.0, 8: 0.0}, hyperparameters=chosen, seed=1,
            device="cpu", dtype="float64", threads=1, resume=None,
            save=lambda epoch, files: None, report=lambda row: None,
        )  # fmt: skip
        job.folder.mkdir()
        print(adapter.train(job))
        model = adapter.load(job.folder, chosen, "cpu", "float64")
        one = labelled(1)

        def label(positions: Arrays) -> tuple[float, Arrays]:
            energies, forces = model.evaluate(replace(one, positions=positions), 1)
            return float(energies[0]), forces

        gradient(label, one.positions, tolerance)
