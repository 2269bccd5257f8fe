"""MD driven by GRACE in cells shorter than twice its cutoff: engines agree, restarts give the same bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import same_bits
from water_engines import water_engine

import mlipbench_hpc.architectures.grace_1l as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.grace_1l import adapter
from mlipbench_hpc.architectures.grace_1l.model import Record, initial_weights, save_model
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity

SMALL = {
    "rcut": 3.5, "lmax": 1, "n_rad_base": 4, "n_rad_max": 4, "prod_func_n_max": 4, "embedding_size": 4,
    "n_mlp_dens": 2,
}  # fmt: skip
CHAIN = {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}
LANGEVIN = {"kind": "langevin", "friction": 5.0}
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Random weights, whose energies are scaled down so that molecules stay whole."""
    folder = tmp_path_factory.mktemp("model")
    hyperparameters = merge(load_card(Path(package.__file__).parent / "card.toml"), None, SMALL)
    record = Record(hyperparameters, [1, 8], [-13.6, -432.0], 15.0, 0.02)
    save_model(folder, record, initial_weights(record.blueprint("float64"), 0))
    return folder, hyperparameters


def engine(
    model: tuple[Path, dict[str, Any]], dtype: str, thermostat: dict[str, Any], lammps: bool = False
) -> AseEngine | LammpsEngine:
    return water_engine(adapter.load(*model, "cpu", dtype).calculator(), thermostat, lammps)


@BOTH
@pytest.mark.parametrize(
    ("thermostat", "lammps"),
    [(CHAIN, False), (LANGEVIN, False), (CHAIN, True)],
    ids=["ase chain", "ase langevin", "lammps chain"],
)
def test_a_restart_gives_the_same_bits(
    model: tuple[Path, dict[str, Any]], dtype: str, thermostat: dict[str, Any], lammps: bool
) -> None:
    through, fresh = (engine(model, dtype, thermostat, lammps) for _ in range(2))
    start = through.conserved()
    same_bits(through, fresh, (1, 5), 6)
    assert abs(through.conserved() - start) / 24 < 2e-4


@BOTH
def test_engines_see_what_the_evaluator_computes(model: tuple[Path, dict[str, Any]], dtype: str) -> None:
    engines = [engine(model, dtype, CHAIN, lammps) for lammps in (False, True)]
    gate = Parity(adapter.load(*model, "cpu", dtype), engines[0].system, "any", TOLERANCES[dtype])
    for driven in engines:
        gate.check(driven)
        driven.advance(10)
    paths = [driven.sample().positions for driven in engines]
    np.testing.assert_allclose(paths[0], paths[1], rtol=0, atol=1e-4)
