"""Whole models of mace-torch (torch.save of a ScaleShiftMACE), which users bring."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlipbench_hpc.architectures.interface import Adopted
from mlipbench_hpc.architectures.mace.graphs import graphs, loader
from mlipbench_hpc.architectures.mace.mace_torch import (
    modules,
    quiet,
    scripts_utils,
    use_repeatable_executor,
)
from mlipbench_hpc.architectures.mace.model import CLASSES, OPTIONS, Blueprint, hidden_irreps, save_model
from mlipbench_hpc.architectures.shared.torch_dtype import width
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Frames

# mace-torch's names of what this suite calls otherwise.
NAMES = {
    "r_max": "r_max", "num_interactions": "num_interactions", "max_ell": "max_ell",
    "correlation": "correlation", "num_bessel": "num_radial_basis",
    "num_polynomial_cutoff": "num_cutoff_basis", "radial_MLP": "radial_MLP",
}  # fmt: skip
# Largest difference of energy (eV) and forces (eV/Å), in float64, between the file's model and ours.
SAME = 1e-6
SPACING_A = 1.9
E0 = "atomic_energies_fn.atomic_energies"


def adopt(file: Path, folder: Path, dtype: str) -> Adopted:
    """Build the model anew from plain numbers with the file's weights, and leave it as `train` does.

    The file is unpickled here, and nowhere later. Raises InputFailure for what is no ScaleShiftMACE of one
    head, or has a construction that is not rebuilt: energy or forces of a cluster of its elements differ.
    """
    # Before anything runs: functions that ran in one executor fail in the other.
    use_repeatable_executor("cpu")
    whole = unpickled(file)
    blueprint = blueprint_of(whole)
    with width("float64"):
        model = blueprint.build()
        try:
            # Ours stay zero: reference energies are added in float64, so that a training learns what is left.
            own = {E0: model.state_dict()[E0]}
            model.load_state_dict(whole.state_dict() | own)
        except RuntimeError as error:
            raise InputFailure(f"{ELSEWISE}: {error}") from error
        require_equal(blueprint, whole.double(), model)
    save_model(folder, blueprint, model)
    amount = sum(weights.numel() for weights in model.parameters())
    return Adopted(blueprint.numbers, blueprint.hyperparameters, amount)


ELSEWISE = "the MACE model has a construction that is not rebuilt here"


def unpickled(file: Path) -> Any:
    """The file's model; InputFailure where it is another object."""
    with quiet():
        whole = torch.load(file, map_location="cpu", weights_only=False)
    if type(whole) is not modules.ScaleShiftMACE:
        raise InputFailure(
            f"the file holds a {type(whole).__name__}, expected a whole ScaleShiftMACE: mace-torch writes "
            "one with the ending .model, neither compiled nor a checkpoint of its training"
        )
    if len(getattr(whole, "heads", ["Default"])) > 1:
        raise InputFailure(
            f"the MACE model has the heads {', '.join(whole.heads)}: keep one, with mace-torch's command "
            "mace_select_head"
        )
    return whole


def blueprint_of(whole: Any) -> Blueprint:
    """Construction of mace-torch's model. Its reference energies are added in float64, not by the model."""
    found = scripts_utils.extract_config_mace_model(whole)
    irreps = found["hidden_irreps"]
    channels, highest = irreps.count("0e"), irreps.lmax
    if irreps != hidden_irreps(channels, highest):
        raise InputFailure(f"{ELSEWISE}: hidden_irreps {irreps}, expected so many copies of each degree")
    hyperparameters = {ours: _plain(found[theirs]) for theirs, ours in NAMES.items()}
    hyperparameters |= {"num_cutoff_basis": int(hyperparameters["num_cutoff_basis"])}
    # A float32 file has 5.2 as 5.199999809, which nobody means.
    hyperparameters["r_max"] = float(str(np.float32(hyperparameters["r_max"])))
    hyperparameters |= {"num_channels": channels, "max_L": highest}
    hyperparameters |= {"readout_width": found["MLP_irreps"].count("0e")}
    numbers = [int(number) for number in found["atomic_numbers"]]
    if numbers != sorted(numbers):
        raise InputFailure(f"{ELSEWISE}: its elements are not in order of atomic number")
    construction = {name: found[name].__name__ for name in CLASSES}
    construction |= {name: _plain(found[name]) for name in OPTIONS}
    construction["distance_transform"] = construction["distance_transform"] or "None"
    return Blueprint(
        hyperparameters=hyperparameters,
        numbers=numbers,
        reference_energies=[float(energy) for energy in np.ravel(found["atomic_energies"])],
        neighbours=float(found["avg_num_neighbors"]),
        scale=float(np.ravel(found["atomic_inter_scale"])[0]),
        shift=float(np.ravel(found["atomic_inter_shift"])[0]),
        construction=construction,
    )


def _plain(value: Any) -> Any:
    """A number of numpy or torch as Python's own."""
    return value.item() if hasattr(value, "item") else list(value) if isinstance(value, tuple) else value


def require_equal(blueprint: Blueprint, whole: torch.nn.Module, model: torch.nn.Module) -> None:
    """Raise InputFailure where both, in float64, do not agree on a dense cluster of all elements."""
    side = max(3, math.ceil((2 * len(blueprint.numbers)) ** (1 / 3)))
    numbers = np.resize(blueprint.numbers, side**3)
    shaken = np.random.default_rng(0).uniform(-0.2, 0.2, (side**3, 3))
    places = SPACING_A * np.indices((side,) * 3).reshape(3, -1).T + shaken
    cluster = Frames(
        np.array([0, len(numbers)]), numbers, places, np.diag([40.0] * 3)[None],
        np.zeros((1, 3), bool), np.zeros(1), np.zeros((len(numbers), 3)),
    )  # fmt: skip
    cutoff = blueprint.hyperparameters["r_max"]
    batch = next(iter(loader(list(graphs(cluster, blueprint.numbers, cutoff)), 1)))
    (first, forces), (second, others) = (
        (answer["interaction_energy"].detach(), answer["forces"].detach())
        for answer in (one.eval()(batch.to_dict(), training=False) for one in (whole, model))
    )
    worst = max(float((first - second).abs().max()), float((forces - others).abs().max()))
    if not worst <= SAME:
        raise InputFailure(f"{ELSEWISE}: energy or forces differ by {worst:.2g} eV or eV/Å")
