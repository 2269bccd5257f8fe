"""The engine lammps against the engine ase, statistical mechanics, and itself after a restart."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator
from driving import MD, kill, md, run, same_bits, stop, undisturbed

from mlipbench_hpc.architectures.interface import LammpsStyle
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Asked, Native
from mlipbench_hpc.worker.engines.restart import pack
from mlipbench_hpc.worker.engines.system import System, Thermometer
from mlipbench_hpc.worker.engines.trajectory import read_segments
from tests.plugins.argon.adapter import Argon, lammps
from tests.plugins.springs.adapter import Springs

pytestmark = pytest.mark.engine
CHAIN = MD["thermostat"]
HALF = list(range(0, 32, 2))


def argon(rattle: float = 0.05) -> Atoms:
    """32 atoms near the sites of a crystal."""
    atoms = bulk("Ar", "fcc", a=5.4, cubic=True) * (2, 2, 2)
    atoms.positions += np.random.default_rng(0).normal(scale=rattle, size=(32, 3)) if rattle else 0.0
    return atoms


def engines(atoms: Atoms, fixed: list[int] | None = None, **changes: Any) -> dict[str, Engine]:
    """The same simulation in ASE, in LAMMPS by its own pair style, and in LAMMPS asking a calculator."""
    system, parameters = System.prepare(atoms, fixed or []), MD | changes
    return {
        "ase": AseEngine(system, Argon(), parameters),
        "native": LammpsEngine(system, Native(system, lammps(Path(), {}, [18])), parameters),
        "asked": LammpsEngine(system, Asked(system, Argon()), parameters),
    }


def native(atoms: Atoms, style: LammpsStyle, fixed: list[int] | None = None, **changes: Any) -> LammpsEngine:
    system = System.prepare(atoms, fixed or [])
    return LammpsEngine(system, Native(system, style), MD | changes)


def test_engines_say_how_far_their_lists_of_neighbours_go() -> None:
    """LAMMPS's own default in metal units, unless the style says otherwise; the calculator keeps no list."""
    assert {name: engine.skin for name, engine in engines(argon()).items()} == {
        "ase": 0.0, "native": 2.0, "asked": 0.0,
    }  # fmt: skip
    style = lammps(Path(), {}, [18])
    wide = replace(style, commands=("neighbor 0.7 bin", *style.commands))
    assert native(argon(), wide).skin == 0.7


def test_steps_are_timed_in_lammps_too(tmp_path: Path) -> None:
    """Own pair style: two copies have twice the energy, lists go to LAMMPS's skin beyond the cutoff."""
    store = Store(tmp_path / "store")
    store.create()
    timing = {"warm_up": 2, "blocks": 5, "block_time": 0.02, "scan_time": 60.0, "copies": 2}
    drawn = md(store, argon())
    asked = replace(
        drawn, verb="speed", parameters=drawn.parameters | timing | {"cutoff": 5.2, "hardware": ""}
    )
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True) == 0, (folder / "failure.json").read_text()
    one, two = (store.result(asked.key) or {})["values"]["sizes"]
    assert (one["atoms"], two["atoms"], one["skin_A"], len(two["seconds_per_step"])) == (32, 64, 2.0, 5)
    assert two["energy_eV"] == pytest.approx(2 * one["energy_eV"])
    assert one["steps_per_block"] * min(one["seconds_per_step"]) > 0.002


SKEW = np.array([[10.8, 0, 0], [5.0, 11.0, 0], [-4.0, 3.0, 12.0]])


@pytest.mark.parametrize("cell", [np.diag([10.8, 11.0, 12.0]), SKEW, -SKEW[:, [1, 2, 0]]])
@pytest.mark.parametrize("pbc", [[True] * 3, [True, True, False], [False, True, True], [False] * 3])
def test_every_engine_begins_with_the_same_numbers(cell: Any, pbc: list[bool]) -> None:
    """Whatever the cell, its orientation and its periodicity, and with atoms strewn over images of it."""
    random = np.random.default_rng(1)
    sites = (np.indices((3, 3, 3)).reshape(3, 27).T + 0.08 * random.random((27, 3))) / 3
    sites += random.integers(-3, 4, size=(27, 3)) * np.array(pbc)
    result = engines(Atoms("Ar27", scaled_positions=sites, cell=cell, pbc=pbc), [0, 5])
    expected = result["ase"].answer()
    assert np.abs(expected.forces).max() > 0.005
    for engine in result.values():
        answer, sample = engine.answer(), engine.sample()
        assert answer.energy == pytest.approx(expected.energy, abs=1e-12)
        np.testing.assert_allclose(answer.forces, expected.forces, atol=1e-13)
        np.testing.assert_allclose(sample.momenta, result["ase"].momenta(), rtol=1e-14)
        np.testing.assert_allclose(sample.positions, engine.system.start.positions, atol=1e-12)
        assert sample.conserved == pytest.approx(result["ase"].conserved(), abs=1e-12)


