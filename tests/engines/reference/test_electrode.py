"""The constant-charge electrode against laws of electrostatics, an Ewald sum, and finite differences."""

import gc
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from labelling import LabelConformance

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import EXIT_COMMITTED, InputFailure, Potential, Task, TaskFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.potentials.electrode.adapter import Electrode, ThreePeriodicElectrode
from mlipbench_hpc.potentials.interface import Labeller
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.shared.film import Vacuum
from mlipbench_hpc.potentials.shared.labeller import LammpsLabeller
from mlipbench_hpc.potentials.shared.lammps_potential import LammpsPotential
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.builders.slab import interface
from mlipbench_hpc.worker.sampling import label_rattled, rattled

pytestmark = pytest.mark.engine
POTENTIAL = Potential("electrode", "mlipbench_hpc.potentials.electrode", 1)
COULOMB = 14.399645  # eV·Å/e²
KCAL_MOL = 4184.0 / 96485.33212


VOLT_A = 4 * np.pi * COULOMB  # e/ε0


@cache
def relaxed(ions: int, layers: int = 2) -> tuple[Frames, Floats]:
    """A slab of 4x4 atoms a layer under 24 waters, free of the builder's worst contacts."""
    frames, _ = interface((4, 4, layers), 24, ions, 4.08, 0.997, 12.0, 1)
    engine = Electrode(Box.of(frames, 0), 1e-4)
    engine.minimise(frames.positions, np.zeros(0, dtype=np.int64))
    return frames, engine.positions()


class Finer(ThreePeriodicElectrode):
    """With a mesh fine enough for finite differences of the energy."""

    label_accuracy = 1e-6


class TestLabels(LabelConformance):
    def labeller(self) -> Labeller:
        return LammpsLabeller(Electrode, {})

    def frame(self) -> Frames:
        frames, positions = relaxed(2)
        return replace(frames, positions=positions)


class TestThreePeriodicLabels(TestLabels):
    def labeller(self) -> Labeller:
        return LammpsLabeller(Finer, {})


def ewald(correction: str) -> type[Electrode]:
    """An Ewald sum without a mesh in place of PPPM's."""

    class Ewald(Electrode):
        kspace = "ewald/electrode"

        @classmethod
        def correction(cls, box: Box, accuracy: float) -> list[str]:
            return [f"kspace_modify slab {correction}"]

    return Ewald


def test_the_corrected_sum_is_the_two_dimensional_one():
    """EW3DC of a cell three or five times as high against Ewald's sum in two dimensions; then the labels.

    Each sum has a LAMMPS of its own: ewald/electrode keeps structure factors of earlier positions at a step.
    """
    frames, positions = relaxed(2)
    box = Box.of(frames, 0)
    energy, forces = ewald("ew2d")(box, 1e-8).label(positions)
    for factor in ("3.0", "5.0"):
        corrected, same = ewald(factor)(box, 1e-8).label(positions)
        assert corrected == pytest.approx(energy, abs=1e-5)
        assert np.abs(same - forces).max() < 1e-5
    engine = Electrode(box, Electrode.label_accuracy)
    label, rough = engine.label(positions)
    assert label == pytest.approx(energy, abs=2e-3)
    assert np.abs(rough - forces).max() < 1e-3


def test_three_periodic_images_polarise_each_other():
    """A field D'/(ε0 V), D' the dipole in it: -D D'/(2 ε0 V) of energy, as any linear response, D without.

    The field is what pulls Na+ away from the metal.
    """
    frames, positions = relaxed(2)
    engines = [potential(Box.of(frames, 0), 1e-6) for potential in (Electrode, ThreePeriodicElectrode)]
    (single, without), (periodic, within) = (engine.label(positions) for engine in engines)
    alone, among = (engine.answers(np.nan).dipoles[0] for engine in engines)
    field = VOLT_A * among / float(np.prod(np.diag(frames.cells[0])))
    assert field > 0.05
    assert periodic - single == pytest.approx(-alone * field / 2, rel=5e-3)
    sodium = (within - without)[frames.numbers == 11]
    assert sodium == pytest.approx(np.array([[0.0, 0.0, field]] * 2), abs=2e-3)


