"""Restraints of heights: finite differences, exact averages, refusals; heavy hydrogen."""

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.units import kB
from driving import same_bits
from restrained import Nothing, gold, restrained

from mlipbench_hpc.analysis.slab import Face, Slab
from mlipbench_hpc.analysis.surface import surface
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.masses import with_heavy_hydrogen
from mlipbench_hpc.worker.engines.parity import Parity, Tolerance
from mlipbench_hpc.worker.engines.restraint import restraint_of
from mlipbench_hpc.worker.engines.start import restrained as of_task
from mlipbench_hpc.worker.engines.system import System, Thermometer

PARAMETERS: dict[str, Any] = {"seed": 3, "replica": 0, "temperature": 300.0, "timestep": 0.004}
PARAMETERS |= {"thermostat": {"kind": "langevin", "friction": 20.0}}
BOTTOM = list(range(16))


def test_forces_are_the_energy_s_slope_and_have_no_sum() -> None:
    """Of every atom that is moved, the layer's among them, by central differences."""
    system, restraint = restrained(gold(3), spring=2.5)
    random = np.random.default_rng(0)
    positions = system.start.positions + random.normal(scale=0.3, size=(51, 3))
    forces, slopes = restraint.forces(positions), np.zeros((51, 3))
    for atom in range(51):
        for axis in range(3):
            ends = []
            for side in (-1e-4, 1e-4):
                moved = positions.copy()
                moved[atom, axis] += side
                ends.append(restraint.energy(moved))
            slopes[atom, axis] = -(ends[1] - ends[0]) / 2e-4
    np.testing.assert_allclose(forces, slopes, atol=1e-8)
    assert np.abs(forces[:32]).max() == 0 < np.abs(forces[32:48, 2]).min()
    assert abs(forces.sum()) < 1e-12
    above = positions[48:, 2] - positions[32:48, 2].mean()
    np.testing.assert_allclose(restraint.heights(positions), above)
    assert restraint.energy(positions) == pytest.approx(1.25 * ((above - 4.0) ** 2).sum())


@pytest.mark.parametrize("shift", [-6.0, 3.7, 9.5])
def test_images_do_not_matter_and_heights_are_those_of_the_analysis(shift: float) -> None:
    """A slab that straddles the cell's end, and atoms many cells away."""
    here, (system, there) = restrained(gold(2, 4.6))[1], restrained(gold(2, 4.6, shift))
    start = system.start
    assert there.energy(start.positions) == pytest.approx(0.36, abs=1e-9)
    np.testing.assert_allclose(there.forces(start.positions), here.forces(gold(2, 4.6).positions), atol=1e-9)
    faces = surface(start.numbers, start.positions[None], np.array(start.cell), Slab.of(79)).faces
    analysed = faces[0].heights(start.positions[None], np.array(start.cell), np.array([48, 49]))
    np.testing.assert_allclose(there.heights(start.positions), analysed[0], atol=1e-9)
    strewn = start.positions.copy()
    strewn[::2] += 3 * np.array(start.cell)[2]
    assert there.energy(strewn) == pytest.approx(0.36, abs=1e-9)


def test_a_lower_face_counts_downwards() -> None:
    system, restraint = restrained(gold(1))
    below = type(restraint)(
        restraint.atoms, restraint.targets, restraint.springs, Face(np.arange(16), -1.0), restraint.period, 49
    )
    positions = system.start.positions.copy()
    positions[48, 2] = positions[:16, 2].mean() - 4.5
    assert below.heights(positions)[0] == pytest.approx(4.5)
    assert below.forces(positions)[48, 2] == pytest.approx(0.5)


def test_a_spring_alone_gives_its_target_and_the_variance_kT_over_k() -> None:
    """Exactly so whatever ties the gold, which moves: the height's own Gaussian factors out.

    40 ps of eight ions, some 1,500 independent heights: errors of 0.004 Å and 4 %.
    """
    atoms = gold(8, apart=1.5)
    system, restraint = restrained(atoms, BOTTOM)
    engine = AseEngine(system, Nothing(atoms.positions.copy()), PARAMETERS)
    heights, energies, conserved = [], [], []
    for _ in range(5000):
        engine.advance(2)
        sample = engine.sample()
        heights.append(restraint.heights(sample.positions))
        energies.append(restraint.energy(sample.positions))
        conserved.append(sample.conserved)
    settled = np.array(heights)[500:]
    assert settled.mean() == pytest.approx(4.0, abs=0.015)
    assert settled.var() == pytest.approx(kB * 300.0, rel=0.15)
    assert np.mean(energies[500:]) == pytest.approx(8 * kB * 300.0 / 2, rel=0.15)
    assert np.ptp(conserved) / len(atoms) < 2e-3
    without = np.array(conserved) - energies
    assert without.std() > 5 * np.std(conserved)


def test_potential_forces_and_parity_are_the_model_s_alone() -> None:
    atoms = gold(2, 4.5)
    system, restraint = restrained(atoms, BOTTOM)
    engine = AseEngine(system, Nothing(), PARAMETERS)
    assert engine.sample().potential == engine.answer().energy == 0.0
    assert not engine.answer().forces.any()
    thermometer = Thermometer.of(system)
    assert engine.conserved() == pytest.approx(thermometer.kinetic(engine.momenta()) + 0.25)
    assert restraint.energy(atoms.positions) == pytest.approx(0.25)

    class Flat:
        def evaluate(self, frames: Any, batch_size: int) -> tuple[Any, Any]:
            return np.zeros(1), np.zeros((50, 3))

    Parity(Flat(), system, "ase", Tolerance(1e-12, 1e-12)).check(engine)


