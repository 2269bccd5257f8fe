"""The engine jax-md with analytic potentials: against the engine ase, statistical mechanics, and by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import kB
from driving import MD, md, run, same_bits, stop, undisturbed
from scipy import stats

from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.architectures.shared.jax_library import device, jnp
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.integrators import PS
from mlipbench_hpc.worker.engines.interface import Exploded
from mlipbench_hpc.worker.engines.jax_md import JaxMdEngine
from mlipbench_hpc.worker.engines.jax_md import engine as engine_of
from mlipbench_hpc.worker.engines.system import System, Thermometer
from tests.plugins.argon.adapter import Argon
from tests.plugins.argon.jax_forces import argon_forces
from tests.plugins.springs.adapter import Springs
from tests.plugins.springs.jax_forces import springs_forces

CHAIN, LANGEVIN = MD["thermostat"], {"kind": "langevin", "friction": 15.0}
HALF = list(range(0, 32, 2))
SITES = 3.0 * np.indices((2, 2, 2)).reshape(3, 8).T
THERMOSTATS = pytest.mark.parametrize("thermostat", [CHAIN, LANGEVIN], ids=["chain", "langevin"])


def argon(cells: int = 2) -> Atoms:
    """A crystal, slightly shaken."""
    atoms = bulk("Ar", "fcc", a=5.4, cubic=True) * (cells, cells, cells)
    atoms.positions += np.random.default_rng(0).normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def jax_md(atoms: Atoms, fixed: list[int] | None = None, **changes: Any) -> JaxMdEngine:
    return JaxMdEngine(System.prepare(atoms, fixed or []), argon_forces(), MD | changes)


def both(atoms: Atoms, fixed: list[int] | None = None, **changes: Any) -> tuple[AseEngine, JaxMdEngine]:
    """The same simulation in both engines."""
    system = System.prepare(atoms, fixed or [])
    return AseEngine(system, Argon(), MD | changes), JaxMdEngine(system, argon_forces(), MD | changes)


SKEW = np.array([[10.8, 0, 0], [5.0, 11.0, 0], [-4.0, 3.0, 12.0]])


@pytest.mark.parametrize("cell", [np.diag([10.8, 11.0, 12.0]), SKEW, -SKEW[:, [1, 2, 0]]])
@pytest.mark.parametrize("pbc", [[True] * 3, [True, True, False], [False] * 3])
def test_it_begins_with_the_numbers_of_the_engine_ase(cell: Any, pbc: list[bool]) -> None:
    """Whatever the cell, its orientation and its periodicity, and with atoms strewn over images of it."""
    random = np.random.default_rng(1)
    sites = (np.indices((3, 3, 3)).reshape(3, 27).T + 0.08 * random.random((27, 3))) / 3
    sites += random.integers(-3, 4, size=(27, 3)) * np.array(pbc)
    ase, own = both(Atoms("Ar27", scaled_positions=sites, cell=cell, pbc=pbc), [0, 5])
    expected, answer = ase.answer(), own.answer()
    assert np.abs(expected.forces).max() > 0.005
    assert answer.energy == pytest.approx(expected.energy, abs=1e-12)
    np.testing.assert_allclose(answer.forces, expected.forces, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(own.momenta(), ase.momenta())
    np.testing.assert_array_equal(own.sample().positions, own.system.start.positions)
    assert own.conserved() == pytest.approx(ase.conserved(), abs=1e-12)


@pytest.mark.parametrize(("length", "fixed"), [(1, HALF), (2, []), (3, []), (3, HALF), (5, [])])
def test_its_steps_are_those_of_the_engine_ase(fixed: list[int], length: int) -> None:
    """JAX-MD's chain, by the weights of ASE's: 60 steps of 4 fs, a thermostat of 20 fs, several lists."""
    ase, own = both(argon(), fixed, thermostat={**CHAIN, "damping": 0.02, "length": length})
    for engine in (ase, own):
        engine.advance(60)
    expected, sample = ase.sample(), own.sample()
    assert np.abs(expected.positions - argon().positions).max() > 0.2
    np.testing.assert_allclose(sample.positions, expected.positions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(sample.momenta, expected.momenta, rtol=0, atol=1e-10)
    assert sample.potential == pytest.approx(expected.potential, abs=1e-10)
    assert sample.conserved == pytest.approx(expected.conserved, abs=1e-10)
    np.testing.assert_array_equal(sample.positions[fixed], argon().positions[fixed])


def test_a_cell_below_twice_the_cutoff_has_all_its_images() -> None:
    """5.4 Å with pairs up to 5.2 Å: four atoms, each with many images of every other one and of itself."""
    ase, own = both(argon(1), [0], temperature=120.0)
    for engine in (ase, own):
        engine.advance(40)
    np.testing.assert_allclose(own.answer().forces, ase.answer().forces, rtol=0, atol=1e-10)
    np.testing.assert_allclose(own.sample().positions, ase.sample().positions, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("speed", "least", "most"), [(0.0, 3, 15), (500.0, 50, 52)])
def test_no_pair_is_missing_and_lists_last(speed: float, least: int, most: int) -> None:
    """Energies are the calculator's at every step, also where all atoms fly 2 Å in each, into other cells."""
    calls, forces = [], argon_forces()

    def counted(atoms: Atoms, reach: float) -> Any:
        calls.append(reach)
        assert (np.abs(atoms.get_scaled_positions(wrap=False) - 0.5) < 0.5 + 1e-9).all()
        return forces.arrange(atoms, reach)

    parameters = MD | {"thermostat": {**CHAIN, "damping": 1e6}}
    engine = JaxMdEngine(System.prepare(argon(), []), replace(forces, arrange=counted), parameters)
    engine.redraw(engine.momenta() + np.array([speed, 0.0, -speed]) / PS * engine.thermometer.masses)
    atoms = argon()
    atoms.calc = Argon()
    for _ in range(50):
        engine.advance(1)
        atoms.positions = engine.sample().positions
        assert engine.sample().potential == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    assert np.ptp(atoms.positions[:, 0] - argon().positions[:, 0]) < 3.0
    assert atoms.positions[0, 0] == pytest.approx(argon().positions[0, 0] + 0.2 * speed, abs=3.0)
    assert least <= len(calls) <= most


