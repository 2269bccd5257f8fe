"""MD that a reference potential runs itself, and the reflecting wall in LAMMPS."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from driving import MD, kill, md, run, same_bits, stop, undisturbed

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.potentials.electrode import adapter as electrode
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.potentials.spc_fw import adapter as spc_fw
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.builders.slab import interface
from mlipbench_hpc.worker.builders.water import water_box
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Asked, Native
from mlipbench_hpc.worker.engines.system import System, Thermometer
from mlipbench_hpc.worker.engines.trajectory import read_segments
from tests.plugins.argon.adapter import lammps as argon
from tests.plugins.springs.adapter import Springs

pytestmark = pytest.mark.engine
LIQUID: dict[str, Any] = MD | {
    "temperature": 300.0,
    "timestep": 0.0005,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3},
}
KINDS = {"electrode": electrode.Electrode, "spc-fw": spc_fw.SpcFw}
KINDS |= {"three-periodic": electrode.ThreePeriodicElectrode}
LABELLERS = {"electrode": electrode.labeller, "three-periodic": electrode.labeller, "spc-fw": spc_fw.labeller}
OPTIONS = {"electrode": {"electrostatics": "slab-corrected"}, "spc-fw": {}}
OPTIONS |= {"three-periodic": {"electrostatics": "three-periodic"}}
BOTTOM = list(range(16))


@cache
def relaxed(potential: str) -> tuple[Frames, float | None]:
    """Two layers of 4x4 gold under 24 waters and two Na, or 16 waters; free of close contacts; its wall."""
    if potential != "spc-fw":
        frames, values = interface((4, 4, 2), 24, 2, 4.08, 0.997, 12.0, 1)
    else:
        frames, values = water_box(16, 0.997, 1), {}
    engine = KINDS[potential](Box.of(frames, 0), 1e-4)
    engine.minimise(frames.positions, np.zeros(0, dtype=np.int64))
    atoms = frames.atoms(0)
    atoms.positions = engine.positions()
    return Frames.from_atoms([atoms]), values.get("wall_A")


def engine(potential: str, fixed: list[int] | None = None, walled: bool = False, **changes: Any):
    frames, height = relaxed(potential)
    return engine_of(potential, frames, height, fixed, walled, **changes)


def engine_of(
    potential: str,
    frames: Frames,
    height: float | None,
    fixed: list[int] | None = None,
    walled: bool = False,
    **changes: Any,
):
    system = System.prepare(frames.atoms(0), fixed or [])
    style = LABELLERS[potential](OPTIONS[potential]).lammps(system.start)
    wall = None
    if walled and height is not None:
        wall = Wall.above(height, frames.positions[:, 2], float(frames.cells[0, 2, 2]))
    return LammpsEngine(system, Native(system, style), LIQUID | changes, wall)


@pytest.mark.parametrize("potential", list(OPTIONS))
def test_md_follows_the_labels(potential: str):
    """At the start and after forty steps, which went through other charges and other units."""
    running = engine(potential)
    for _ in range(2):
        sample, answer = running.sample(), running.answer()
        atoms = running.system.start.copy()
        atoms.positions = sample.positions
        energies, forces = LABELLERS[potential](OPTIONS[potential]).evaluate(Frames.from_atoms([atoms]), 1)
        assert answer.energy == pytest.approx(energies[0], abs=5e-5)
        assert np.abs(answer.forces - forces).max() < 5e-4
        assert np.abs(forces).max() > 0.05
        running.advance(40)


def test_md_is_canonical_and_conserves():
    """300 K within 6 %, and an energy within 0.25 meV/atom over 3 ps; half of the gold moves.

    The conserved energy does not jump where the search for charges starts anew.
    """
    running = engine("electrode", BOTTOM, walled=True)
    thermometer, rows, jumps = Thermometer.of(running.system), [], []
    for step in range(1, 301):
        running.advance(20)
        rows.append((thermometer.temperature(running.momenta()), running.conserved()))
        if step % 25 == 0:
            running.forget()
            jumps.append(running.conserved() - rows[-1][1])
    temperature, conserved = np.array(rows).T
    assert temperature[60:].mean() == pytest.approx(300.0, rel=0.06)
    assert np.ptp(conserved) / len(running.system.start) < 2.5e-4
    assert np.abs(jumps).max() < 2e-5
    positions = running.sample().positions
    np.testing.assert_array_equal(positions[BOTTOM], relaxed("electrode")[0].positions[BOTTOM])
    assert (np.abs(positions - relaxed("electrode")[0].positions)[16:32].max(axis=1) > 1e-3).all()


def test_md_of_a_film_across_the_cell_s_end_is_the_same_elsewhere_and_keeps_its_charge():
    """A shift by whole Å, wrapped: the box begins below the slab wherever that is; the wall moves along."""
    frames, height = relaxed("electrode")
    assert height is not None
    edge = float(frames.cells[0, 2, 2])
    ends = []
    for shift in (0.0, 15.0):
        atoms = frames.atoms(0)
        atoms.positions[:, 2] = (atoms.positions[:, 2] + shift) % edge
        moved = Frames.from_atoms([atoms])
        running = engine_of("electrode", moved, (height + shift) % edge, BOTTOM, walled=True)
        running.advance(40)
        ends.append(running.sample().positions - moved.positions)
        assert abs(running.state()["charges"].sum()) < 1e-6
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-6)


def test_a_restored_state_continues_to_the_same_bits():
    through, fresh = engine("electrode", BOTTOM, walled=True), engine("electrode", BOTTOM, True, seed=4)
    same_bits(through, fresh, (1, 20, 9), 20)


# Through the contract of tasks.

TASK: dict[str, Any] = LIQUID | {
    "potential": "electrode",
    "electrostatics": "slab-corrected",
    "steps": 60,
    "frame_every": 2,
    "checkpoint_every": 10,
    "fixed_atoms": [],
    "fixed_layers": {"count": 1, "metal": "Au"},
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def test_kills_cost_no_bit(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frames, wall = relaxed("electrode")
    task = md(store, frames.atoms(0), None, wall, **TASK)
    stop(store.begin(task), 4, monkeypatch)
    kill(store.begin(task), 14)
    stop(store.begin(task), 6, monkeypatch)
    rest = [segment.end_step for path in store.attempts(task.key) for segment in read_segments(path)]
    assert 10 <= max(rest) < 60
    result = run(store, task)
    assert result == undisturbed(tmp_path, frames.atoms(0), None, wall, **TASK)
    values = result[1]
    assert (values["outcome"], values["frames"], values["segments"]) == ("completed", 31, 6)
    assert (values["wall_A"], values["atoms"], values["mobile_atoms"]) == (wall, 106, 90)
    trajectory = open_trajectory(store.task(task.key) / "trajectory.nc")
    assert np.array_equal(trajectory.positions[:, :16], np.tile(trajectory.positions[0, :16], (31, 1, 1)))


@pytest.mark.parametrize(
    ("symbols", "message"),
    [("AuCl", "electrode knows only O, H, Au, Na; received Cl"), ("AuOH", "two H for each O")],
)
def test_a_start_that_cannot_be_labelled_is_the_user_s(store: Store, symbols: str, message: str):
    atoms = Atoms(symbols, cell=[20.0] * 3, pbc=True)
    atoms.positions[:] = 3.0 * np.arange(len(atoms))[:, None]
    folder = store.begin(md(store, atoms, None, **TASK | {"fixed_layers": None}))
    assert attempt(folder, None, commit=True) == 65
    assert message in json.loads((folder / "failure.json").read_text())["message"]


# The wall in LAMMPS, by hand.


class Fall(Springs):
    """Every atom is pulled down by `tie` eV/Å."""

    def answer(self, positions: Floats) -> tuple[float, Floats]:
        return float(self.tie * positions[:, 2].sum()), np.tile([0.0, 0.0, -self.tie], (len(positions), 1))


def thrown(kind: str, weight: float) -> AseEngine | LammpsEngine:
    """Two argon atoms under a wall at z = 9 Å; one at 8.05 Å flies upwards at 100 Å/ps, one lies fixed."""
    atoms = Atoms("Ar2", [[1.0, 1.0, 8.05], [3.0, 3.0, 2.0]], cell=[5.5, 5.5, 20.0], pbc=True)
    system = System.prepare(atoms, [1])
    wall = Wall.above(9.0, atoms.positions[:, 2], 20.0)
    inert = MD | {"timestep": 0.001, "thermostat": {"kind": "nose-hoover-chain", "damping": 1e6, "length": 1}}
    if kind == "ase":
        result: AseEngine | LammpsEngine = AseEngine(system, Fall(None, tie=weight), inert, wall)
        result.restore(result.state() | {"momenta": np.array([[20.0, 0.0, 100.0]]) / 98.22694788 * 39.948})
        return result
    gravity = f"fix weight all addforce 0 0 {-weight!r}"
    style = argon(Path(), {"strength": 1e-12}, [18])
    native = Native(system, type(style)((*style.commands, gravity)))
    forces = native if kind == "native" else Asked(system, Fall(None, tie=weight))
    result = LammpsEngine(system, forces, inert, wall)
    flying = np.array([[20.0, 0.0, 100.0], [0.0, 0.0, 0.0]])[: len(forces.atoms)]
    result.restore(result.state() | {"velocities": flying})
    return result


@pytest.mark.parametrize("kind", ["native", "asked", "ase"])
def test_a_free_atom_turns_at_the_wall(kind: str):
    """0.1 Å a step: at 9.05 Å after ten steps, it is turned there and back at 8.05 Å after twenty.

    Setups in between, as after a checkpoint, turn nothing.
    """
    flying = thrown(kind, 0.0)
    heights, energies = [], []
    for step in range(20):
        flying.advance(1)
        sample = flying.sample()
        heights.append(sample.positions[0, 2])
        energies.append(sample.conserved)
        if step % 3 == 0:
            flying.forget()
    np.testing.assert_allclose(heights[:10], 8.15 + 0.1 * np.arange(10), atol=1e-5)
    np.testing.assert_allclose(heights[10:], 8.95 - 0.1 * np.arange(10), atol=1e-5)
    assert np.ptp(energies) < 1e-9 * energies[0]


def test_every_engine_turns_a_heavy_atom_at_the_same_velocity():
    """Under a constant force velocity Verlet keeps m v²/2 + F z at every step, and the wall does too."""
    ends = []
    for kind in ("native", "asked", "ase"):
        flying, rest = thrown(kind, 2.0), []
        for step in range(40):
            flying.advance(1)
            sample = flying.sample()
            rest.append(np.sum(sample.momenta**2) / 2 / 39.948 + 2.0 * sample.positions[0, 2])
            if step % 7 == 0:
                flying.forget()
        assert sample.momenta[0, 2] < 0
        assert np.ptp(rest) < 1e-7 * rest[0]
        assert not (sample.positions[1] - [3.0, 3.0, 2.0]).any()
        ends.append((sample.positions[0], sample.momenta[0]))
    np.testing.assert_allclose([end for end, _ in ends], [ends[0][0]] * 3, atol=1e-5)
    np.testing.assert_allclose([end for _, end in ends], [ends[0][1]] * 3, rtol=1e-5, atol=1e-12)