@pytest.mark.parametrize(
    "thermostat", [{"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}, PARAMETERS["thermostat"]]
)
def test_a_restored_state_continues_to_the_same_bits(thermostat: dict[str, Any]) -> None:
    atoms = gold(3)
    through, fresh = (
        AseEngine(
            restrained(atoms, BOTTOM)[0],
            Nothing(atoms.positions.copy()),
            PARAMETERS | {"thermostat": thermostat, "seed": seed},
        )
        for seed in (3, 4)
    )
    same_bits(through, fresh, (1, 20, 9), 20)


def asked(*heights: dict[str, Any]) -> dict[str, Any]:
    usual = {"target": 4.0, "spring": 1.0}
    return {"metal": "Au", "heights": [usual | own for own in heights]}


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ([{"atoms": "K"}], "the start has no K"),
        ([{"atoms": [50]}], "no atoms [50], the start has 50"),
        ([{"atoms": [-1]}], "no atoms [-1]"),
        ([{"atoms": "Na"}, {"atoms": [49]}], "atoms [49] are named twice"),
        ([{"atoms": [48, 48]}], "atoms [48] are named twice"),
        ([{"atoms": [0]}], "atoms [0] are the slab's"),
        ([{"atoms": "Na", "target": 10.6}], "atom 48 starts at 4.00 Å, its target is 10.6 Å: 21.8 eV"),
    ],
)
def test_what_cannot_be_restrained_is_refused(heights: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputFailure) as caught:
        restraint_of(asked(*heights), System.prepare(gold(2), []).start)
    assert message in str(caught.value)


def test_starts_without_one_surface_and_fixed_atoms_are_refused() -> None:
    bare = gold(1)
    bare.pbc = [True, True, False]
    with pytest.raises(InputFailure, match="must repeat along z"):
        restraint_of(asked({"atoms": "Na"}), System.prepare(bare, []).start)
    with pytest.raises(InputFailure, match="no surface"):
        restraint_of(asked({"atoms": "Na"}) | {"metal": "Pt"}, System.prepare(gold(1), []).start)
    with pytest.raises(InputFailure, match=r"atoms \[48\] are fixed"):
        of_task(System.prepare(gold(1), [48]), {"restraints": asked({"atoms": "Na"})})


# Heavy hydrogen.


def waters() -> Atoms:
    """Two molecules, one across the cell's end."""
    atoms = molecule("H2O") + molecule("H2O")
    atoms.positions[3:] += [3.0, 0.0, 0.4]
    atoms.set_cell([6.0] * 3)
    atoms.pbc = True
    atoms.wrap()
    return atoms


def test_hydrogen_takes_its_mass_from_its_own_oxygen() -> None:
    heavy = with_heavy_hydrogen(waters(), 4.0)
    masses = heavy.get_masses()
    np.testing.assert_allclose(masses, [15.999 - 2 * (4.0 - 1.008), 4.0, 4.0] * 2)
    assert masses.sum() == pytest.approx(waters().get_masses().sum())
    assert not waters().has("masses")
    ion = Atoms("OH", [[0, 0, 0], [0, 0, 0.97]], cell=[9.0] * 3, pbc=True)
    np.testing.assert_allclose(with_heavy_hydrogen(ion, 4.0).get_masses(), [15.999 - 2.992, 4.0])


def test_masses_of_the_start_count() -> None:
    """Deuterium of a file has less to take."""
    atoms = waters()
    own = atoms.get_masses()
    own[1] = 2.014
    atoms.set_masses(own)
    np.testing.assert_allclose(with_heavy_hydrogen(atoms, 4.0).get_masses()[:3], [11.021, 4.0, 4.0])


@pytest.mark.parametrize(
    ("atoms", "mass", "message"),
    [
        (Atoms("Na"), 4.0, "no H bound to O"),
        (Atoms("OH", [[0, 0, 0], [0, 0, 1.6]]), 4.0, r"H \[1\] are farther than 1.5 Å"),
        (molecule("H2O"), 1.0, "1 u, but some H of the start has 1.008 u"),
        (molecule("H2O"), 6.5, "would leave an O with 5.0. u"),
    ],
)
def test_masses_that_cannot_be_are_refused(atoms: Atoms, mass: float, message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        with_heavy_hydrogen(atoms, mass)


def test_the_temperature_counts_the_masses_in_use() -> None:
    """Momenta are drawn for them: each species begins at 300 K, and H with four times the variance."""
    system = System.prepare(with_heavy_hydrogen(waters(), 4.0), [])
    engine = AseEngine(system, Nothing(), PARAMETERS)
    thermometer = Thermometer.of(system)
    np.testing.assert_allclose(thermometer.by_species(engine.momenta()), [300.0, 300.0])
    speeds = engine.momenta()[[1, 2, 4, 5]] / 4.0
    assert 4.0 * np.sum(speeds**2) / 12 == pytest.approx(kB * 300.0)
