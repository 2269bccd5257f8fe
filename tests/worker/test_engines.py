"""Integrators against ASE's own and against statistical mechanics; the watch; what is made of a start."""

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.units import fs, kB
from springs.adapter import Springs

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.restart import pack
from mlipbench_hpc.worker.engines.stability import Limits, Watch
from mlipbench_hpc.worker.engines.system import Sample, System, Thermometer, oriented

CHAIN = {"kind": "nose-hoover-chain", "damping": 0.02, "length": 3}
LANGEVIN = {"kind": "langevin", "friction": 15.0}
BOTH = pytest.mark.parametrize("thermostat", [CHAIN, LANGEVIN], ids=["chain", "langevin"])


def crystal() -> Atoms:
    """Eight atoms of two masses on a cube of 3 Å."""
    return Atoms("NaCl" * 4, positions=3.0 * np.indices((2, 2, 2)).reshape(3, 8).T, cell=[6.0] * 3, pbc=True)


def argon() -> Atoms:
    """27 atoms that nothing holds in place."""
    positions = 3.8 * np.indices((3, 3, 3)).reshape(3, 27).T
    return Atoms("Ar27", positions=positions, cell=[11.4] * 3, pbc=True)


def engine(
    atoms: Atoms, calculator: Any, thermostat: dict[str, Any], fixed: list[int] | None = None, **changes: Any
) -> AseEngine:
    parameters = {"seed": 3, "replica": 0, "temperature": 300.0, "timestep": 0.001, "thermostat": thermostat}
    return AseEngine(System.prepare(atoms, fixed or []), calculator, parameters | changes)


def twin(atoms: Atoms, calculator: Any, ours: AseEngine) -> Atoms:
    """The same atoms and momenta for an integrator of ASE's own."""
    theirs = atoms.copy()
    theirs.calc = calculator
    theirs.set_momenta(ours.momenta())
    return theirs


def lennard_jones() -> LennardJones:
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=5.5, smooth=True)


def test_chain_is_ases_own_step_for_step() -> None:
    ours = engine(argon(), lennard_jones(), CHAIN, temperature=60.0, timestep=0.004)
    theirs = twin(argon(), lennard_jones(), ours)
    dynamics = NoseHooverChainNVT(theirs, 4.0 * fs, temperature_K=60.0, tdamp=20.0 * fs, tchain=3)
    for _ in range(60):
        ours.advance(1)
        dynamics.run(1)
        np.testing.assert_array_equal(ours.sample().positions, theirs.positions)
        np.testing.assert_array_equal(ours.momenta(), theirs.get_momenta())
        assert ours.dynamics.conserved() == dynamics.get_conserved_energy()


def test_langevin_is_baoab_step_for_step() -> None:
    """ASE's BAOAB draws the same normal numbers in the same order, and works in velocities."""
    ours = engine(argon(), lennard_jones(), LANGEVIN, temperature=60.0, timestep=0.004)
    theirs = twin(argon(), lennard_jones(), ours)
    noise = np.random.SeedSequence([3, 0]).spawn(2)[1]
    random = np.random.Generator(np.random.PCG64(noise))
    dynamics = LangevinBAOAB(theirs, 4.0 * fs, temperature_K=60.0, T_tau=1000.0 * fs / 15.0, rng=random)
    for _ in range(60):
        ours.advance(1)
    dynamics.run(60)
    np.testing.assert_allclose(ours.sample().positions, theirs.positions, atol=1e-9)
    np.testing.assert_allclose(ours.momenta(), theirs.get_momenta(), atol=1e-9)


def test_a_drifting_system_is_seen_near_home() -> None:
    """Far from the origin the model sees it moved back by whole cells; the trajectory itself is not moved."""
    system, far = System.prepare(argon(), []), engine(argon(), lennard_jones(), CHAIN)
    rattled = argon().positions + np.random.default_rng(0).normal(scale=0.05, size=(27, 3))
    near = argon()
    near.positions, near.calc = rattled, lennard_jones()
    moved = system.mobile_atoms()
    moved.positions = rattled + 11.4 * np.array([300.0, -70.0, 1.0])
    np.testing.assert_allclose(far.embedding.get_forces(moved), near.get_forces(), atol=1e-9)
    assert np.abs(far.embedding.full.positions).max() < 20.0
    far.atoms.positions = moved.positions
    np.testing.assert_array_equal(far.sample().positions, moved.positions)