@THERMOSTATS
@pytest.mark.parametrize("fixed", [[], [0, 1, 6, 7]], ids=["free", "half fixed"])
def test_it_is_canonical_and_conserves(thermostat: dict[str, Any], fixed: list[int]) -> None:
    """Anharmonic springs at 300 K over 24 ps: only the mobile atoms have a temperature.

    ⟨T⟩ = 300 K, var T = 2 T²/(3 M), momenta normal with m k_B T; the virial ⟨-Σ F · u⟩ = 3 M k_B T of the
    mobile atoms' displacements u; drift below 1e-5 eV/atom/ps; fixed atoms keep their bits.
    """
    own = springs_engine(thermostat, fixed)
    mobile, thermometer, rows, momenta = own.system.mobile, Thermometer.of(own.system), [], []
    for _ in range(4000):
        own.advance(3)
        moved = own.sample().positions[mobile] - SITES[mobile]
        virial = -float((own.answer().forces[mobile] * moved).sum())
        rows.append((thermometer.temperature(own.momenta()), own.conserved(), virial))
        momenta.append(own.momenta() / np.sqrt(thermometer.masses * kB * 300.0))
    temperature, conserved, virial = np.array(rows)[200:].T
    degrees = 3 * len(mobile)
    assert temperature.mean() == pytest.approx(300.0, rel=0.05)
    assert temperature.var() == pytest.approx(2 * 300.0**2 / degrees, rel=0.2)
    assert virial.mean() == pytest.approx(degrees * kB * 300.0, rel=0.08)
    assert stats.kstest(np.ravel(momenta[200::40]), "norm").pvalue > 1e-3
    slope = np.polynomial.Polynomial.fit(0.006 * np.arange(len(conserved)), conserved, 1).convert().coef[1]
    assert abs(slope) / 8 < 1e-5
    assert np.abs(conserved - conserved[0]).max() / 8 < 1e-3
    np.testing.assert_array_equal(own.sample().positions[fixed], SITES[fixed])


def springs_engine(thermostat: dict[str, Any], fixed: list[int], **changes: Any) -> JaxMdEngine:
    """Eight atoms of two masses."""
    atoms = Atoms("NaCl" * 4, positions=SITES, cell=[6.0] * 3, pbc=True)
    fast = {**thermostat, "damping": 0.02} if thermostat is CHAIN else thermostat
    parameters = MD | {"temperature": 300.0, "timestep": 0.002, "thermostat": fast} | changes
    return JaxMdEngine(System.prepare(atoms, fixed), springs_forces(Springs(SITES)), parameters)


