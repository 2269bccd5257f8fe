"""Training one committee member with fairchem-core's model, loss, schedule and kind of average."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mlipbench_hpc.architectures.esen.checkpoint import WHOLE
from mlipbench_hpc.architectures.esen.evaluator import EsenEvaluator, compute
from mlipbench_hpc.architectures.esen.fairchem_core import (
    CosineLRLambda,
    compute_loss,
    instantiate,
)
from mlipbench_hpc.architectures.esen.graphs import Graph, batch, graphs
from mlipbench_hpc.architectures.esen.model import NAME, Blueprint, load_model, require_possible, save_model
from mlipbench_hpc.architectures.hyperparameters import training_epochs, updates_per_epoch
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.shared.epochs import run_epochs
from mlipbench_hpc.architectures.shared.labels import require_known, require_labels
from mlipbench_hpc.architectures.shared.torch_dtype import width
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.energies import moved_reference, without_reference
from mlipbench_hpc.data.frames import Floats, Frames

STATE = "state.pt"
# Shares of the learning rate at the first and the last update, as in fairchem-core's released configurations.
FIRST, LAST = 0.2, 0.01


@dataclass
class Trainer:
    """State of the training (model, optimizer, average) and its graphs, whose energies lack the shift.

    tasks: fairchem-core's, with the loss of each. factor: share of the learning rate by number of updates.
    """

    job: TrainingJob
    blueprint: Blueprint
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel
    tasks: list[Any]
    factor: CosineLRLambda
    train: list[Graph]
    validation: list[Graph]

    def epoch(self, number: int) -> dict[str, float]:
        """Train one pass over the training set, in an order fixed by (seed, epoch); returns curve's row."""
        random = np.random.default_rng([self.job.seed, number])
        order, losses, rate = random.permutation(len(self.train)), list[float](), 0.0
        # fairchem-core turns the frames of edges by random angles: these are fixed by (seed, epoch) too.
        torch.manual_seed(int(random.integers(2**62)))
        size = self.job.hyperparameters["batch_size"]
        done = (number - 1) * updates_per_epoch(self.job.hyperparameters, len(self.train))
        for index, rows in enumerate(batches(order, size)):
            rate = self.job.hyperparameters["lr"] * self.factor(done + index)
            losses.append(self.update([self.train[row] for row in rows], rate))
        return {"epoch": number, "loss": float(np.mean(losses)), **self.validate(), "learning_rate": rate}

    def update(self, items: Sequence[Graph], rate: float) -> float:
        """One step of the optimiser at this learning rate; returns the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        data = batch(items, self.job.dtype, self.job.device)
        loss: torch.Tensor = sum(compute_loss(self.tasks, self.model(data), data).values())
        self.optimizer.zero_grad()
        loss.backward()
        limit = self.job.hyperparameters["clip_grad_norm"]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=limit)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        return float(loss.detach())

    def validate(self) -> dict[str, float]:
        """Errors of the averaged weights on the validation set."""
        energies, forces = list[Floats](), list[Floats]()
        for rows in batches(np.arange(len(self.validation)), self.job.hyperparameters["batch_size"]):
            items = [self.validation[row] for row in rows]
            energy, force = compute(
                self.average, items, self.blueprint.scale, self.job.dtype, self.job.device
            )
            sizes = np.array([len(item.numbers) for item in items])
            energies.append((energy - [item.energy for item in items]) / sizes)
            forces.append(force - np.concatenate([item.forces for item in items]))
        return {
            "validation_energy_rmse_meV_per_atom": 1e3 * root_mean_square(energies),
            "validation_force_rmse_meV_per_A": 1e3 * root_mean_square(forces),
        }

    def state(self, epoch: int) -> dict[str, bytes]:
        """State on which the next epoch depends (its random numbers follow from seed and epoch)."""
        stream = io.BytesIO()
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "average")}
        torch.save({"epoch": epoch, **parts}, stream)
        return {STATE: stream.getvalue()}

    def restore(self, folder: Path) -> int:
        """Restore a checkpoint; returns its last finished epoch."""
        parts = torch.load(folder / STATE, map_location=self.job.device, weights_only=True)
        for name in ("model", "optimizer", "average"):
            getattr(self, name).load_state_dict(parts[name])
        return int(parts["epoch"])


def batches(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Places in this order, `size` at a time; the last batch holds what is left."""
    for start in range(0, len(order), size):
        yield order[start : start + size]