@BOTH
@pytest.mark.parametrize("fixed", [[], [0, 1, 6, 7]], ids=["free", "half fixed"])
def test_canonical_and_conserved(thermostat: dict[str, Any], fixed: list[int]) -> None:
    """<T> = 300 K, var T = 2 T² / (3 M); drift below 1e-5 eV/atom/ps; fixed atoms keep their bits.

    12 ps hold some hundred independent temperatures: errors near 2 % of the mean and 8 % of the variance.
    """
    start = crystal()
    run = engine(start, Springs(start.positions.copy()), thermostat, fixed, timestep=0.002)
    thermometer = Thermometer.of(run.system)
    rows = np.zeros((6000, 2))
    for row in rows:
        run.advance(1)
        row[:] = thermometer.temperature(run.momenta()), run.dynamics.conserved()
    temperature, conserved = rows[300:].T
    assert temperature.mean() == pytest.approx(300.0, rel=0.06)
    assert temperature.var() == pytest.approx(2 * 300.0**2 / (3 * (8 - len(fixed))), rel=0.25)
    slope = np.polynomial.Polynomial.fit(0.002 * np.arange(len(conserved)), conserved, 1).convert().coef[1]
    assert abs(slope) / 8 < 1e-5
    assert np.abs(conserved - conserved[0]).max() / 8 < 1e-3
    np.testing.assert_array_equal(run.sample().positions[fixed], start.positions[fixed])


def test_momenta_are_drawn_with_their_centre_of_mass() -> None:
    """Total momentum has variance k_B T Σm in each direction over many seeds: nothing is taken off."""
    drawn = [engine(crystal(), None, CHAIN, seed=seed).momenta() for seed in range(400)]
    total = np.sum(drawn, axis=1)
    expected = kB * 300.0 * crystal().get_masses().sum()
    assert (total**2).mean() == pytest.approx(expected, rel=0.2)


def test_every_species_begins_at_the_temperature() -> None:
    """Two species, one of a single atom; whatever the seed, Σ p²/m is 3 n k_B T."""
    atoms = crystal()
    atoms.numbers[0] = 11
    thermometer = Thermometer.of(System.prepare(atoms, []))
    for seed in range(5):
        momenta = engine(atoms, None, CHAIN, seed=seed).momenta()
        assert thermometer.by_species(momenta) == pytest.approx([300.0, 300.0])


@BOTH
def test_a_restored_state_asks_nothing_and_continues(thermostat: dict[str, Any]) -> None:
    start = crystal()
    first, calculator = (
        engine(start, Springs(start.positions.copy()), thermostat),
        Springs(start.positions.copy()),
    )
    for _ in range(7):
        first.advance(1)
    second = engine(start, calculator, thermostat, seed=99)
    second.restore(first.state())
    assert pack(second.state()) == pack(first.state())
    assert calculator.calls == 0
    for both in (first, second):
        both.advance(1)
    assert pack(second.state()) == pack(first.state())
    assert calculator.calls == 1


def test_neighbour_lists_do_not_outlive_a_checkpoint() -> None:
    """ASE's Lennard-Jones keeps pairs within a skin, in the order of the step that found them."""
    hot = {"temperature": 400.0, "timestep": 0.004}
    through, fresh = (engine(argon(), lennard_jones(), CHAIN, **hot) for _ in range(2))
    for _ in range(30):
        through.advance(1)
    fresh.restore(through.state())
    through.forget()
    for both in (through, fresh):
        for _ in range(10):
            both.advance(1)
    assert pack(fresh.state()) == pack(through.state())


def water(distance: float, cell: Any, shift: Any) -> System:
    """Two waters, one across the boundary; one H `distance` from its O and far from the other one."""
    positions = np.array(
        [[0.2, 5, 5], [1.1, 5, 5], [-0.3, 5.8, 5], [5, 5, 5], [5, 5, 5 + distance], [5.9, 5, 5]]
    )
    atoms = Atoms("OHHOHH", positions=positions, cell=cell, pbc=True)
    atoms.positions += shift
    return System.prepare(atoms, [])


