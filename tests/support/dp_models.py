"""Models of deepmd-kit that tests of the kernel jax load, where deepmd-kit is not installed.

In the environment deepmd, from the root of the repository:

    PYTHONPATH=.:.venvs/pytest python tests/support/dp_models.py FRAMES

FRAMES: frames.npz of an interface of gold, water and up to two sodium ions, as a task `build` or `label`
leaves it. Each model is trained for seconds, and left as the kernel's task leaves it, with deepmd-kit's own
energies and forces in float64 of the frames in probes.npz.
"""

import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mlipbench_hpc.architectures.dp as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.dp import adapter
from mlipbench_hpc.architectures.dp_in_jax.adapter import prepare
from mlipbench_hpc.architectures.interface import KernelJob, TrainingJob
from mlipbench_hpc.architectures.testing import REFERENCE, harmonic, water
from mlipbench_hpc.contract.folder import save_checkpoint
from mlipbench_hpc.data.frames import Frames, concatenate

KEPT = Path(__file__).parents[1] / "engines/jax/dp_models"
CARD = load_card(Path(package.__file__).with_name("card.toml"))
# eV, near to what the labels of the interface say.
GOLD = {1: -0.6, 8: -0.3, 11: -2.6, 79: -0.4}
# Cells of water are 6 Å wide, less than twice the cutoff.
SMALL = {
    "rcut": 4.0, "neuron": [4, 8], "axis_neuron": 2, "fitting_neuron": [8, 8], "epochs": 8, "sel_factor": 2.0,
}  # fmt: skip


def train(folder: Path, train: Frames, validation: Frames, dtype: str, **changes: Any) -> Path:
    """Train a small model in `folder`, with checkpoints as a task keeps them; returns the folder."""
    folder.mkdir(parents=True)
    adapter.train(
        TrainingJob(
            folder=folder, train=train, validation=validation,
            reference_energies=GOLD if 79 in train.species() else {**REFERENCE, 11: -2.0},
            hyperparameters=merge(CARD, None, {**SMALL, **changes}), seed=3, device="cpu", dtype=dtype,
            threads=1, resume=None, save=partial(save_checkpoint, folder), report=lambda row: None,
        )
    )  # fmt: skip
    return folder


def shaken_water(count: int) -> Frames:
    """Eight molecules with harmonic bonds, which MD of the model keeps whole."""
    frames = water(count, molecules=8, seed=1)
    shifts = np.random.default_rng(2).normal(scale=0.06, size=frames.positions.shape)
    return harmonic(replace(frames, positions=frames.positions + shifts))


def interface(path: Path) -> Frames:
    """One frame for each number of sodium ions."""
    frames = Frames.load(path)
    ions = [int((frames.numbers[frames.atoms_of(index)] == 11).sum()) for index in range(len(frames))]
    return frames.select([ions.index(count) for count in (0, 1, 2)])


def keep(name: str, model: Path, frames: Frames, dtype: str) -> None:
    """Write a model as the kernel loads it."""
    folder = KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    print(name, prepare(KernelJob(folder, model, {}, frames, dtype)))


def main() -> None:
    """Write both models anew."""
    gold, plain = interface(Path(sys.argv[1])), shaken_water(24)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        model = train(scratch / "one", gold, gold, "float32", epochs=10)
        keep("interface", model, concatenate([gold, plain.select([0, 1])]), "float32")
        model = train(scratch / "two", plain, plain, "float64", type_one_side=False, epochs=60)
        keep("water", model, plain.select([0, 1, 2]), "float64")


if __name__ == "__main__":
    main()