@pytest.mark.parametrize("ions", [0, 1, 2])
def test_the_back_of_three_layers_is_free_of_charge(ions: int):
    frames, positions = relaxed(ions, layers=3)
    charges = []
    for potential in (Electrode, ThreePeriodicElectrode):
        engine = potential(Box.of(frames, 0), 1e-6)
        engine.label(positions)
        charges.append(engine.answers(np.nan).charges[:16].sum())
    assert abs(charges[0]) < 0.01
    assert ions == 0 or abs(charges[1]) > 0.05


def field_above(potential: type[ThreePeriodicElectrode]) -> tuple[float, float]:
    """V/Å, 12 Å above a film with two ions, and e·Å: that film's dipole.

    A molecule of water pointing up and down there: its energies differ by -2μE; its images, and what it does
    to the metal, are the same both ways. The cell is lengthened, so that the next slab is as far away.
    """
    frames, positions = relaxed(2)
    edges = np.diag(frames.cells[0]) * [1, 1, 0] + [0, 0, 60.0]
    film = Atoms(frames.numbers, positions, cell=edges, pbc=True)
    engine = potential(Box.of(Frames.from_atoms([film]), 0), 1e-6)
    engine.label(positions)
    dipole = engine.answers(np.nan).dipoles[0]
    half = np.radians(113.24) / 2
    across, along = 1.012 * np.sin(half), 1.012 * np.cos(half)
    energies = []
    for way in (1, -1):
        top = [*edges[:2] / 2, positions[:, 2].max() + 12.0]
        probe = Atoms("OH2", [top, *(top + np.array([side, 0, way * along]) for side in (across, -across))])
        both = Frames.from_atoms([film + probe])
        energies.append(potential(Box.of(both, 0), 1e-6).label(both.positions)[0])
    return (energies[1] - energies[0]) / (2 * 0.82 * along), dipole


def test_there_is_no_field_in_the_vacuum_but_with_three_periodic_electrostatics():
    """The latter's is D/(ε0 V), of the slab whose two sides they bring to one potential."""
    field, _ = field_above(Electrode)
    assert abs(field) < 2e-3
    periodic, dipole = field_above(ThreePeriodicElectrode)
    area = float(np.prod(np.diag(relaxed(2)[0].cells[0])[:2]))
    assert periodic == pytest.approx(VOLT_A * dipole / (area * 60.0), rel=0.03)
    assert abs(periodic) > 0.05


@pytest.mark.parametrize("potential", [Electrode, ThreePeriodicElectrode])
def test_the_dipole_is_exactly_that_of_waters_ions_and_metal(potential: type[ThreePeriodicElectrode]):
    frames, positions = relaxed(2)
    engine = potential(Box.of(frames, 0), 1e-5)
    engine.label(positions)
    answers = engine.answers(np.nan)
    waters = 0.41 * sum(
        positions[hydrogen, 2] - positions[molecule[0], 2]
        for molecule in Box.of(frames, 0).waters
        for hydrogen in molecule[1:]
    )
    gold = frames.numbers == 79
    heights = positions[:, 2] - positions[gold, 2].mean()
    parts = [waters, heights[frames.numbers == 11].sum(), answers.charges[gold] @ heights[gold]]
    assert answers.parts[0] == pytest.approx(parts, abs=1e-6)
    assert answers.dipoles[0] == pytest.approx(sum(parts), abs=1e-6)


def test_the_vacuum_is_above_the_metal_by_the_dipole():
    """φ(vacuum) - φ(metal) = D/(ε0 A) but for the charge on the back: 2 mV here, of 14.7 V; N = 0 and 2."""
    for ions in (0, 2):
        frames, positions = relaxed(ions, layers=3)
        engine = Electrode(Box.of(frames, 0), 1e-6)
        engine.label(positions)
        answers = engine.answers(np.nan)
        area = float(np.prod(np.diag(frames.cells[0])[:2]))
        assert answers.potentials[0] == pytest.approx(-VOLT_A * answers.dipoles[0] / area, abs=5e-3)


