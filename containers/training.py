"""Acceptance of an architecture: a short training, forces against finite differences, one step of MD."""

import importlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from acceptance import Arrays, gradient

from mlipbench_hpc.architectures.card import Card, load_card, merge
from mlipbench_hpc.architectures.interface import Evaluator, TrainingJob
from mlipbench_hpc.contract.engines import CHAIN, ENGINES
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.builders.water import water_box
from mlipbench_hpc.worker.driving import hook_name
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.system import System

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

# Those of an md task: K, ps.
MD = {
    "seed": 1, "replica": 0, "temperature": 300.0, "timestep": 0.0005,
    "thermostat": {"kind": CHAIN, "damping": 0.05, "length": 3},
}  # fmt: skip
# Å: how far hydrogen goes in one step by the difference of forces that Parity allows.
APART = {"float32": 1e-6, "float64": 1e-7}


@dataclass(frozen=True)
class Driving:
    """The trained model in `folder`, as engines ask for it (worker/engines/interface.py)."""

    adapter: ModuleType
    folder: Path
    hyperparameters: dict[str, Any]
    evaluator: Evaluator

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Arrays, Arrays]:
        """Energies and forces by the model's evaluator."""
        return self.evaluator.evaluate(frames, batch_size)

    def calculator(self) -> "Calculator":
        """ASE calculator by the model's evaluator."""
        return self.evaluator.calculator()

    def native(self, engine: str) -> object | None:
        """Result of the adapter's function of that name for hydrogen and oxygen, or None."""
        hook = getattr(self.adapter, hook_name(engine), None)
        return hook(self.folder, self.hyperparameters, [1, 8], self.evaluator) if hook else None


def labelled(count: int) -> Frames:
    """Boxes of eight waters with made-up labels."""
    random = np.random.default_rng(1)
    images = [water_box(molecules=8, density=0.9, seed=seed).atoms(0) for seed in range(count)]
    return Frames.from_atoms(images, random.normal(0, 0.1, count), random.normal(0, 1.0, (24 * count, 3)))


def accept(adapter: ModuleType, tolerance: float, **small: Any) -> None:
    """One epoch with the hyperparameters `small`, then forces and MD, in each dtype of the card.

    tolerance: eV/Å, of forces in float64; differences of energies in float32 resolve nothing.
    """
    assert adapter.__file__
    card = load_card(Path(adapter.__file__).parent / "card.toml")
    chosen = merge(card, None, {**small, "epochs": 1})
    for dtype in card.dtypes:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            model.mkdir()
            print(dtype, adapter.train(job(model, chosen, dtype)))
            evaluator = adapter.load(model, chosen, "cpu", dtype)
            if dtype == "float64":
                differentiate(evaluator, tolerance)
            simulate(card, Driving(adapter, model, chosen, evaluator), dtype)


def job(folder: Path, hyperparameters: dict[str, Any], dtype: str) -> TrainingJob:
    """A training on four frames, of which nothing is kept but the model."""
    frames = labelled(4)
    return TrainingJob(
        folder=folder, train=frames, validation=frames,
        reference_energies={1: 0.0, 8: 0.0}, hyperparameters=hyperparameters, seed=1,
        device="cpu", dtype=dtype, threads=1, resume=None,
        save=lambda epoch, files: None, report=lambda row: None,
    )  # fmt: skip


def differentiate(evaluator: Evaluator, tolerance: float) -> None:
    """Forces against finite differences. tolerance: eV/Å."""
    one = labelled(1)

    def label(positions: Arrays) -> tuple[float, Arrays]:
        energies, forces = evaluator.evaluate(replace(one, positions=positions), 1)
        return float(energies[0]), forces

    gradient(label, one.positions, tolerance)


def simulate(card: Card, potential: Driving, dtype: str) -> None:
    """One step in every engine of the card: each computes the evaluator's forces, and all go the same way."""
    system = System.prepare(labelled(1).atoms(0), fixed=[])
    ends = {name: step(name, potential, system, dtype) for name in card.engines}
    first, *others = ends.values()
    apart = max((float(np.abs(other - first).max()) for other in others), default=0.0)
    assert apart < APART[dtype], f"{', '.join(ends)}: {apart} Å apart after one step"
    print(f"{', '.join(ends)}: forces of the evaluator, {apart:.1e} Å apart after one step")


def step(name: str, potential: Driving, system: System, dtype: str) -> Arrays:
    """Positions (N, 3) Å after one step in the engine, whose energy is the evaluator's before and after."""
    engine = importlib.import_module(ENGINES[name].module).engine(system, potential, MD, None)
    tolerance = TOLERANCES[dtype]
    Parity(potential, system, name, tolerance).check(engine)
    engine.advance(1)
    sample, moved = engine.sample(), system.start.copy()
    moved.positions = sample.positions
    energies, _ = potential.evaluate(Frames.from_atoms([moved]), 1)
    apart = abs(sample.potential - float(energies[0])) / len(moved)
    assert apart < tolerance.energy, f"{name}: {apart} eV/atom from the evaluator after one step"
    way = float(np.abs(moved.positions - system.start.positions).max())
    assert 1e-3 < way < 0.1, f"{name}: the fastest atom went {way} Å in half a femtosecond"
    positions: Arrays = moved.positions
    return positions