def test_a_structure_without_a_cell_needs_none() -> None:
    result = engines(Atoms("Ar4", positions=[[0, 0, 0], [3.6, 0, 0], [0, 3.7, 0], [0, 0, -3.8]]))
    for engine in result.values():
        engine.advance(5)
    forces = [engine.answer().forces for name, engine in result.items() if name != "ase"]
    np.testing.assert_allclose(forces[0], forces[1], atol=1e-12)


@pytest.mark.parametrize("fixed", [[], HALF], ids=["free", "half fixed"])
def test_engines_part_with_the_square_of_the_timestep(fixed: list[int]) -> None:
    """Both chains are second-order splittings of the same equations, with the same masses.

    After 0.2 ps at 4, 2 and 1 fs, ASE and LAMMPS differ by a quarter at each halving, in positions, momenta
    and the thermostat's share of the conserved energy; LAMMPS with its own and with asked forces never.
    """
    apart = []
    for halvings in range(3):
        result = engines(argon(), fixed, timestep=0.004 / 2**halvings)
        for engine in result.values():
            engine.advance(50 * 2**halvings)
        ase, own, asked = (engine.sample() for engine in result.values())
        np.testing.assert_allclose(own.positions, asked.positions, atol=1e-10)
        np.testing.assert_allclose(own.momenta, asked.momenta, atol=1e-10)
        assert own.conserved == pytest.approx(asked.conserved, abs=1e-11)
        np.testing.assert_array_equal(own.positions[fixed], argon().positions[fixed])
        apart.append([np.abs(own.positions - ase.positions).max(), np.abs(own.momenta - ase.momenta).max()])
    coarse, middle, fine = np.array(apart)
    assert coarse[0] < 2e-4
    for ratio in (*coarse / middle, *middle / fine):
        assert 3.2 < ratio < 5.0