def test_a_film_across_the_cell_s_end_is_labelled_as_it_is_elsewhere():
    """Shifts by whole Å move mesh and atoms alike; the wrapped film stands in two pieces."""
    frames, positions = relaxed(2)
    energy, forces = Electrode(Box.of(frames, 0), 1e-5).label(positions)
    for shift in (9.0, 15.0, 19.0):
        moved = replace(frames, positions=(positions + np.array([0, 0, shift])) % np.diag(frames.cells[0]))
        engine = Electrode(Box.of(moved, 0), 1e-5)
        other, same = engine.label(moved.positions)
        assert other == pytest.approx(energy, abs=1e-6)
        assert np.abs(same - forces).max() < 1e-5
        assert np.abs(engine.positions() - Box.of(moved, 0).whole(moved.positions)).max() < 1e-9


def test_a_slab_that_sees_its_image_is_refused_and_charge_too():
    frames, positions = relaxed(2)
    tall = np.ptp(positions[:, 2])
    for vacuum, fits in ((9.1, True), (8.9, False)):
        cells = np.diag([*np.diag(frames.cells[0])[:2], tall + vacuum])[None]
        lower = replace(frames, cells=cells, positions=positions)
        engine = Electrode(Box.of(lower, 0), 1e-4)
        if fits:
            engine.label(positions)
            continue
        with pytest.raises(InputFailure, match=r"is 8\.9 Å, expected more than the cutoff of 9 Å"):
            engine.label(positions)
        ThreePeriodicElectrode(Box.of(lower, 0), 1e-4).label(positions)


def test_a_cell_that_is_not_neutral_is_refused():
    class Charged(Electrode):
        @staticmethod
        def _charge(box: Box) -> int:
            return -1

    frames, positions = relaxed(2)
    with pytest.raises(TaskFailure, match=r"total charge is 1\.00e\+00 e, expected 0"):
        Charged(Box.of(frames, 0), 1e-4).label(positions)


@pytest.mark.parametrize("potential", [Electrode, ThreePeriodicElectrode])
@pytest.mark.parametrize("ions", [0, 2])
def test_the_electrode_balances_the_ions_and_answers_with_its_potential(
    ions: int, potential: type[ThreePeriodicElectrode]
):
    """The potential is the slope of the energy in the total charge: checked by giving it a little more.

    That of a slab by itself counts from the mean of its two sides, D/(2 ε0 A) below the vacuum above.
    """
    frames, positions = relaxed(ions)
    engine = potential(Box.of(frames, 0), 1e-6)
    engine.label(positions)
    answers = engine.answers(21.0)
    gold = frames.numbers == 79
    assert answers.charges[gold].sum() == pytest.approx(-ions, abs=1e-8)
    assert answers.charges.sum() == pytest.approx(0.0, abs=1e-8)
    assert answers.charges[~gold].tolist() == pytest.approx(
        [{8: -0.82, 1: 0.41, 11: 1.0}[int(number)] for number in frames.numbers[~gold]]
    )
    assert answers.dipoles[0] == pytest.approx(float(answers.charges @ positions[:, 2]), abs=1e-4)
    assert answers.walls.tolist() == [21.0]
    energies = []
    for more in (0.02, -0.02):
        engine.lammps.commands_string(
            "unfix electrode\n"
            f"fix electrode gold electrode/conq {-ions + more} 1.979 algo cg 1e-7 etypes on\n"
            "fix_modify electrode energy no"
        )
        energies.append(LammpsPotential.label(engine, positions)[0])
    half = VOLT_A * answers.dipoles[0] / (2 * np.prod(np.diag(frames.cells[0])[:2]))
    zero = half if potential is Electrode else 0.0
    assert answers.potentials[0] + zero == pytest.approx((energies[0] - energies[1]) / 0.04, abs=1e-3)