def test_averages_and_fluctuations_are_those_of_the_engine_ase() -> None:
    """Potential energies of half of the atoms on springs, over 14 ps in each engine from other momenta.

    Mean and variance differ by less than three standard errors, of 20 blocks in each engine.
    """
    own = springs_engine(CHAIN, [0, 1, 6, 7], seed=5)
    parameters = MD | {"temperature": 300.0, "timestep": 0.002, "thermostat": {**CHAIN, "damping": 0.02}}
    ase, seen = AseEngine(own.system, Springs(SITES), parameters), []
    for engine in (own, ase):
        energies = []
        for _ in range(1800):
            engine.advance(4)
            energies.append(engine.sample().potential)
        settled = np.array(energies[200:])
        moments = np.array([settled, (settled - settled.mean()) ** 2])
        blocks = moments.reshape(2, 20, -1).mean(axis=2)
        seen.append((blocks.mean(axis=1), blocks.std(axis=1, ddof=1) / np.sqrt(20)))
    (values, errors), (expected, errors_of_ase) = seen
    together = np.hypot(errors, errors_of_ase)
    assert (together / expected < [0.06, 0.3]).all()
    assert (np.abs(values - expected) < 3 * together).all()


@THERMOSTATS
@pytest.mark.parametrize("atoms", [argon(), Atoms("Ar4", argon().positions[:4], cell=SKEW, pbc=[1, 1, 0])])
def test_a_restored_state_continues_to_the_same_bits(thermostat: dict[str, Any], atoms: Atoms) -> None:
    """However steps are cut, over several lists of neighbours."""
    through, fresh = (jax_md(atoms, [1], seed=seed, thermostat=thermostat) for seed in (3, 4))
    same_bits(through, fresh, (1, 20, 9), 40)


def test_momenta_that_are_drawn_anew() -> None:
    own = jax_md(argon(), [0, 5])
    own.advance(7)
    before, momenta = own.sample(), 0.5 * own.momenta()[::-1]
    own.redraw(momenta)
    after = own.sample()
    assert after.step == own.steps_done == 7
    np.testing.assert_array_equal(after.momenta, momenta)
    np.testing.assert_array_equal(after.positions, before.positions)
    assert after.potential == before.potential


def test_noise_differs_between_replicas_and_seeds() -> None:
    engines = [springs_engine(LANGEVIN, [], **changes) for changes in ({}, {"replica": 1}, {"seed": 8})]
    for engine in engines:
        engine.redraw(np.zeros((8, 3)))
        engine.advance(3)
    assert len({float(engine.sample().positions.sum()) for engine in engines}) == 3


# The wall, by hand.


def fall(weight: Any, arrays: Any, positions: Any) -> Any:
    """Every atom is pulled down by `weight` eV/Å; there is no force above 9.11 Å, or below 0."""
    heights = positions[:, 2]
    forces = jnp.zeros_like(positions).at[:, 2].set(jnp.where(heights < 9.11, -weight, jnp.nan))
    return weight * heights.sum(), forces


INERT = {"kind": "nose-hoover-chain", "damping": 1e6, "length": 1}
CALM = {"kind": "langevin", "friction": 1e-20}


def thrown(weight: float, thermostat: dict[str, Any], pbc: bool, height: float = 9.0) -> JaxMdEngine:
    """Two helium atoms under a wall; one at 8.05 Å flies upwards at 100 Å/ps, one lies fixed."""
    atoms = Atoms("He2", [[1.0, 1.0, 8.05], [3.0, 3.0, 2.0]], cell=[5.0, 5.0, 20.0], pbc=pbc)
    wall = Wall.above(height, atoms.positions[:, 2], 20.0 if pbc else np.inf)
    forces = JaxForces(fall, jax.device_put(weight, device("cpu")), device("cpu"), 1.0, lambda *_: ())
    parameters = MD | {"timestep": 0.001, "temperature": 300.0, "thermostat": thermostat}
    engine = JaxMdEngine(System.prepare(atoms, [1]), forces, parameters, wall)
    engine.restore(engine.state() | {"momenta": np.array([[20.0, 0.0, 100.0]]) / PS * 4.002602})
    return engine


