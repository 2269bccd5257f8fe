"""MD driven by GRACE in cells shorter than twice its cutoff: engines agree, restarts give the same bits."""

from pathlib import Path
from typing import Any

import pytest
from driven_water import DrivenWater

import mlipbench_hpc.architectures.grace_1l as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.grace_1l import adapter
from mlipbench_hpc.architectures.grace_1l.model import Record, initial_weights, save_model

SMALL = {
    "rcut": 3.5, "lmax": 1, "n_rad_base": 4, "n_rad_max": 4, "prod_func_n_max": 4, "embedding_size": 4,
    "n_mlp_dens": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Random weights, whose energies are scaled down so that molecules stay whole."""
    folder = tmp_path_factory.mktemp("model")
    hyperparameters = merge(load_card(Path(package.__file__).parent / "card.toml"), None, SMALL)
    record = Record(hyperparameters, [1, 8], [-13.6, -432.0], 15.0, 0.02)
    save_model(folder, record, initial_weights(record.blueprint("float64"), 0))
    return folder, hyperparameters


class TestMd(DrivenWater):
    adapter = adapter