def root_mean_square(parts: Sequence[Floats]) -> float:
    """Over all numbers of all arrays."""
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def train(job: TrainingJob) -> dict[str, Any]:
    """Train, checkpoint after every epoch, and write the averaged weights (see interface.py)."""
    require_possible(job.hyperparameters)
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    with width(job.dtype):
        trainer = prepare(job)
        epochs = run_epochs(job, trainer)
    save_model(job.folder, trainer.blueprint, trainer.average)
    trained = (weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    return {"epochs": epochs, "parameters": sum(trained)}


def prepare(job: TrainingJob) -> Trainer:
    """Graphs, constants measured on the training set, and a fresh model with its optimizer.

    With job.initial its constants and weights are those of that model.
    """
    initial = blueprint_from(job, job.initial) if job.initial else None
    hyperparameters = job.hyperparameters
    known = initial.numbers if initial else sorted(job.reference_energies)
    for frames in (job.train, job.validation):
        require_known(NAME, frames.species(), known)
        require_labels(frames)
    blueprint = initial or measure(job, known)
    offsets = {number: blueprint.offsets[number] for number in known}
    sets = [without_reference(frames, offsets) for frames in (job.train, job.validation)]
    learn, check = (list(graphs(frames, blueprint.cutoff)) for frames in sets)
    if not any(item.edges.size for item in learn):
        raise InputFailure(f"no two atoms are within cutoff = {blueprint.cutoff} Å of each other")
    model = blueprint.build(job.dtype).to(job.device).train()
    if job.initial:
        model.load_state_dict(load_model(job.initial, job.device, job.dtype)[1].state_dict())
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=hyperparameters["lr"], weight_decay=hyperparameters["weight_decay"]
    )
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(hyperparameters["ema_decay"]))
    average.eval().requires_grad_(False)
    tasks = [instantiate({**task, "element_references": None}) for task in blueprint.tasks()]
    for task in tasks:
        task.normalizer.to(job.device)
    return Trainer(
        job, blueprint, model, optimizer, average, tasks, schedule(hyperparameters, len(learn)), learn, check
    )


def blueprint_from(job: TrainingJob, folder: Path) -> Blueprint:
    """Construction of the model in `folder`, with reference energies that fit the training set's energies.

    Raises InputFailure for a model of another maker, whose construction only fairchem-core knows.
    """
    if (folder / WHOLE).exists():
        raise InputFailure(
            f"a training cannot start from this {NAME} checkpoint, whose construction differs from the "
            "models that are trained here; it can be used as it is (`checkpoint:`)"
        )
    evaluator = EsenEvaluator(folder, job.device, job.dtype)
    blueprint = evaluator.blueprint
    for frames in (job.train, job.validation):
        require_known(NAME, frames.species(), blueprint.numbers)
        require_labels(frames)
    predicted, _ = evaluator.evaluate(job.train, job.hyperparameters["batch_size"])
    references = dict(zip(blueprint.numbers, blueprint.reference_energies, strict=True))
    energies = list(moved_reference(job.train, predicted, references).values())
    return replace(blueprint, hyperparameters=job.hyperparameters, reference_energies=energies)


def schedule(hyperparameters: dict[str, Any], frames: int) -> CosineLRLambda:
    """Share of the learning rate by number of updates: a linear rise, then a half cosine."""
    updates = updates_per_epoch(hyperparameters, frames)
    total = training_epochs(hyperparameters, frames) * updates
    rise = max(int(hyperparameters["warmup_epochs"] * updates), 1)
    return CosineLRLambda(rise, FIRST, total, LAST)


def measure(job: TrainingJob, known: list[int]) -> Blueprint:
    """Scale = root mean square force, shift = mean energy per atom, both of the training set."""
    frames = without_reference(job.train, job.reference_energies)
    energies = [job.reference_energies[number] for number in known]
    scale = root_mean_square([frames.forces]) or 1.0
    return Blueprint(job.hyperparameters, known, energies, scale, mean_energy_per_atom(frames))


def mean_energy_per_atom(frames: Frames) -> float:
    """eV: mean over the frames."""
    return float(np.mean(frames.energies / frames.sizes))
