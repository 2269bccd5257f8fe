"""SPC/Fw labels against formulas worked out by hand, finite differences, and themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import write
from labelling import LabelConformance

from mlipbench_hpc.analysis.correlation import statistical_inefficiency
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import EXIT_COMMITTED, InputFailure, Potential, Task
from mlipbench_hpc.data.check import check_frames
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.interface import Labeller
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.spc_fw.adapter import SpcFw, labeller
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.builders.water import water_box

pytestmark = pytest.mark.engine
POTENTIAL = Potential("spc-fw", "mlipbench_hpc.potentials.spc_fw", 1)
KCAL_MOL = 4184.0 / 96485.33212  # eV: J/mol over C/mol


def molecule(bonds: tuple[float, float], degrees: float, edge: float = 60.0) -> Frames:
    angle = np.radians(degrees)
    first = bonds[0] * np.array([1.0, 0.0, 0.0])
    second = bonds[1] * np.array([np.cos(angle), np.sin(angle), 0.0])
    middle = np.full(3, edge / 2)
    return Frames.from_atoms(
        [Atoms("OH2", positions=[middle, middle + first, middle + second], cell=[edge] * 3, pbc=True)]
    )


def test_energy_of_one_bent_molecule_is_that_of_its_springs():
    """Charges in one molecule do not see each other; its periodic images, a dipole lattice, give 7e-5 eV."""
    frames = molecule((1.05, 0.98), 100.0)
    energy, forces = SpcFw(Box.of(frames, 0), SpcFw.label_accuracy).label(frames.positions)
    bonds = 529.581 * (0.038**2 + 0.032**2)
    angle = 37.95 * np.radians(13.24) ** 2
    assert energy == pytest.approx((bonds + angle) * KCAL_MOL, abs=2e-4)
    pull = -2 * 529.581 * 0.038 * KCAL_MOL  # along the first bond, on its H
    assert forces[1, 0] == pytest.approx(pull, abs=2e-3)
    assert forces.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-3)


def test_two_oxygens_attract_and_repel_as_point_charges_and_lennard_jones_say():
    """Energy of two rigid molecules 4 Å apart less that at 20 Å, against the sum over pairs by hand."""
    first = molecule((1.012, 1.012), 113.24)

    def pair(distance: float) -> tuple[Frames, float]:
        shift = np.array([0.0, 0.0, distance])
        positions = np.concatenate([first.positions, first.positions + shift])
        image = Atoms("OH2OH2", positions=positions, cell=[60.0] * 3, pbc=True)
        charges = np.array([-0.82, 0.41, 0.41])
        gaps = np.linalg.norm(positions[:3, None] - positions[None, 3:], axis=-1)
        coulomb = 14.399645 * (np.outer(charges, charges) / gaps).sum()
        ratio, at_cut = (3.165492 / distance) ** 6, (3.165492 / 9.0) ** 6
        dispersion = 4 * 0.1554253 * KCAL_MOL * ((ratio**2 - ratio) - (at_cut**2 - at_cut)) * (distance < 9.0)
        return Frames.from_atoms([image]), coulomb + dispersion

    near, by_hand = pair(4.0)
    far, by_hand_far = pair(20.0)
    energies = [SpcFw(Box.of(one, 0), SpcFw.label_accuracy).label(one.positions)[0] for one in (near, far)]
    assert energies[0] - energies[1] == pytest.approx(by_hand - by_hand_far, abs=2e-3)


class TestLabels(LabelConformance):
    def labeller(self) -> Labeller:
        return labeller({})

    def frame(self) -> Frames:
        return water_box(molecules=16, density=0.9, seed=3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Atoms("OHO", [[0, 0, 0], [1, 0, 0], [5, 5, 5]], cell=[10] * 3, pbc=True), "must form water"),
        (Atoms("OH2", [[0, 0, 0], [1, 0, 0], [0, 3, 0]], cell=[10] * 3, pbc=True), "exactly two H"),
        (Atoms("OH2", [[0, 0, 0], [1, 0, 0], [0, 1, 0]], cell=[10] * 3, pbc=[1, 1, 0]), "orthorhombic"),
        (
            Atoms("OH2", [[0, 0, 0], [1, 0, 0], [0, 1, 0]], cell=[9, 9, 9, 80, 90, 90], pbc=True),
            "orthorhombic",
        ),
    ],
)
def test_anything_but_water_in_a_box_is_refused(image: Atoms, message: str):
    with pytest.raises(InputFailure, match=message):
        Box.of(Frames.from_atoms([image]), 0)


def test_other_species_are_refused_by_name():
    ion = Atoms("Na", [[1, 2, 3]], cell=[10] * 3, pbc=True)
    frames = Frames.from_atoms([molecule((1.0, 1.0), 110.0, 10.0).atoms(0) + ion])
    with pytest.raises(InputFailure, match="spc-fw knows only O, H; received Na"):
        SpcFw(Box.of(frames, 0), 1e-4)


def sampled(root: Path, **changes: Any) -> tuple[Frames, dict[str, Any]]:
    """Frames and values of a task that samples and labels a small box."""
    store = Store(root)
    store.create()
    build = Task("build", 1, "tests", "0", {"kind": "water_box", "molecules": 16, "density": 0.95, "seed": 1})
    how = {"potential": "spc-fw", "temperatures": [300.0, 360.0], "frames": 5, "timestep": 0.0005}
    how |= {"equilibration": 0.2, "every": 0.05, "seed": 2}
    label = Task("label", 1, "tests", "0", how | changes, {"system": build.key}, potential=POTENTIAL)
    for task in (build, label):
        assert attempt(store.begin(task), None, commit=True) == EXIT_COMMITTED
    values = (store.result(label.key) or {})["values"]
    return Frames.load(store.task(label.key) / "frames.npz"), values


def test_frames_of_the_user_s_without_labels_are_given_theirs(tmp_path: Path):
    """Three boxes in one file; the numbers are those of an engine that is asked directly."""
    boxes = [water_box(8, 0.9, seed) for seed in range(3)]
    write(tmp_path / "three.extxyz", [box.atoms(0) for box in boxes], format="extxyz")
    store = Store(tmp_path / "store")
    store.create()
    how = {"kind": "structures", "format": "extxyz", "frames": None}
    inputs = {"data": store.add_input(tmp_path / "three.extxyz")}
    build = Task("build", 1, "tests", "0", how, inputs=inputs)
    label = Task(
        "label", 1, "tests", "0", {"potential": "spc-fw"}, {"frames": build.key}, potential=POTENTIAL
    )
    for task in (build, label):
        assert attempt(store.begin(task), None, commit=True) == EXIT_COMMITTED
    before, after = (Frames.load(store.task(task.key) / "frames.npz") for task in (build, label))
    assert np.isnan(before.energies).all()
    assert np.isnan(before.forces).all()
    for index in range(3):
        own = before.positions[before.atoms_of(index)]
        energy, forces = SpcFw(Box.of(before, index), SpcFw.label_accuracy).label(own)
        assert after.energies[index] == pytest.approx(energy, abs=1e-9)
        np.testing.assert_allclose(after.forces[after.atoms_of(index)], forces, atol=1e-9)
    assert "sampling" not in (store.result(label.key) or {})["values"]


def labelled(root: Path) -> Frames:
    return sampled(root)[0]


def test_generated_frames_are_hot_water_and_the_same_every_time(tmp_path: Path):
    frames = labelled(tmp_path / "one")
    assert len(frames) == 5
    assert check_frames(frames, 50.0) == []
    steps = frames.positions.reshape(-1, 3, 3)
    bonds = np.linalg.norm(steps[:, 1:] - steps[:, :1], axis=-1)  # molecules are whole: no minimum image
    assert bonds.mean() == pytest.approx(1.03, abs=0.015)
    assert 0.02 < bonds.std() < 0.06
    assert np.abs(frames.forces.sum(axis=0) / len(frames)).max() < 0.05
    per_molecule = frames.energies / 16 / (units.kcal / units.mol)
    assert -12.0 < per_molecule.mean() < -6.0
    again = labelled(tmp_path / "two")
    assert np.array_equal(again.positions, frames.positions)
    assert np.array_equal(again.forces, frames.forces)


def test_frames_that_follow_each_other_closely_are_said_to_be_correlated(tmp_path: Path):
    """A step of 0.5 fs apart: a stretch of O-H takes some twenty. The number is that of the labels."""
    frames, values = sampled(tmp_path, every=0.0005, frames=160)
    assert [row["frames"] for row in values["sampling"]] == [80, 80]
    for row, energies in zip(values["sampling"], np.split(frames.energies, 2), strict=True):
        assert (row["temperature_K"], row["every_ps"]) in {(300.0, 0.0005), (360.0, 0.0005)}
        assert row["statistical_inefficiency"] > 2
        assert row["statistical_inefficiency"] == pytest.approx(statistical_inefficiency(energies), rel=0.02)


def test_what_rattled_frames_were_before_is_what_counts(tmp_path: Path):
    plain = sampled(tmp_path / "plain", frames=20)[1]["sampling"]
    rattle = {"distance": 0.05, "every": 2}
    assert sampled(tmp_path / "rattled", frames=20, rattle=rattle)[1]["sampling"] == plain
