"""Training one committee member with mace-torch's own step, loss and metrics."""

import argparse
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_ema import ExponentialMovingAverage

from mlipbench_hpc.architectures.hyperparameters import training_epochs
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.architectures.mace.graphs import graphs, loader
from mlipbench_hpc.architectures.mace.mace_torch import (
    evaluate,
    modules,
    scripts_utils,
    train_one_epoch,
    use_repeatable_executor,
)
from mlipbench_hpc.architectures.mace.model import NAME, Blueprint, load_model, save_model
from mlipbench_hpc.architectures.shared.epochs import run_epochs
from mlipbench_hpc.architectures.shared.labels import require_known, require_labels
from mlipbench_hpc.architectures.shared.torch_dtype import width
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.energies import moved_reference, without_reference

OUTPUTS = {"forces": True, "virials": False, "stress": False}


class LossMean:
    """Replacement of mace-torch's metrics logger: keeps the mean loss of an epoch's steps."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def log(self, metrics: dict[str, Any]) -> None:
        """Record the loss; mace-torch calls this after every step."""
        self.losses.append(float(metrics["loss"]))

    def mean(self) -> float:
        """Mean loss of the steps so far."""
        return float(np.mean(self.losses))


@dataclass
class Trainer:
    """State of the training (model, optimizer, average) and its graphs. epochs: of the whole training."""

    job: TrainingJob
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    average: ExponentialMovingAverage
    train: list[Any]
    validation: Any
    epochs: int

    def epoch(self, number: int) -> dict[str, float]:
        """Train one pass over the training set, in an order fixed by (seed, epoch); returns curve's row."""
        chosen = self.job.hyperparameters
        rate = learning_rate(number, self.epochs, chosen)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss, log = self.loss(number), LossMean()
        order = np.random.default_rng([self.job.seed, number]).permutation(len(self.train))
        train_one_epoch(
            model=self.model,
            loss_fn=loss,
            data_loader=loader([self.train[i] for i in order], chosen["batch_size"]),
            optimizer=self.optimizer,
            epoch=number,
            output_args=OUTPUTS,
            max_grad_norm=chosen["clip_grad"],
            ema=self.average,
            logger=log,
            device=torch.device(self.job.device),
            distributed=False,
        )
        return {"epoch": number, "loss": log.mean(), **self.validate(loss), "learning_rate": rate}

    def loss(self, number: int) -> torch.nn.Module:
        """Loss of energies and forces, with other weights in the last part of the epochs."""
        chosen = self.job.hyperparameters
        energies, forces = chosen["energy_weight"], chosen["forces_weight"]
        if number > early_epochs(self.epochs, chosen):
            energies, forces = chosen["late_energy_weight"], chosen["late_forces_weight"] or forces
        loss: torch.nn.Module = modules.WeightedEnergyForcesLoss(energies, forces)
        return loss.to(self.job.device)

    def validate(self, loss: torch.nn.Module) -> dict[str, float]:
        """Errors of the averaged weights on the validation set."""
        device = torch.device(self.job.device)
        with self.average.average_parameters():
            _, errors = evaluate(self.model, loss, self.validation, OUTPUTS, device)
        return {
            "validation_energy_rmse_meV_per_atom": 1e3 * float(errors["rmse_e_per_atom"]),
            "validation_force_rmse_meV_per_A": 1e3 * float(errors["rmse_f"]),
        }

    def state(self, epoch: int) -> dict[str, bytes]:
        """State on which the next epoch depends (the order of the data follows from seed and epoch)."""
        stream = io.BytesIO()
        parts = {
            "epoch": epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "random": torch.get_rng_state(),
        }
        torch.save(parts, stream)
        return {"state.pt": stream.getvalue()}

    def restore(self, folder: Path) -> int:
        """Restore a checkpoint; returns its last finished epoch."""
        parts = torch.load(folder / "state.pt", map_location=self.job.device, weights_only=True)
        self.model.load_state_dict(parts["model"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.average.load_state_dict(parts["average"])
        torch.set_rng_state(parts["random"].cpu())
        return int(parts["epoch"])


def train(job: TrainingJob) -> dict[str, Any]:
    """Train, checkpoint after every epoch, and write the averaged weights (see interface.py)."""
    torch.set_num_threads(job.threads)
    use_repeatable_executor(job.device)
    torch.manual_seed(job.seed)
    with width(job.dtype):
        blueprint, trainer = prepare(job)
        epochs = run_epochs(job, trainer)
        trainer.average.copy_to()
    save_model(job.folder, blueprint, trainer.model)
    return {"epochs": epochs, "parameters": sum(p.numel() for p in trainer.model.parameters())}


def prepare(job: TrainingJob) -> tuple[Blueprint, Trainer]:
    """Graphs, constants measured on the training set, and a fresh model with its optimizer.

    With job.initial its constants and weights are those of that model.
    """
    initial = blueprint_from(job, job.initial) if job.initial else None
    chosen, reference = job.hyperparameters, initial.references if initial else job.reference_energies
    known = sorted(reference)
    for frames in (job.train, job.validation):
        require_known(NAME, frames.species(), known)
        require_labels(frames)
    train, validation = (without_reference(frames, reference) for frames in (job.train, job.validation))
    learn = list(graphs(train, known, chosen["r_max"]))
    check = loader(list(graphs(validation, known, chosen["r_max"])), chosen["batch_size"])
    blueprint = initial or measure(job, known, learn)
    model = blueprint.build().to(job.device)
    if job.initial:
        model.load_state_dict(load_model(job.initial, job.device, job.dtype)[1].state_dict())
    average = ExponentialMovingAverage(model.parameters(), decay=chosen["ema_decay"])
    epochs = training_epochs(chosen, len(job.train))
    return blueprint, Trainer(job, model, optimizer(model, chosen), average, learn, check, epochs)


def blueprint_from(job: TrainingJob, folder: Path) -> Blueprint:
    """Construction of the model in `folder`, with reference energies that fit the training set's energies."""
    blueprint, _ = load_model(folder, "cpu", job.dtype)
    for frames in (job.train, job.validation):
        require_known(NAME, frames.species(), blueprint.numbers)
        require_labels(frames)
    evaluator = MaceEvaluator(folder, job.device, job.dtype)
    predicted, _ = evaluator.evaluate(job.train, job.hyperparameters["batch_size"])
    moved = moved_reference(job.train, predicted, blueprint.references)
    energies = [moved[number] for number in blueprint.numbers]
    return replace(blueprint, hyperparameters=job.hyperparameters, reference_energies=energies)


def measure(job: TrainingJob, known: list[int], learn: list[Any]) -> Blueprint:
    """Scale = root mean square force, shift = mean interaction energy per atom, both of the training set.

    learn: graphs whose energies lack the reference energies.
    """
    energies = [job.reference_energies[number] for number in known]
    if not any(graph.edge_index.numel() for graph in learn):
        raise InputFailure(f"no two atoms are within r_max = {job.hyperparameters['r_max']} Å of each other")
    neighbours, shift, scale = modules.compute_statistics(loader(learn, 1), np.zeros((1, len(known))))
    return Blueprint(job.hyperparameters, known, energies, neighbours, scale.item(), shift.item())


def optimizer(model: torch.nn.Module, chosen: dict[str, Any]) -> torch.optim.Optimizer:
    """AMSGrad Adam with mace-torch's own grouping of parameters with and without weight decay."""
    arguments = argparse.Namespace(
        lr=chosen["lr"], weight_decay=chosen["weight_decay"], amsgrad=True, beta=0.9, optimizer="adam",
        freeze=None, lr_params_factors=json.dumps({}),
    )  # fmt: skip
    groups = scripts_utils.get_params_options(arguments, model)
    result: torch.optim.Optimizer = scripts_utils.get_optimizer(arguments, groups)
    return result


def early_epochs(epochs: int, chosen: dict[str, Any]) -> float:
    """Number of epochs before the late_fraction of them, in which weights and learning rate switch."""
    return float(epochs * (1.0 - chosen["late_fraction"]))


def learning_rate(epoch: int, epochs: int, chosen: dict[str, Any]) -> float:
    """Linear rise over warmup_epochs to lr, a half cosine down to stop_lr_share of it, then late_lr.

    The cosine ends with the last epoch before the switch, or with the last of all where late_lr is 0.
    """
    warmup, peak, least = chosen["warmup_epochs"], chosen["lr"], chosen["stop_lr_share"]
    early = early_epochs(epochs, chosen) if chosen["late_lr"] else float(epochs)
    if epoch > early:
        return float(chosen["late_lr"])
    if epoch <= warmup:
        return float(peak * epoch / (warmup + 1))
    progress = (epoch - warmup - 1) / max(int(early) - warmup - 1, 1)
    return float(peak * (least + (1.0 - least) * 0.5 * (1.0 + np.cos(np.pi * progress))))