def image_law(height: float, edges: Floats, gap: float) -> float:
    """Energy (eV) of a lattice of charges +e at `height` over a conductor, and one more conductor above it.

    -e²/(4h) = -3.600 eV·Å/h for the charge and its own image; then half its energy with the others and their
    images, summed over a rectangle and, outside of it, as 2h²∫dA/R³ = 2h²·4·√(a²+b²)/(ab); last the field of
    the second plate, which only the mean charge reaches: -2πh²/(A·gap), gap between the plates, or inf.
    """
    count, (a, b) = 60, edges[:2]
    steps = np.arange(-count, count + 1)
    distances = np.hypot(*np.meshgrid(steps * a, steps * b)).ravel()
    distances = distances[distances > 0]
    half = (count + 0.5) * edges[:2]
    outside = 2 * height**2 * 4 * np.hypot(*half) / np.prod(half) / (a * b)
    others = np.sum(1 / distances - 1 / np.hypot(distances, 2 * height)) + outside
    return COULOMB * (-1 / (4 * height) + others / 2 - 2 * np.pi * height**2 / (a * b * gap))


@pytest.mark.parametrize("potential", [Electrode, ThreePeriodicElectrode])
@pytest.mark.parametrize("site", [(0.0, 0.0), (1.44, 0.83)], ids=["atop", "hollow"])
def test_an_ion_over_the_bare_slab_follows_the_image_law(
    site: tuple[float, float], potential: type[ThreePeriodicElectrode]
):
    """From 3 to 10 Å within 5 meV of 1.5 eV, with one fitted length: where the image plane lies.

    A slab by itself has nothing above it, a three-periodic one the back of its own image.
    """
    slab = fcc111("Au", (8, 8, 3), a=4.08, orthogonal=True, vacuum=0.0)
    edges = np.array([slab.cell[0, 0], slab.cell[1, 1], 80.0])
    gold = slab.positions - [0, 0, slab.positions[:, 2].max()] + [0, 0, 10.0]
    place = [*site, 15.0]
    both = Atoms(f"Au{len(gold)}Na", [*gold, place], cell=edges, pbc=True)
    frames = Frames.from_atoms([both])
    engine = potential(Box.of(frames, 0), 1e-6)
    heights = np.array([3.0, 4.0, 5.0, 6.0, 8.0, 10.0])
    energies = [engine.label(np.vstack([gold, [*site, 10.0 + h]]))[0] - pair(gold, site, h) for h in heights]

    def misfit(plane: float) -> Floats:
        gap = np.inf if potential is Electrode else 80.0 - np.ptp(gold[:, 2]) - 2 * plane
        result = energies - np.array([image_law(h - plane, edges, gap) for h in heights])
        return np.asarray(result - result.mean())

    planes = np.linspace(-0.2, 0.2, 81)
    plane = planes[int(np.argmin([np.sum(misfit(p) ** 2) for p in planes]))]
    assert -0.15 < plane < 0.15
    assert np.abs(misfit(plane)).max() < 5e-3
    assert energies[-1] - energies[0] > 1.4


def pair(gold: Floats, site: tuple[float, float], height: float) -> float:
    """Na-Au Lennard-Jones by hand: ε 0.05 kcal/mol, σ 3 Å, cut and shifted at 9 Å (the cell is wider)."""
    steps = gold - [*site, 10.0 + height]
    edges = np.array([8 * 4.08 / 2**0.5, 8 * 4.08 * (3 / 8) ** 0.5])
    steps[:, :2] -= edges * np.round(steps[:, :2] / edges)
    distances = np.linalg.norm(steps, axis=1)
    near = (3.0 / distances[distances < 9.0]) ** 6
    return float(np.sum(4 * 0.05 * KCAL_MOL * (near**2 - near - (1 / 3**12 - 1 / 3**6))))


GOLD, OXYGEN, SODIUM = (5.29, 2.951 / 2 ** (1 / 6)), (0.1554253, 3.165492), (0.3526, 2.1595)


