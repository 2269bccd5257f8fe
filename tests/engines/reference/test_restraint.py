"""Restrained heights and heavy hydrogen in LAMMPS: by hand, against the engine ase, and on the electrode."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.units import kB
from driving import MD, kill, md, run, same_bits, stop, undisturbed
from restrained import Nothing, gold, restrained

from mlipbench_hpc.architectures.interface import LammpsStyle
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.electrode.adapter import labeller
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.builders.slab import interface
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.integrators import PS
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Asked, Native
from tests.engines.reference.test_reference_md import relaxed

pytestmark = pytest.mark.engine
INERT: dict[str, Any] = MD | {"temperature": 300.0, "timestep": 0.002}
INERT |= {"thermostat": {"kind": "nose-hoover-chain", "damping": 1e6, "length": 1}}
EMPTY = LammpsStyle(("pair_style zero 5.0", "pair_coeff * *"))
KINDS = ("native", "asked", "ase")
BOTTOM, SODIUM_U = list(range(16)), 22.98976928


def swinging(kind: str, fixed: list[int], shift: float = 0.0) -> AseEngine | LammpsEngine:
    """An ion at rest 0.3 Å above its target, on a spring of 1 eV/Å² and nothing else; gold at rest."""
    system, _ = restrained(gold(1, 4.3, shift), fixed)
    if kind == "ase":
        result: AseEngine | LammpsEngine = AseEngine(system, Nothing(), INERT)
    else:
        forces = Native(system, EMPTY) if kind == "native" else Asked(system, Nothing())
        result = LammpsEngine(system, forces, INERT)
    result.redraw(np.zeros((len(system.mobile), 3)))
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [0.0, -4.0])
def test_it_swings_as_a_spring_does(kind: str, shift: float) -> None:
    """h = t + 0.3 Å cos ωt, ω² = k/m, above fixed gold, also across the cell's end; setups change nothing."""
    engine, heights, energies = swinging(kind, list(range(48)), shift), [], []
    assert engine.system.restraint is not None
    for step in range(200):
        engine.advance(1)
        sample = engine.sample()
        heights.append(float(engine.system.restraint.heights(sample.positions)[0]))
        energies.append(sample.conserved)
        if step % 13 == 0:
            engine.forget()
    times = 0.002 * PS * np.arange(1, 201)
    expected = 4.0 + 0.3 * np.cos(np.sqrt(1.0 / SODIUM_U) * times)
    np.testing.assert_allclose(heights, expected, atol=3e-4)
    assert np.ptp(energies) < 1e-4
    assert energies[0] == pytest.approx(0.045, abs=1e-4)
    assert engine.sample().potential == 0.0


def test_free_gold_takes_the_reaction_alike_in_every_engine() -> None:
    """Total momentum stays zero, and the swing is that of the reduced mass of ion and layer, 16 atoms."""
    ends = []
    for kind in KINDS:
        engine = swinging(kind, [])
        engine.advance(100)
        sample = engine.sample()
        assert np.abs(sample.momenta.sum(axis=0)).max() < 1e-5
        assert np.abs(engine.answer().forces).max() < 1e-12
        ends.append(sample.positions)
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, atol=2e-6)
    reduced = 1 / (1 / SODIUM_U + 1 / (16 * 196.966570))
    height = ends[0][48, 2] - ends[0][32:48, 2].mean()
    assert height == pytest.approx(4.0 + 0.3 * np.cos(np.sqrt(1 / reduced) * 0.2 * PS), abs=1e-3)
    assert not (ends[0][:32] - gold(1, 4.3).positions[:32]).any()


@pytest.mark.parametrize("kind", ["native", "asked"])
def test_a_restored_state_continues_to_the_same_bits(kind: str) -> None:
    hot = INERT | {"thermostat": {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}}
    engines = []
    for seed in (3, 4):
        system, _ = restrained(gold(2, 4.3), BOTTOM)
        forces = Native(system, EMPTY) if kind == "native" else Asked(system, Nothing())
        engines.append(LammpsEngine(system, forces, hot | {"seed": seed}))
    same_bits(engines[0], engines[1], (1, 20, 9), 20)


# Through the contract of tasks, on the electrode.