@pytest.mark.parametrize("cell", [[10.0, 10.0, 10.0], [[10.0, 0, 0], [4.0, 11.0, 0], [-3.0, 2.0, 12.0]]])
@pytest.mark.parametrize(("distance", "broken"), [(0.96, False), (1.49, False), (1.51, True)])
def test_a_broken_molecule_is_seen_across_boundaries(cell: Any, distance: float, broken: bool) -> None:
    """Atoms are strewn over images of the cell, as in an unwrapped trajectory."""
    strewn = np.array([[0, 0, 0], [1, 0, 0], [0, -2, 0], [0, 0, 0], [3, 1, -1], [0, 0, 5]])
    system = water(distance, cell, strewn @ (np.diag(cell) if np.ndim(cell) == 1 else np.array(cell)))
    watch = Watch(system, Limits(0.1, 1e4, 1.5), 0.0, Thermometer.of(system))
    sample = Sample(0, system.start.positions, np.zeros((6, 3)), 0.0, 0.0)
    for _ in range(2):
        cause = watch.cause(sample)
        expected = "H 4 is 1.510 Å from its nearest O (limit 1.5)"
        assert cause == (expected if broken else None)


def test_a_proton_that_changes_owner_is_no_break() -> None:
    system = water(0.96, [10.0] * 3, 0.0)
    watch = Watch(system, Limits(0.1, 1e4, 1.5), 0.0, Thermometer.of(system))
    positions = system.start.positions.copy()
    for x in (1.1, 1.6, 4.0):
        positions[1, 0] = x
        assert watch.cause(Sample(0, positions, np.zeros((6, 3)), 0.0, 0.0)) is None
    positions[1, 0] = 2.6
    assert "H 1 is 2.400 Å" in str(watch.cause(Sample(0, positions, np.zeros((6, 3)), 0.0, 0.0)))


def test_each_limit_has_its_sentence() -> None:
    system = System.prepare(crystal(), [])
    watch = Watch(system, Limits(0.004, 2000.0, None), -1.0, Thermometer.of(system))

    def cause(**changes: Any) -> str | None:
        usual = {
            "step": 0,
            "positions": None,
            "momenta": np.zeros((8, 3)),
            "potential": 0.0,
            "conserved": -1.0,
        }
        return watch.cause(Sample(**(usual | changes)))

    assert cause() is None
    assert cause(conserved=-1.0 + 0.0319) is None
    assert cause(conserved=-1.04) == "conserved energy moved by -5 meV/atom (limit 4)"
    assert cause(potential=np.nan) == "energy is not a number (potential nan, conserved -1.0)"
    assert str(cause(momenta=np.full((8, 3), 5.0))).endswith("K (limit 2000)")


@pytest.mark.parametrize(("timestep", "steps"), [(0.0005, 20), (0.001, 10), (0.003, 3), (0.05, 1)])
def test_looks_are_at_most_ten_femtoseconds_apart(timestep: float, steps: int) -> None:
    assert Limits.look_every(timestep) == steps


@pytest.mark.parametrize("handedness", [1, -1])
def test_orientation_keeps_the_structure(handedness: int) -> None:
    """Distances under the minimum image stay; the cell becomes lower triangular with a positive diagonal."""
    cell = np.array([[1.0, 7.0, 2.0], [-6.0, 1.0, 0.5], [0.3, -1.0, handedness * 8.0]])
    atoms = Atoms("H4", scaled_positions=np.random.default_rng(1).random((4, 3)), cell=cell, pbc=True)
    turned = oriented(atoms)
    assert (np.triu(turned.cell, 1) == 0).all()
    assert (np.diag(turned.cell) > 0).all()
    distances = atoms.get_all_distances(mic=True)
    np.testing.assert_allclose(turned.get_all_distances(mic=True), distances, atol=1e-12)
    volume = np.linalg.det(atoms.positions[1:] - atoms.positions[0])
    assert np.linalg.det(turned.positions[1:] - turned.positions[0]) == pytest.approx(volume)


def test_a_standard_cell_keeps_its_bits() -> None:
    atoms = Atoms(
        "H", positions=[[0.1, 0.2, 0.3]], cell=[[5.1, 0, 0], [1.7, 4.3, 0], [-0.4, 0.9, 6.1]], pbc=True
    )
    np.testing.assert_array_equal(oriented(atoms).positions, atoms.positions)
    np.testing.assert_array_equal(oriented(atoms).cell, atoms.cell)


def test_a_periodic_start_needs_a_volume() -> None:
    flat = Atoms("H", cell=[5.0, 5.0, 0.0], pbc=[True, True, False])
    with pytest.raises(InputFailure, match="no volume"):
        oriented(flat)
    assert not oriented(Atoms("H")).cell.any()