@pytest.mark.parametrize(
    ("symbols", "epsilon", "sigma"),
    [
        ("Au2Na", *GOLD),
        ("AuNa", 0.05, 3.0),
        ("AuOH2", (GOLD[0] * OXYGEN[0]) ** 0.5, (GOLD[1] + OXYGEN[1]) / 2),
        ("NaOH2Au", (SODIUM[0] * OXYGEN[0]) ** 0.5, (SODIUM[1] + OXYGEN[1]) / 2),
        ("Na2Au", *SODIUM),
    ],
)
def test_lennard_jones_of_each_pair_is_that_of_the_papers(symbols: str, epsilon: float, sigma: float):
    """The first two atoms 3.1 Å apart, by hand; a third one is beyond the cutoff of 9 Å."""
    image = Atoms(symbols, cell=[40.0] * 3, pbc=True)
    image.positions[:] = [20.0, 20.0, 35.0]
    image.positions[:2] = [[20.0, 20.0, 10.0], [20.0, 20.0, 13.1]]
    for hydrogen, side in zip(np.flatnonzero(image.numbers == 1), (0.8, -0.8), strict=False):
        image.positions[hydrogen] = image.positions[1] + [side, 0.0, 0.5]
    frames = Frames.from_atoms([image])
    engine = Electrode(Box.of(frames, 0), 1e-4)
    engine.label(frames.positions)
    near, cut = (sigma / 3.1) ** 6, (sigma / 9.0) ** 6
    by_hand = 4 * epsilon * ((near**2 - near) - (cut**2 - cut))
    assert engine.lammps.get_thermo("evdwl") == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Atoms("Na", [[1, 2, 3]], cell=[20] * 3, pbc=True), "needs gold"),
        (Atoms("Au", [[1, 2, 3]], cell=[20] * 3, pbc=True), "gold and, beside it, charges"),
        (Atoms("AuCl", [[1, 2, 3], [5, 5, 5]], cell=[20] * 3, pbc=True), "received Cl"),
        (Atoms("AuOH", [[1, 2, 3], [5, 5, 5], [5, 5, 6]], cell=[20] * 3, pbc=True), "received 1 H and 1 O"),
    ],
)
def test_what_the_potential_does_not_know_is_refused(image: Atoms, message: str):
    with pytest.raises(InputFailure, match=message):
        Electrode(Box.of(Frames.from_atoms([image]), 0), 1e-4)


SLAB = {"kind": "slab", "size": [4, 4, 2], "waters": 24, "ions": 1, "lattice_constant": 4.08}
SLAB |= {"density": 0.997, "vacuum": 12.0, "seed": 3}
LABELLED = {"potential": "electrode", "electrostatics": "slab-corrected"}
PARAMETERS = LABELLED | {"temperatures": [300.0, 330.0], "frames": 5, "timestep": 0.0005}
PARAMETERS |= {"equilibration": 0.1, "every": 0.05, "seed": 2, "gold": "mobile"}


def done(store: Store, verb: str, how: dict[str, Any], **upstream: Task) -> Task:
    keys = {role: one.key for role, one in upstream.items()}
    task = Task(verb, 1, "tests", "0", how, keys, potential=POTENTIAL if verb == "label" else None)
    assert attempt(store.begin(task), None, commit=True) == EXIT_COMMITTED
    return task


def sampled(root: Path, **changes: Any) -> tuple[Store, Task, Task]:
    store = Store(root)
    store.create()
    build = done(store, "build", SLAB)
    return store, build, done(store, "label", PARAMETERS | changes, system=build)


def labels_of(store: Store, task: Task) -> tuple[Frames, Answers]:
    answers = Answers.load(store.task(task.key))
    assert answers is not None
    return Frames.load(store.task(task.key) / "frames.npz"), answers


