"""MD driven by MACE: a restart in a fresh calculator gives the same bits, and energy is conserved."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from water_engines import water_engine

import mlipbench_hpc.architectures.mace as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.mace import adapter
from mlipbench_hpc.architectures.mace.model import Blueprint, save_model
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.restart import pack

SMALL = {"r_max": 3.0, "num_channels": 4, "correlation": 2, "radial_MLP": [8], "num_radial_basis": 4}
THERMOSTATS = [
    {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3},
    {"kind": "langevin", "friction": 5.0},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Random weights, scaled down so that nothing is thrown out."""
    folder = tmp_path_factory.mktemp("model")
    chosen = merge(load_card(Path(package.__file__).parent / "card.toml"), None, SMALL)
    torch.manual_seed(0)
    blueprint = Blueprint(chosen, [1, 8], [0.0, 0.0], 10.0, 0.05, 0.0)
    save_model(folder, blueprint, blueprint.build())
    return folder, chosen


def engine(
    model: tuple[Path, dict[str, Any]], dtype: str, thermostat: dict[str, Any], lammps: bool = False
) -> AseEngine | LammpsEngine:
    return water_engine(adapter.load(*model, "cpu", dtype).calculator(), thermostat, lammps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("thermostat", "lammps"),
    [(THERMOSTATS[0], False), (THERMOSTATS[1], False), (THERMOSTATS[0], True)],
    ids=["ase chain", "ase langevin", "lammps chain"],
)
def test_a_restart_gives_the_same_bits(
    model: Any, dtype: str, thermostat: dict[str, Any], lammps: bool
) -> None:
    through = engine(model, dtype, thermostat, lammps)
    start = through.conserved()
    for _ in range(5):
        through.advance(1)
    fresh = engine(model, dtype, thermostat, lammps)
    fresh.restore(through.state())
    through.forget()
    for both in (through, fresh):
        for _ in range(5):
            both.advance(1)
    assert pack(fresh.state()) == pack(through.state())
    assert abs(through.conserved() - start) / 24 < 2e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_engines_see_what_the_evaluator_computes(model: Any, dtype: str) -> None:
    result = [engine(model, dtype, THERMOSTATS[0], lammps) for lammps in (False, True)]
    gate = Parity(adapter.load(*model, "cpu", dtype), result[0].system, "any", TOLERANCES[dtype])
    for one in result:
        gate.check(one)
    for one in result:
        one.advance(10)
    np.testing.assert_allclose(result[0].sample().positions, result[1].sample().positions, atol=1e-4)
