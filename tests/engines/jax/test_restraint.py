"""Restrained heights in the engine jax-md: the steps of the engine ase, restarts, and the md verb."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import MD, md, run, same_bits, stop, undisturbed
from restrained import gold, restrained

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.jax_md import JaxMdEngine
from tests.plugins.springs.adapter import Springs
from tests.plugins.springs.jax_forces import springs_forces

CHAIN, LANGEVIN = MD["thermostat"], {"kind": "langevin", "friction": 15.0}
HOT = MD | {"temperature": 300.0, "timestep": 0.002}
BOTTOM = list(range(16))
SOFT = {"tie": 0.5, "coupling": 0.001, "quartic": 0.5}


def both(shift: float = 0.0, **changes: Any) -> tuple[AseEngine, JaxMdEngine]:
    """Ions and gold on springs of their own, the heights restrained besides."""
    atoms = gold(2, 4.3, shift)
    system, _ = restrained(atoms, BOTTOM)
    springs = Springs(atoms.positions.copy(), **SOFT)
    return (
        AseEngine(system, springs, HOT | changes),
        JaxMdEngine(system, springs_forces(springs), HOT | changes),
    )


@pytest.mark.parametrize("shift", [0.0, -4.0])
def test_its_steps_are_those_of_the_engine_ase(shift: float) -> None:
    ase, own = both(shift)
    for engine in (ase, own):
        start = engine.conserved()
        engine.advance(60)
        assert abs(engine.conserved() - start) / 50 < 1e-3
    expected, sample = ase.sample(), own.sample()
    np.testing.assert_allclose(sample.positions, expected.positions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(sample.momenta, expected.momenta, rtol=0, atol=1e-9)
    assert sample.potential == pytest.approx(expected.potential, abs=1e-9)
    assert sample.conserved == pytest.approx(expected.conserved, abs=1e-9)
    np.testing.assert_allclose(own.answer().forces, ase.answer().forces, rtol=0, atol=1e-9)
    restraint = own.system.restraint
    assert restraint is not None
    assert 0.09 - restraint.energy(sample.positions) > 0.05


@pytest.mark.parametrize("thermostat", [CHAIN, LANGEVIN], ids=["chain", "langevin"])
def test_a_restored_state_continues_to_the_same_bits(thermostat: dict[str, Any]) -> None:
    through, fresh = (both(thermostat=thermostat, seed=seed)[1] for seed in (3, 4))
    same_bits(through, fresh, (1, 20, 9), 40)


def test_a_stop_costs_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    store.create()
    heights = [{"atoms": "Na", "target": 4.0, "spring": 1.0}]
    changes = {"engine": "jax-md", "hyperparameters": SOFT, "fixed_atoms": BOTTOM, "temperature": 300.0}
    changes |= {"timestep": 0.002, "restraints": {"metal": "Au", "heights": heights}}
    task = md(store, gold(2, 4.3), "springs", **changes)
    for checks in (4, 9):
        stop(store.begin(task), checks, monkeypatch)
    result = run(store, task)
    assert result == undisturbed(tmp_path, gold(2, 4.3), "springs", **changes)
    assert result[1]["outcome"] == "completed"
    assert [own["atom"] for own in result[1]["restraints"]] == [48, 49]