HEIGHTS = [{"atoms": [104], "target": 3.0, "spring": 2.0}, {"atoms": [105], "target": 5.0, "spring": 2.0}]
TASK: dict[str, Any] = MD | {
    "temperature": 300.0,
    "timestep": 0.001,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3},
    "potential": "electrode",
    "electrostatics": "slab-corrected",
    "steps": 60,
    "frame_every": 2,
    "checkpoint_every": 10,
    "fixed_atoms": [],
    "fixed_layers": {"count": 1, "metal": "Au"},
    "restraints": {"metal": "Au", "heights": HEIGHTS},
    "hydrogen_mass": 4.0,
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def test_kills_cost_no_bit_and_energies_stand_apart(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, wall = relaxed("electrode")
    atoms = frames.atoms(0)
    assert atoms[[104, 105]].get_chemical_symbols() == ["Na", "Na"]
    task = md(store, atoms, None, wall, **TASK)
    stop(store.begin(task), 4, monkeypatch)
    kill(store.begin(task), 14)
    result = run(store, task)
    assert result == undisturbed(tmp_path, atoms, None, wall, **TASK)
    values = result[1]
    assert [own["element"] for own in values["restraints"]] == ["Na", "Na"]
    assert [own["target_A"] for own in values["restraints"]] == [3.0, 5.0]
    path = store.task(task.key) / "thermo.csv"
    names = path.read_text().splitlines()[0].split(",")
    rows = dict(zip(names, np.loadtxt(path, delimiter=",", skiprows=1).T, strict=True))
    assert names[-1] == "restraint_eV"
    layer = atoms.positions[16:32, 2].mean()
    apart = atoms.positions[[104, 105], 2] - layer - [3.0, 5.0]
    assert rows["restraint_eV"][0] == pytest.approx((apart**2).sum(), abs=1e-6)
    labels = labeller({"electrostatics": "slab-corrected"}).evaluate(Frames.from_atoms([atoms]), 1)
    assert rows["potential_eV"][0] == pytest.approx(labels[0][0], abs=5e-5)
    assert np.ptp(rows["restraint_eV"]) > 4 * np.ptp(rows["conserved_eV"])
    for name in ("Au", "H", "Na", "O"):
        assert rows[f"temperature_{name}_K"][0] == pytest.approx(300.0)


def test_heavy_hydrogen_keeps_the_temperature_of_every_species() -> None:
    """Momenta and thermostat count the masses in use: 3 ps at 1.5 fs, 300 K within 8 % for H and for O.

    With masses of light hydrogen in the thermometer H would be at a quarter of it.
    """
    from mlipbench_hpc.worker.engines.masses import with_heavy_hydrogen
    from mlipbench_hpc.worker.engines.system import System, Thermometer

    frames, _ = relaxed("electrode")
    system = System.prepare(with_heavy_hydrogen(frames.atoms(0), 4.0), BOTTOM)
    style = labeller({"electrostatics": "slab-corrected"}).lammps(system.start)
    engine = LammpsEngine(system, Native(system, style), TASK | {"timestep": 0.0015})
    thermometer, rows, conserved = Thermometer.of(system), [], []
    for _ in range(250):
        engine.advance(8)
        rows.append(thermometer.by_species(engine.momenta()))
        conserved.append(engine.conserved())
    temperatures = dict(zip(thermometer.species, np.mean(rows[50:], axis=0), strict=True))
    assert temperatures["H"] == pytest.approx(300.0, rel=0.08)
    assert temperatures["O"] == pytest.approx(300.0, rel=0.08)
    assert np.ptp(conserved) / len(system.start) < 1e-3
    masses = system.start.get_masses()
    assert {round(float(mass), 3) for mass in masses[system.start.numbers == 1]} == {4.0}
    speeds = (engine.momenta() / masses[system.mobile, None])[system.start.numbers[system.mobile] == 1]
    assert np.mean(speeds**2) * 4.0 == pytest.approx(kB * 300.0, rel=0.4)


def test_a_task_refuses_what_the_start_does_not_hold(store: Store) -> None:
    frames, wall = relaxed("electrode")
    wrong = TASK | {"restraints": {"metal": "Au", "heights": [HEIGHTS[0] | {"atoms": [106]}]}}
    folder = store.begin(md(store, frames.atoms(0), None, wall, **wrong))
    assert attempt(folder, None, commit=True) == 65
    assert "no atoms [106]" in json.loads((folder / "failure.json").read_text())["message"]


def test_builders_put_ions_last() -> None:
    """Campaigns name ions by their index."""
    frames, _ = interface((4, 4, 2), 24, 2, 4.08, 0.997, 12.0, 1)
    assert frames.numbers[-2:].tolist() == [11, 11]
