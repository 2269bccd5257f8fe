"""MD driven by DP-MP in cells shorter than twice its cutoff: engines agree, restarts give the same bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import same_bits
from water_engines import water_engine, water_parameters, water_system

import mlipbench_hpc.architectures.dp_mp as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.dp_mp import adapter
from mlipbench_hpc.architectures.dp_mp.model import Record, save_model
from mlipbench_hpc.architectures.dp_mp.weights import initial_weights
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.jax_md import JaxMdEngine
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity

SMALL = {"rcut": 4.0, "neuron": [4, 8], "axis_neuron": 2, "message_neuron": [8, 8], "fitting_neuron": [8, 8]}
CHAIN = {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}
LANGEVIN = {"kind": "langevin", "friction": 5.0}
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Random weights, whose energies are scaled down so that molecules stay whole."""
    folder = tmp_path_factory.mktemp("model")
    hyperparameters = merge(load_card(Path(package.__file__).parent / "card.toml"), None, SMALL)
    weights = initial_weights(hyperparameters, 2, np.random.default_rng(0))
    weights["fitting"][-1]["weight"] *= 0.02
    save_model(folder, Record(hyperparameters, [1, 8], [0.0, 0.0], 30.0, 0.2), weights)
    return folder, hyperparameters


def engine(model: tuple[Path, dict[str, Any]], dtype: str, thermostat: dict[str, Any], name: str) -> Engine:
    evaluator = adapter.load(*model, "cpu", dtype)
    if name == "jax-md":
        forces = adapter.jax_md(*model, [1, 8], evaluator)
        return JaxMdEngine(water_system(), forces, water_parameters(thermostat))
    return water_engine(evaluator.calculator(), thermostat, name == "lammps")


@BOTH
@pytest.mark.parametrize(
    ("thermostat", "name"),
    [(CHAIN, "ase"), (LANGEVIN, "ase"), (CHAIN, "lammps"), (CHAIN, "jax-md"), (LANGEVIN, "jax-md")],
)
def test_a_restart_gives_the_same_bits(
    model: tuple[Path, dict[str, Any]], dtype: str, thermostat: dict[str, Any], name: str
) -> None:
    """Long enough for a new list of neighbours in JAX-MD."""
    through, fresh = (engine(model, dtype, thermostat, name) for _ in range(2))
    start = through.conserved()
    same_bits(through, fresh, (1, 5), 60 if name == "jax-md" else 6)
    assert abs(through.conserved() - start) / 24 < 2e-4


@BOTH
def test_engines_see_what_the_evaluator_computes(model: tuple[Path, dict[str, Any]], dtype: str) -> None:
    engines = [engine(model, dtype, CHAIN, name) for name in ("ase", "lammps", "jax-md")]
    gate = Parity(adapter.load(*model, "cpu", dtype), engines[0].system, "any", TOLERANCES[dtype])
    for driven in engines:
        gate.check(driven)
        driven.advance(10)
    ase, lammps, jax_md = (driven.sample().positions for driven in engines)
    np.testing.assert_allclose(lammps, ase, rtol=0, atol=1e-4)
    np.testing.assert_allclose(jax_md, ase, rtol=0, atol=1e-6 if dtype == "float32" else 1e-10)


def test_pairs_are_those_of_a_list_made_for_every_step(model: tuple[Path, dict[str, Any]]) -> None:
    """Energies along the way are the evaluator's of the same positions, which has no skin."""
    driven, evaluator = engine(model, "float64", CHAIN, "jax-md"), adapter.load(*model, "cpu", "float64")
    for _ in range(8):
        driven.advance(7)
        sample, atoms = driven.sample(), driven.system.start.copy()
        atoms.positions = sample.positions
        energies, forces = evaluator.evaluate(Frames.from_atoms([atoms]), 1)
        assert sample.potential == pytest.approx(energies[0], abs=1e-10)
        np.testing.assert_allclose(driven.answer().forces, forces, rtol=0, atol=1e-10)


def test_an_element_that_the_model_does_not_know_is_refused(model: tuple[Path, dict[str, Any]]) -> None:
    evaluator = adapter.load(*model, "cpu", "float64")
    with pytest.raises(InputFailure, match="H, O: it does not know Au"):
        adapter.jax_md(*model, [1, 8, 79], evaluator)