@pytest.mark.parametrize("thermostat", [INERT, CALM], ids=["chain", "langevin"])
@pytest.mark.parametrize("pbc", [True, False])
def test_a_free_atom_turns_at_the_wall(thermostat: dict[str, Any], pbc: bool) -> None:
    """0.1 Å a step: at 9.05 Å after ten steps, it is turned there and back at 8.05 Å after twenty."""
    engine = thrown(0.0, thermostat, pbc)
    heights, energies = [], [engine.conserved()]
    for _ in range(20):
        engine.advance(1)
        heights.append(engine.sample().positions[0, 2])
        energies.append(engine.conserved())
    np.testing.assert_allclose(heights[:10], 8.15 + 0.1 * np.arange(10), atol=1e-6)
    np.testing.assert_allclose(heights[10:], 8.95 - 0.1 * np.arange(10), atol=1e-6)
    np.testing.assert_allclose(engine.momenta()[0] / 4.002602 * PS, [20.0, 0.0, -100.0], atol=1e-6)
    assert np.ptp(energies) < 1e-9 * energies[0]


def test_a_heavy_atom_turns_where_its_whole_step_s_velocity_does() -> None:
    """Under a constant force velocity Verlet keeps m v²/2 + F z at every step, and the wall does too."""
    engine, rest = thrown(0.5, INERT, True), []
    for _ in range(30):
        engine.advance(1)
        velocity = engine.momenta()[0, 2] / 4.002602
        rest.append(velocity**2 / 2 * 4.002602 + 0.5 * engine.sample().positions[0, 2])
    assert engine.momenta()[0, 2] < 0
    assert np.ptp(rest) < 1e-9 * rest[0]


def test_a_force_that_is_no_number_ends_at_its_step() -> None:
    """With the wall at 12 Å the atom is above 9.11 Å, where the force is not known, after eleven steps."""
    engine = thrown(0.0, INERT, True, height=12.0)
    engine.advance(10)
    with pytest.raises(Exploded, match="a force or a position is not a finite number"):
        engine.advance(20)
    assert engine.steps_done == 11


# The md verb, as the worker runs it.


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def test_a_stop_costs_no_bit(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With momenta drawn anew meanwhile, and a card's other thermostat."""
    changes = {"engine": "jax-md", "equilibrate": {"steps": 45, "every": 15}, "thermostat": LANGEVIN}
    task = md(store, argon(), **changes)
    for checks in (4, 9):
        stop(store.begin(task), checks, monkeypatch)
    result = run(store, task)
    assert result == undisturbed(tmp_path, argon(), **changes)
    assert result[1]["outcome"] == "completed"


def test_it_writes_the_files_of_the_engine_ase(store: Store) -> None:
    read = []
    for name in ("ase", "jax-md"):
        task = md(store, argon(), engine=name)
        values = run(store, task)[1]
        folder = store.task(task.key)
        assert (values["outcome"], values["frames"], values["segments"]) == ("completed", 16, 6)
        assert values["mobile_atoms"] == 30
        head = (folder / "thermo.csv").read_text().splitlines()[0]
        rows = np.loadtxt(folder / "thermo.csv", delimiter=",", skiprows=1)
        read.append(
            (open_trajectory(folder / "trajectory.nc"), rows, head, (folder / "topology.pdb").read_text())
        )
    (ase, ase_rows, *ase_text), (own, own_rows, *own_text) = read
    assert ase_text == own_text
    np.testing.assert_array_equal(ase.times, own.times)
    np.testing.assert_array_equal(ase.cells, own.cells)
    np.testing.assert_array_equal(ase.numbers, own.numbers)
    np.testing.assert_allclose(ase.positions, own.positions, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ase_rows, own_rows, rtol=1e-7, atol=1e-8)


def test_forces_that_nothing_conserves_are_unstable(store: Store) -> None:
    atoms = Atoms("NaCl" * 4, positions=SITES, cell=[6.0] * 3, pbc=True)
    values = run(store, md(store, atoms, "springs", engine="jax-md", hyperparameters={"swirl": 40.0}))[1]
    assert values["outcome"] == "unstable"
    assert values["cause"].startswith("conserved energy moved by")
    assert 0 < values["steps"] < 120


def test_a_potential_without_a_function_of_jax_is_refused() -> None:
    class Silent:
        def native(self, engine: str) -> None:
            assert engine == "jax-md"

    with pytest.raises(TaskFailure, match="no function `jax_md`"):
        engine_of(System.prepare(argon(), []), Silent(), MD, None)  # type: ignore[arg-type]


def test_products_of_large_arrays_are_right() -> None:
    """jax-ml/jax#39103: jaxlib 0.10.2 sums wrongly here unless it is kept from YNNPACK."""
    x = np.zeros((16_385, 3))
    x[:, 0] = np.arange(16_385)
    matrix = jnp.eye(3)
    squares = jax.jit(jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2)))(x)
    np.testing.assert_array_equal(squares, x[:, 0] ** 2)
