"""Inference checkpoints of fairchem-core, which users bring: of models like ours, and others as they are."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from mlipbench_hpc.architectures.esen.evaluator import EsenEvaluator
from mlipbench_hpc.architectures.esen.fairchem_core import (
    InferenceSettings,
    MLIPInferenceCheckpoint,
    instantiate,
    load_predict_unit,
    repeatable,
)
from mlipbench_hpc.architectures.esen.graphs import Graph, batch
from mlipbench_hpc.architectures.esen.model import NAME, SCHEMA, SIZES, Blueprint, save_model
from mlipbench_hpc.architectures.interface import Adopted
from mlipbench_hpc.architectures.shared.record import read_record, write_record
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats

# The user's own file, where fairchem-core builds the model that it describes.
WHOLE = "checkpoint.pt"
# What torch keeps beside averaged weights.
COUNT = "n_averaged"


def adopt(file: Path, folder: Path, dtype: str) -> Adopted:
    """Leave a model like ours as `train` does, and another one as it is, with a record.

    The file is unpickled. Raises InputFailure for what is no such checkpoint, serves several datasets, or
    predicts forces that are not the gradient of its energy.
    """
    checkpoint = torch.load(file, map_location="cpu", weights_only=False)
    if not isinstance(checkpoint, MLIPInferenceCheckpoint):
        raise InputFailure(
            f"the file holds a {type(checkpoint).__name__}, expected an inference checkpoint of "
            "fairchem-core, such as esen-sm-conserving-all-oc25.pt"
        )
    own = like_ours(checkpoint)
    if own is not None:
        save_model(folder, *own)
        return Adopted(own[0].numbers, own[0].hyperparameters, size(own[1]))
    return adopt_whole(file, checkpoint, folder, dtype)


def like_ours(checkpoint: Any) -> tuple[Blueprint, AveragedModel] | None:
    """Construction and averaged weights, where the configuration is one of ours; else None."""
    backbone = checkpoint.model_config.get("backbone", {})
    if not set(SIZES) <= set(backbone):
        return None
    energy, forces = (task_of(checkpoint, name) for name in ("energy", "forces"))
    if energy is None or forces is None or not _same_scale(energy["normalizer"], forces["normalizer"]):
        return None
    losses = zip(("energy_coef", "force_coef"), (energy, forces), strict=True)
    hyperparameters = {name: backbone[name] for name in SIZES}
    hyperparameters |= {name: task["loss_fn"].get("coefficient", 1.0) for name, task in losses}
    scale, offsets = constants(energy)
    numbers = [number for number, offset in enumerate(offsets) if offset]
    if not numbers:
        return None
    blueprint = Blueprint(hyperparameters, numbers, [offsets[n] for n in numbers], scale, 0.0)
    if blueprint.configuration() != checkpoint.model_config:
        return None
    model = blueprint.build("float64")
    averaged = checkpoint.ema_state_dict.items()
    model.load_state_dict({key.removeprefix("module."): value for key, value in averaged if key != COUNT})
    return blueprint, AveragedModel(model)


def _same_scale(energy: Any, forces: Any) -> bool:
    """True where energy and forces are scaled alike and not shifted: forces are then our gradient."""
    return bool(
        energy.get("rmsd") == forces.get("rmsd") and not energy.get("mean") and not forces.get("mean")
    )


def task_of(checkpoint: Any, answer: str) -> Any:
    """Configuration of the task that answers `energy` or `forces`; None where there is not exactly one."""
    tasks = [task for task in checkpoint.tasks_config if task["property"] == answer]
    return tasks[0] if len(tasks) == 1 else None


def constants(task: Any) -> tuple[float, list[float]]:
    """Scale of the energy's task, and its reference energies, eV by atomic number; [] for none."""
    built = instantiate({**task, "loss_fn": None, "metrics": []})
    references = built.element_references
    energies = references.element_references.double().tolist() if references is not None else []
    stated = task["normalizer"].get("rmsd")
    return stated if isinstance(stated, float) else float(built.normalizer.rmsd), energies


def size(model: torch.nn.Module) -> int:
    """Number of parameters."""
    return sum(weights.numel() for weights in model.parameters())


def adopt_whole(file: Path, checkpoint: Any, folder: Path, dtype: str) -> Adopted:
    """Copy the file beside a record of its dataset, elements and sizes."""
    task = task_of(checkpoint, "energy")
    datasets = sorted({name for task in checkpoint.tasks_config for name in task["datasets"]})
    if task is None or len(datasets) != 1:
        raise InputFailure(
            f"the checkpoint serves {', '.join(datasets) or 'no dataset'}: expected one that serves one "
            "dataset"
        )
    shutil.copyfile(file, folder / WHOLE)
    model = predictor(folder, "cpu", dtype).model
    backbone = model.module.backbone
    if backbone.regress_config.direct_forces:
        raise InputFailure(
            "the model predicts forces that are not the gradient of its energy: MD with them conserves none; "
            "take the conserving model"
        )
    every = range(1, backbone.max_num_elements)
    offsets = constants(task)[1]
    numbers = [n for n in every if n < len(offsets) and offsets[n]] or list(every)
    hyperparameters = {name: getattr(backbone, name) for name in SIZES}
    record = {"dataset": datasets[0], "numbers": numbers, "hyperparameters": hyperparameters}
    write_record(folder, SCHEMA, record)
    return Adopted(numbers, hyperparameters, size(model))


def predictor(folder: Path, device: str, dtype: str) -> Any:
    """fairchem-core's own, with edges that come with the data."""
    settings = InferenceSettings(
        tf32=False, compile=False, activation_checkpointing=False, external_graph_gen=True,
        base_precision_dtype=dtype, auto_add_default_untrained_tasks=False,
    )  # fmt: skip
    return load_predict_unit(str(folder / WHOLE), inference_settings=settings, device=device)


class WholeEvaluator(EsenEvaluator):
    """A checkpoint of another maker, evaluated by fairchem-core's predictor in one dtype.

    Neighbours are found as for ours; reference energies are added in float64.
    """

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        record = read_record(NAME, folder, SCHEMA)
        self.predictor, self.dataset = predictor(folder, device, dtype), record["dataset"]
        tasks = self.predictor.tasks.values()
        references = next(task.element_references for task in tasks if task.property == "energy")
        numbers, energies = record["numbers"], [0.0] * len(record["numbers"])
        if references is not None:
            energies = references.element_references.double().cpu()[numbers].tolist()
        self.blueprint = Blueprint(record["hyperparameters"], numbers, energies, 1.0, 0.0)
        self.device, self.dtype, self._offsets = device, dtype, np.array(self.blueprint.offsets)

    def compute(self, items: Sequence[Graph]) -> tuple[Floats, Floats]:
        """Energies (B,) eV without offsets, and forces (A, 3) eV/Å, of one batch of graphs."""
        data = batch(items, self.dtype, self.device, self.dataset)
        with repeatable(self.device):
            answers = self.predictor.predict(data, undo_element_references=False)
        energies, forces = (
            answers[name].detach().cpu().numpy().astype(np.float64) for name in ("energy", "forces")
        )
        return energies.ravel(), forces

    def energies(self, items: Sequence[Graph]) -> Floats:
        """Energies (B,) eV without offsets of one batch of graphs."""
        return self.compute(items)[0]


def loaded(folder: Path, device: str, dtype: str) -> EsenEvaluator:
    """Evaluator of what `train` or `adopt` left."""
    if (folder / WHOLE).exists():
        return WholeEvaluator(folder, device, dtype)
    return EsenEvaluator(folder, device, dtype)
