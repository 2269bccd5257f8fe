"""MD driven by eSEN: a restart in a fresh calculator gives the same bits, and energy is conserved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from driven_water import DrivenWater
from torch.optim.swa_utils import AveragedModel

import mlipbench_hpc.architectures.esen as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.esen import adapter
from mlipbench_hpc.architectures.esen.model import Blueprint, save_model

SMALL = {
    "cutoff": 4.0, "num_layers": 1, "sphere_channels": 4, "hidden_channels": 4, "edge_channels": 4,
    "num_distance_basis": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Random weights, whose energies are scaled down so that molecules stay whole."""
    folder = tmp_path_factory.mktemp("model")
    hyperparameters = merge(load_card(Path(package.__file__).parent / "card.toml"), None, SMALL)
    torch.manual_seed(0)
    blueprint = Blueprint(hyperparameters, [1, 8], [0.0, 0.0], 0.2, 0.0)
    save_model(folder, blueprint, AveragedModel(blueprint.build("float64")))
    return folder, hyperparameters


class TestMd(DrivenWater):
    adapter = adapter