def test_sampled_interfaces_are_the_same_every_time_and_labelled_again_the_same(tmp_path: Path):
    store, build, label = sampled(tmp_path / "one")
    frames, answers = labels_of(store, label)
    start = Frames.load(store.task(build.key) / "frames.npz")
    wall = (store.result(build.key) or {})["values"]["wall_A"]
    assert len(frames) == 5
    assert answers.walls.tolist() == [wall] * 5
    assert frames.pbc.all()
    assert np.array_equal(frames.cells, np.repeat(start.cells, 5, axis=0))
    for index in range(5):
        assert Vacuum.of(frames.positions[frames.atoms_of(index), 2], frames.cells[index, 2, 2]).width > 9.0
    gold = frames.numbers.reshape(5, -1) == 79
    assert answers.charges.reshape(5, -1)[gold].reshape(5, -1).sum(axis=1) == pytest.approx([-1.0] * 5)
    moved = np.abs(frames.positions.reshape(5, -1, 3) - start.positions).max(axis=2)
    assert (moved[:, :16] == 0.0).all()  # the lower of two layers
    assert (moved[:, 16:32].max(axis=1) > 0.01).all()
    again, answers_again = labels_of(*sampled(tmp_path / "two")[::2])
    assert np.array_equal(again.positions, frames.positions)
    assert np.array_equal(again.forces, frames.forces)
    assert np.array_equal(answers_again.charges, answers.charges)
    relabelled, answers_relabelled = labels_of(store, done(store, "label", LABELLED, frames=label))
    assert relabelled.energies == pytest.approx(frames.energies, abs=2e-5)
    assert relabelled.forces == pytest.approx(frames.forces, abs=2e-4)
    assert answers_relabelled.walls.tolist() == [wall] * 5
    parts = {"part-000000": label, "part-000001": label}
    joined, answers_joined = labels_of(store, done(store, "build", {"kind": "join"}, **parts))
    assert len(joined) == 10
    assert np.array_equal(joined.forces[len(frames.forces) :], frames.forces)
    assert answers_joined.charges.shape == (len(joined.numbers),)


def test_every_species_is_sampled_at_the_temperature():
    """Kinetic temperatures over 2 ps, known to some 12 K; hydrogen is two hundred times lighter than gold."""
    frames, positions = relaxed(0)
    engine = Electrode(Box.of(frames, 0), Electrode.sampling_accuracy)
    engine.minimise(positions, frozen := np.arange(16))
    engine.heat(300.0, 0.0005, 7)
    engine.advance(2000)
    masses = {79: 196.967, 8: 15.9994, 1: 1.008}  # g/mol
    mobile = np.setdiff1d(np.arange(len(positions)), frozen)
    temperatures: dict[int, list[float]] = {number: [] for number in masses}
    for _ in range(80):
        engine.advance(50)
        velocities = engine.gather("v", 3)
        for number, mass in masses.items():
            own = velocities[mobile[frames.numbers[mobile] == number]]  # Å/fs
            temperatures[number].append(mass * float((own**2).mean()) * 1e7 / 8.31446)
    assert {n: np.mean(own) for n, own in temperatures.items()} == pytest.approx(
        dict.fromkeys(masses, 300.0), abs=40.0
    )


def test_every_so_many_th_frame_is_rattled_and_molecules_stay_whole(tmp_path: Path):
    store, _, label = sampled(tmp_path / "one", temperatures=[300.0], frames=4)
    plain, _ = labels_of(store, label)
    store, _, label = sampled(
        tmp_path / "two", temperatures=[300.0], frames=4, rattle={"distance": 0.1, "every": 2}
    )
    frames, _ = labels_of(store, label)
    shifts = (frames.positions - plain.positions).reshape(4, -1, 3)
    assert (shifts[::2] == 0.0).all()
    numbers = frames.numbers.reshape(4, -1)[0]
    assert (shifts[:, numbers == 79] == 0.0).all()
    waters = Box.of(frames, 1).waters
    assert shifts[1::2, waters[:, 1:]] == pytest.approx(shifts[1::2, waters[:, :1]].repeat(2, axis=2))
    free = shifts[1::2, np.r_[waters[:, 0], np.flatnonzero(numbers == 11)]]
    assert free.std() == pytest.approx(0.1, rel=0.2)
    assert len(np.unique(free.round(9))) == free.size
    assert not np.array_equal(frames.energies[1::2], plain.energies[1::2])


def test_shifts_that_tear_molecules_apart_are_refused():
    water = Atoms("OHH", [[0, 0, 0], [0.6, 0.8, 0], [-0.6, 0.8, 0]], cell=[2.7] * 3, pbc=True)
    frame = Frames.from_atoms([water.repeat((3, 3, 3))])
    near = rattled(frame, 0.01, np.random.default_rng(1))
    assert near.positions == pytest.approx(frame.positions, abs=0.05)
    with pytest.raises(InputFailure, match="give a smaller distance"):
        rattled(frame, 1e3, np.random.default_rng(1))