def watched(engine: Engine, steps: int, every: int) -> tuple[Any, Any]:
    """Temperatures K and conserved energies eV, every so many steps."""
    thermometer, rows = Thermometer.of(engine.system), []
    for _ in range(steps // every):
        engine.advance(every)
        rows.append((thermometer.temperature(engine.momenta()), engine.conserved()))
    temperature, conserved = np.array(rows).T
    return temperature, conserved


@pytest.mark.parametrize("fixed", [[], HALF], ids=["free", "half fixed"])
def test_own_forces_are_canonical_and_conserved(fixed: list[int]) -> None:
    """<T> = 60 K, var T = 2 T² / (3 M), drift below 1e-5 eV/atom/ps, over 120 ps of a crystal of argon."""
    engine = native(argon(), lammps(Path(), {}, [18]), fixed)
    temperature, conserved = watched(engine, 30000, 25)
    check(temperature[50:], conserved[50:], 60.0, 32 - len(fixed), 32, 0.1)
    np.testing.assert_array_equal(engine.sample().positions[fixed], argon().positions[fixed])


@pytest.mark.parametrize("fixed", [[], [0, 1, 6, 7]], ids=["free", "half fixed"])
def test_asked_forces_are_canonical_and_conserved(fixed: list[int]) -> None:
    """The same of eight atoms on anharmonic springs at 300 K over 10 ps."""
    sites = 3.0 * np.indices((2, 2, 2)).reshape(3, 8).T
    system = System.prepare(Atoms("NaCl" * 4, positions=sites, cell=[6.0] * 3, pbc=True), fixed)
    parameters = MD | {"temperature": 300.0, "timestep": 0.001, "thermostat": CHAIN | {"damping": 0.02}}
    engine = LammpsEngine(system, Asked(system, Springs(sites)), parameters)
    temperature, conserved = watched(engine, 10000, 2)
    check(temperature[250:], conserved[250:], 300.0, 8 - len(fixed), 8, 0.002)


def check(temperature: Any, conserved: Any, target: float, mobile: int, atoms: int, apart_ps: float) -> None:
    assert temperature.mean() == pytest.approx(target, rel=0.06)
    assert temperature.var() == pytest.approx(2 * target**2 / (3 * mobile), rel=0.25)
    times = apart_ps * np.arange(len(conserved))
    slope = np.polynomial.Polynomial.fit(times, conserved, 1).convert().coef[1]
    assert abs(slope) / atoms < 1e-5
    assert np.abs(conserved - conserved[0]).max() / atoms < 1e-3


@pytest.mark.parametrize("name", ["native", "asked"])
@pytest.mark.parametrize("atoms", [argon(), Atoms("Ar4", argon().positions[:4], cell=SKEW, pbc=[1, 1, 0])])
def test_a_restored_state_continues_to_the_same_bits(name: str, atoms: Atoms) -> None:
    """However the steps are cut into runs of LAMMPS."""
    through, fresh = (engines(atoms, [1], seed=seed)[name] for seed in (3, 4))
    same_bits(through, fresh, (1, 20, 9), 30)


def test_atoms_that_pass_more_cells_than_lammps_counts_are_where_they_are() -> None:
    """A perfect crystal at 1000 Å/ps: LAMMPS's own count of images ends at 512 cells of 10.8 Å."""
    calm = CHAIN | {"damping": 1e6}
    engine = native(argon(0.0), lammps(Path(), {}, [18]), timestep=0.001, thermostat=calm)
    engine.restore(engine.state() | {"velocities": np.tile([1000.0, -500.0, 0.0], (32, 1))})
    start = engine.sample().positions
    for _ in range(20):
        engine.advance(400)
        engine.forget()
    moved = engine.sample().positions - start
    np.testing.assert_allclose(moved, np.tile([8000.0, -4000.0, 0.0], (32, 1)), atol=0.1)


def test_a_style_with_charges_and_bonds_runs_and_restarts() -> None:
    """Two charged dumbbells; the energy by hand, and charges that the next step may depend on are kept."""
    style = LammpsStyle(
        (
            "set type 1 charge -0.5",
            "set type 2 charge 0.5",
            "pair_style coul/cut 9.0",
            "pair_coeff * *",
            "bond_style harmonic",
            "bond_coeff 1 10.0 1.2",
            "special_bonds lj/coul 0 0 0",
            "create_bonds single/bond 1 1 2 special no",
            "create_bonds single/bond 1 3 4 special yes",
        ),
        atom_style="full",
        box="bond/types 1 extra/bond/per/atom 1 extra/special/per/atom 1",
    )
    pairs = Atoms("FNaFNa", [[4, 4, 4], [4, 4, 5.3], [4, 8, 4], [4, 8, 5.1]], cell=[20.0] * 3, pbc=True)
    engine = native(pairs, style, thermostat=CHAIN | {"length": 1})
    gaps = np.linalg.norm(pairs.positions[:2, None] - pairs.positions[None, 2:], axis=-1)
    coulomb = 14.399645 * 0.25 * (np.array([[1, -1], [-1, 1]]) / gaps).sum()
    assert engine.answer().energy == pytest.approx(10.0 * (0.1**2 + 0.1**2) + coulomb, abs=1e-6)
    engine.advance(10)
    state = engine.state()
    np.testing.assert_array_equal(state["charges"], [-0.5, 0.5, -0.5, 0.5])
    fresh = native(pairs, style, thermostat=CHAIN | {"length": 1})
    forces = []
    for scale in (0.0, 2.0, 1.0):
        fresh.restore(state | {"charges": scale * state["charges"]})
        forces.append(fresh.answer().forces)
    np.testing.assert_allclose(forces[1] - forces[0], 4 * (forces[2] - forces[0]), atol=1e-12)
    engine.forget()
    for both in (engine, fresh):
        both.advance(10)
    assert pack(fresh.state()) == pack(engine.state())


def test_what_a_style_needs_and_does_not_find_is_named() -> None:
    style = lammps(Path(), {"packages": ("WATERCOLOUR", "KSPACE")}, [18])
    with pytest.raises(TaskFailure, match="lacks WATERCOLOUR"):
        native(argon(), style).answer()
    style = lammps(Path(), {"files": (Path("no/model.pb"), Path(__file__))}, [18])
    with pytest.raises(InputFailure, match=r"needs no/model\.pb, which"):
        native(argon(), style).answer()
    slab = lost()
    slab.positions[4, 2] = -0.5
    with pytest.raises(InputFailure, match="1 atoms of the start lie outside"):
        native(slab, lammps(Path(), {"open_boundary": "f"}, [18])).answer()


# The md verb, as the worker runs it.


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


@pytest.mark.parametrize("plugin", ["argon", "springs"])
def test_kills_cost_no_bit(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str
) -> None:
    task = md(store, argon(), plugin)
    stop(store.begin(task), 3, monkeypatch)
    kill(store.begin(task), 70 if plugin == "springs" else 25)
    stop(store.begin(task), 8, monkeypatch)
    rest = [segment.end_step for path in store.attempts(task.key) for segment in read_segments(path)]
    assert 40 <= max(rest) < 120
    result = run(store, task)
    assert result == undisturbed(tmp_path, argon(), plugin)
    assert result[1]["outcome"] == "completed"


def test_momenta_that_are_drawn_anew() -> None:
    """Both engines go on with them from where they are, and positions and potential stay as they were."""
    for engine in engines(argon(), [0, 5]).values():
        engine.advance(7)
        before, momenta = engine.sample(), 0.5 * engine.momenta()[::-1]
        engine.redraw(momenta)
        after = engine.sample()
        assert after.step == engine.steps_done == 7
        np.testing.assert_allclose(after.momenta, momenta, rtol=1e-12)
        np.testing.assert_allclose(after.positions, before.positions, atol=1e-10)
        assert after.potential == pytest.approx(before.potential, abs=1e-10)
        engine.advance(3)


def test_draws_while_a_start_settles_cost_no_bit(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"equilibrate": {"steps": 45, "every": 15}, "fixed_atoms": [0]}
    task = md(store, argon(), "argon", **changes)
    stop(store.begin(task), 4, monkeypatch)
    assert run(store, task) == undisturbed(tmp_path, argon(), "argon", **changes)


def test_both_engines_write_the_same_kind_of_files(store: Store) -> None:
    read = []
    for engine in ("ase", "lammps"):
        task = md(store, argon(), engine=engine)
        values = run(store, task)[1]
        folder = store.task(task.key)
        assert (values["outcome"], values["frames"], values["segments"]) == ("completed", 16, 6)
        rows = np.loadtxt(folder / "thermo.csv", delimiter=",", skiprows=1)
        read.append((open_trajectory(folder / "trajectory.nc"), rows, (folder / "topology.pdb").read_text()))
    (ase, ase_rows, ase_text), (own, own_rows, own_text) = read
    assert ase_text == own_text
    np.testing.assert_array_equal(ase.times, own.times)
    np.testing.assert_array_equal(ase.cells, own.cells)
    np.testing.assert_array_equal(ase.numbers, own.numbers)
    np.testing.assert_allclose(ase.positions, own.positions, atol=2e-3)
    np.testing.assert_allclose(ase_rows[:, :2], own_rows[:, :2])
    np.testing.assert_allclose(ase_rows[:, 2:5], own_rows[:, 2:5], atol=2e-3)


def lost() -> Atoms:
    """A crystal with a surface; atoms that leave through it have nowhere to go in a box that ends there."""
    slab = argon()
    slab.positions[:, 2] += 0.6
    slab.cell[2, 2], slab.pbc = 13.0, [True, True, False]
    return slab


HOT = {"conserved_energy": 1e9, "temperature": 1e9, "hydrogen_oxygen": None}
# The first evaluation is that of step 0, and the checkpoint at step 20 asks once more.
NAN = {"trouble": {"at": 24, "kind": "nan"}}


@pytest.mark.parametrize(
    ("atoms", "plugin", "changes", "cause", "steps"),
    [
        (
            lost(),
            "argon",
            {
                "temperature": 3000.0,
                "stability": HOT,
                "hyperparameters": {"open_boundary": "f"},
                "steps": 4000,
            },
            "LAMMPS stopped: Lost atoms: original 32 current",
            None,
        ),
        (argon(), "springs", {"hyperparameters": NAN}, "a force is not a finite number", 22),
        (argon(), "springs", {"hyperparameters": {"swirl": 40.0}}, "conserved energy moved by", None),
        (argon(), "argon", {"timestep": 0.5}, "temperature reached|conserved energy|LAMMPS stopped", None),
    ],
)
def test_unstable_is_a_result(
    store: Store, atoms: Atoms, plugin: str, changes: dict[str, Any], cause: str, steps: int | None
) -> None:
    values = run(store, task := md(store, atoms, plugin, **changes))[1]
    assert values["outcome"] == "unstable"
    assert re.match(cause, values["cause"])
    assert 0 < values["steps"] < task.parameters["steps"]
    assert steps in (None, values["steps"])
    trajectory = open_trajectory(store.task(task.key) / "trajectory.nc")
    assert len(trajectory) == values["frames"] > 0
    assert np.isfinite(trajectory.positions).all()


def test_another_potential_than_the_evaluated_one_does_not_start(store: Store) -> None:
    folder = store.begin(md(store, argon(), hyperparameters={"strength": 1.001}))
    assert attempt(folder, None, commit=True) == 70
    message = json.loads((folder / "failure.json").read_text())["message"]
    match = re.search(r"the energy is (\S+) eV in the engine and (\S+) eV in the evaluator", message)
    assert match
    assert float(match[1]) == pytest.approx(1.001 * float(match[2]), rel=1e-7)
    assert not (folder / "trajectory.nc").stat().st_size > 10_000


class Wells(Calculator):
    """Each atom in a harmonic well of its own: E = ½ k Σ (r - r0)², k = 20 eV/Å²."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    stiffness = 20.0

    def __init__(self, sites: Any) -> None:
        super().__init__()
        self.sites = sites

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
        super().calculate(atoms, properties, system_changes)
        moved = self.atoms.positions - self.sites
        self.results = {"energy": 0.5 * self.stiffness * (moved**2).sum(), "forces": -self.stiffness * moved}


def quarter(engine: Engine, timestep: float, steps: int) -> np.ndarray:
    """ps until each atom first passes its site along x, by a line between two steps."""
    seen = [engine.sample().positions[:, 0]]
    for _ in range(steps):
        engine.advance(1)
        seen.append(engine.sample().positions[:, 0])
    track = np.array(seen) - np.round(np.array(seen))
    first = (track < 0).argmax(axis=0)
    before, after = (track[first - shift, np.arange(track.shape[1])] for shift in (1, 0))
    return np.asarray((first - 1 + before / (before - after)) * timestep)


@pytest.mark.parametrize("name", ["ase", "asked"])
@pytest.mark.parametrize("masses", [None, [200.0] * 3, [1.008, 2.014, 4.0]], ids=["own", "heavy", "isotopes"])
def test_masses_of_the_start_are_those_of_the_motion(name: str, masses: list[float] | None) -> None:
    """A harmonic well is passed after T/4 = (π/2) √(m/k), whatever masses atoms of one element have."""
    sites = np.array([[3.0, 0, 0], [6.0, 0, 0], [9.0, 0, 0]])
    atoms = Atoms("H3", sites + np.array([0.1, 0, 0]), masses=masses)
    system, timestep = System.prepare(atoms, []), 2e-5
    calm = MD | {"timestep": timestep, "temperature": 1e-6, "thermostat": CHAIN | {"damping": 1e6}}
    kinds = {
        "ase": lambda: AseEngine(system, Wells(sites), calm),
        "asked": lambda: LammpsEngine(system, Asked(system, Wells(sites)), calm),
    }
    expected = np.pi / 2 * np.sqrt(atoms.get_masses() / Wells.stiffness) / units.fs / 1000.0
    result = quarter(kinds[name](), timestep, int(1.1 * expected.max() / timestep))
    assert result == pytest.approx(expected, rel=2e-3)


def test_isotopes_have_their_share_of_the_momenta_in_a_pair_style_of_lammps() -> None:
    """Kinetic energy of a native run counts each atom with its own mass, and is conserved with the rest."""
    atoms = argon()
    atoms.set_masses([36.0, 40.0] * 16)
    engine = native(atoms, lammps(Path(), {}, [18]), temperature=60.0, timestep=0.002)
    first = engine.sample()
    kinetic = 0.5 * np.sum(first.momenta**2 / atoms.get_masses()[:, None])
    assert Thermometer.of(engine.system).kinetic(first.momenta) == pytest.approx(kinetic)
    begun = first.conserved
    engine.advance(200)
    assert engine.conserved() == pytest.approx(begun, abs=32 * 2e-4)
    moved = engine.sample().positions - first.positions
    assert np.abs(moved).max() > 0.1