def test_a_rattled_frame_with_absurd_forces_is_drawn_again_and_for_ever_is_refused():
    water = Atoms("OHH", [[0, 0, 0], [0.6, 0.8, 0], [-0.6, 0.8, 0]], cell=[4.0] * 3, pbc=True)
    frame, drawn = Frames.from_atoms([water.repeat((2, 2, 2))]), []

    class Absurd:
        def __init__(self, absurd: int):
            self.absurd = absurd

        def label(self, moved: Frames, _wall: float):
            drawn.append(moved.positions)
            force = 101.0 if len(drawn) <= self.absurd else 1.0
            return replace(moved, forces=np.full_like(moved.positions, -force)), None

    random = np.random.default_rng(1)
    labelled, _ = label_rattled(Absurd(2), frame, 9.0, 0.1, random)
    assert len(drawn) == 3
    assert np.array_equal(labelled.positions, drawn[2])
    assert not np.array_equal(drawn[1], drawn[2])
    with pytest.raises(InputFailure, match=r"forces above 100 eV/Å.*give a smaller distance"):
        label_rattled(Absurd(10**6), frame, 9.0, 0.1, random)


def test_rigid_gold_does_not_move(tmp_path: Path):
    store, build, label = sampled(tmp_path, gold="rigid", frames=2)
    frames, _ = labels_of(store, label)
    start = Frames.load(store.task(build.key) / "frames.npz")
    moved = np.abs(frames.positions.reshape(2, -1, 3) - start.positions).max(axis=2)
    assert (moved[:, :32] == 0.0).all()
    assert (moved[:, 32:].max(axis=1) > 0.01).all()


def test_the_wall_keeps_the_film_in_and_takes_no_energy():
    """Thrown upwards at ten times its thermal speed, with no thermostat: it stays below, energy as before."""
    frames, positions = relaxed(1)
    engine = Electrode(Box.of(frames, 0), 1e-5)
    film = np.flatnonzero(frames.numbers != 79)
    wall = float(positions[film, 2].max()) + 1.0
    engine.minimise(positions, np.flatnonzero(frames.numbers == 79))
    engine.lammps.commands_string("velocity mobile set 0 0 0.02\ntimestep 0.25\nfix move mobile nve")
    engine.reflect(wall, film)
    gc.collect()  # Nobody here holds the wall: LAMMPS has to.
    engine.lammps.command("run 0 post no")
    energies, highest = [], []
    for _ in range(90):
        engine.lammps.command("run 4 post no")
        energies.append(engine.lammps.get_thermo("etotal") * KCAL_MOL)
        highest.append(engine.positions()[film, 2].max())
    assert max(highest) > wall - 0.2
    assert max(highest) < wall + 0.1
    assert np.ptp(energies) < 0.05


def test_a_system_without_a_place_for_the_wall_cannot_be_sampled():
    frames, positions = relaxed(0)
    engine = Electrode(Box.of(frames, 0), 1e-4)
    with pytest.raises(InputFailure, match="no vacuum of 10 Å"):
        engine.prepare(positions, None, {"gold": "mobile"})
    with pytest.raises(InputFailure, match="film must lie above the gold"):
        engine.prepare(positions * [1, 1, -1], 20.0, {"gold": "mobile"})


def test_a_film_that_would_see_the_next_image_of_the_gold_cannot_be_sampled():
    frames, positions = relaxed(0)
    engine = Electrode(Box.of(frames, 0), 1e-4)
    gold = positions[frames.numbers == 79, 2].min() + float(engine.box.edges[2])
    assert engine.prepare(positions, gold - 9.01, {"gold": "mobile"}).wall == gold - 9.01
    with pytest.raises(InputFailure, match=r"received 8\.9 Å of vacuum.*more than its cutoff of 9 Å"):
        engine.prepare(positions, gold - 8.9, {"gold": "mobile"})
