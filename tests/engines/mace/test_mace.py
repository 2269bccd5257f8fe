"""The MACE adapter: physics that any potential must obey, and training that a kill cannot change."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mlipbench_hpc.architectures.mace as package
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.mace import adapter
from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.architectures.mace.training import learning_rate
from mlipbench_hpc.contract.task import InputFailure, Interrupted
from mlipbench_hpc.data.frames import Frames

REFERENCE = {1: -13.5, 8: -432.25}
SMALL = {
    "r_max": 3.0, "num_channels": 4, "max_L": 1, "max_ell": 2, "correlation": 2, "radial_MLP": [8],
    "num_radial_basis": 4, "epochs": 4, "batch_size": 2,
}  # fmt: skip


def hyperparameters(**changes: Any) -> dict[str, Any]:
    """The card's, made small enough to train in seconds."""
    return merge(load_card(Path(package.__file__).parent / "card.toml"), None, {**SMALL, **changes})


def water(count: int, molecules: int = 6, seed: int = 0) -> Frames:
    """Random water molecules in a periodic, sheared cell that differs by frame, with made-up labels."""
    from ase import Atoms
    from ase.build import molecule

    random = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        box = Atoms(cell=[[6.5, 0, 0], [0.7, 6.0, 0], [0, -0.4, 5.8 + random.random()]], pbc=True)
        for site in range(molecules):
            one = molecule("H2O")
            one.rotate(float(random.uniform(0, 360)), random.normal(size=3))
            place = np.array([3.2 * (site % 2), 3.0 * (site // 2 % 2), 2.9 * (site // 4)])
            one.translate(place + random.normal(0, 0.1, 3))
            box += one
        images.append(box)
    atoms = count * molecules * 3
    energies = molecules * (2 * REFERENCE[1] + REFERENCE[8]) + random.normal(0, 0.1, count)
    return Frames.from_atoms(images, energies, random.normal(0, 1.0, (atoms, 3)))


def job(folder: Path, **changes: Any) -> TrainingJob:
    """Six training and two validation frames; nothing is kept of checkpoints and rows."""
    folder.mkdir(exist_ok=True)
    whole = TrainingJob(
        folder=folder, train=water(6, seed=1), validation=water(2, seed=2), reference_energies=REFERENCE,
        hyperparameters=hyperparameters(), seed=3, device="cpu", dtype="float64", threads=1, resume=None,
        save=lambda epoch, files: None, report=lambda row: None,
    )  # fmt: skip
    return replace(whole, **changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mace") / "model"
    values = adapter.train(job(folder))
    assert values["epochs"] == 4
    assert values["parameters"] > 0
    return folder


@pytest.fixture(scope="module")
def model(trained: Path) -> MaceEvaluator:
    return adapter.load(trained, hyperparameters(), "cpu", "float64")


def test_forces_are_minus_the_gradient_of_the_energy(model: MaceEvaluator) -> None:
    frames, step = water(1, seed=4), 1e-4
    _, forces = model.evaluate(frames, 1)
    for atom, axis in [(0, 0), (1, 2), (8, 1), (17, 2)]:
        ends = []
        for sign in (1, -1):
            moved = frames.positions.copy()
            moved[atom, axis] += sign * step
            ends.append(model.evaluate(replace(frames, positions=moved), 1)[0][0])
        slope = (ends[0] - ends[1]) / (2 * step)
        assert -slope == pytest.approx(forces[atom, axis], abs=1e-6)
    assert np.abs(forces).max() > 1e-3


def test_a_batch_equals_single_frames(model: MaceEvaluator) -> None:
    frames = water(5, seed=5)
    together, apart = model.evaluate(frames, 3), model.evaluate(frames, 1)
    for one, other in zip(together, apart, strict=True):
        assert one.dtype == np.float64
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
    assert together[0].shape == (5,)
    assert together[1].shape == (90, 3)


def test_frames_of_several_sizes_go_into_one_batch(model: MaceEvaluator) -> None:
    from mlipbench_hpc.data.frames import concatenate

    small, large = water(1, molecules=2, seed=6), water(1, molecules=6, seed=7)
    energies, forces = model.evaluate(concatenate([small, large]), 8)
    np.testing.assert_allclose(
        energies, [model.evaluate(small, 1)[0][0], model.evaluate(large, 1)[0][0]], atol=1e-9
    )
    np.testing.assert_allclose(forces[:6], model.evaluate(small, 1)[1], atol=1e-9)


def test_lattice_translations_change_nothing_and_inputs_stay(model: MaceEvaluator) -> None:
    frames = water(2, seed=8)
    names = ("positions", "cells", "numbers", "energies", "forces")
    before = [getattr(frames, name).copy() for name in names]
    energies, forces = model.evaluate(frames, 2)
    for array, name in zip(before, names, strict=True):
        np.testing.assert_array_equal(array, getattr(frames, name))
    moved = frames.positions.copy()
    moved[3] += np.array([1, -2, 3]) @ frames.cells[0]
    shifted = model.evaluate(replace(frames, positions=moved), 2)
    np.testing.assert_allclose(shifted[0], energies, atol=1e-9)
    np.testing.assert_allclose(shifted[1], forces, atol=1e-9)


def test_rotation_turns_the_forces(model: MaceEvaluator) -> None:
    from scipy.spatial.transform import Rotation

    frames = water(1, seed=9)
    turn = Rotation.from_rotvec([0.3, -1.1, 0.6]).as_matrix()
    turned = replace(frames, positions=frames.positions @ turn.T, cells=frames.cells @ turn.T)
    (energy, forces), (same, rotated) = model.evaluate(frames, 1), model.evaluate(turned, 1)
    np.testing.assert_allclose(same, energy, atol=1e-9)
    np.testing.assert_allclose(rotated, forces @ turn.T, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_calculator_equals_the_evaluator(trained: Path, dtype: str) -> None:
    evaluator, frames = adapter.load(trained, {}, "cpu", dtype), water(3, seed=10)
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    energies, forces = evaluator.evaluate(frames, 1)
    calculator = evaluator.calculator()
    for index in (0, 1, 2, 0):
        atoms = frames.atoms(index)
        positions, cell = atoms.get_positions(), np.array(atoms.cell)
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(energies[index], abs=tolerance)
        np.testing.assert_allclose(atoms.get_forces(), forces[frames.atoms_of(index)], atol=tolerance)
        np.testing.assert_array_equal(atoms.get_positions(), positions)
        np.testing.assert_array_equal(np.array(atoms.cell), cell)
    assert torch.get_default_dtype() == torch.float32


def test_the_calculator_follows_a_change_of_elements(model: MaceEvaluator) -> None:
    small, large = water(1, molecules=2, seed=11), water(1, molecules=6, seed=12)
    calculator = model.calculator()
    for frames in (small, large, small):
        atoms = frames.atoms(0)
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(model.evaluate(frames, 1)[0][0], abs=1e-9)


def test_single_precision_agrees_in_spite_of_large_energies(trained: Path, model: MaceEvaluator) -> None:
    """float32 would round a total of -2.8 keV to 2e-4 eV; the reference energies are added in float64."""
    frames = water(4, seed=13)
    single = adapter.load(trained, {}, "cpu", "float32")
    for one, other in zip(single.evaluate(frames, 4), model.evaluate(frames, 4), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=5e-5)


def test_far_atoms_have_their_reference_energy_and_no_force(model: MaceEvaluator) -> None:
    """Beyond r_max nothing acts: two far molecules have twice the energy of one."""
    one = water(1, molecules=1, seed=14)
    one = replace(one, cells=40.0 * np.eye(3)[None])
    two = replace(
        one, offsets=np.array([0, 6]), numbers=np.tile(one.numbers, 2), forces=np.tile(one.forces, (2, 1)),
        positions=np.concatenate([one.positions, one.positions + 20.0]),
    )  # fmt: skip
    (single, forces), (double, both) = model.evaluate(one, 1), model.evaluate(two, 1)
    assert double[0] == pytest.approx(2 * single[0], abs=1e-9)
    np.testing.assert_allclose(both, np.tile(forces, (2, 1)), atol=1e-9)


def test_an_unknown_element_is_refused(model: MaceEvaluator, tmp_path: Path) -> None:
    frames = water(1, seed=15)
    gold = replace(frames, numbers=np.where(np.arange(18) == 4, 79, frames.numbers))
    atoms = gold.atoms(0)
    atoms.calc = model.calculator()
    with pytest.raises(InputFailure, match="H, O: it does not know Au"):
        model.evaluate(gold, 1)
    with pytest.raises(InputFailure, match="does not know Au"):
        atoms.get_forces()
    with pytest.raises(InputFailure, match="does not know Au"):
        adapter.train(job(tmp_path / "gold", validation=gold))


def test_frames_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    frames = water(2, seed=18)
    energies = np.array([frames.energies[0], np.nan])
    with pytest.raises(InputFailure, match="lack 1 energies and the forces of 0 atoms"):
        adapter.train(job(tmp_path / "label", train=replace(frames, energies=energies)))
    with pytest.raises(InputFailure, match=r"no two atoms are within r_max = 1\.0"):
        spread = replace(frames, positions=3 * frames.positions, cells=3 * frames.cells)
        adapter.train(job(tmp_path / "far", train=spread, hyperparameters=hyperparameters(r_max=1.0)))


def test_a_folder_without_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFailure, match="holds no MACE model"):
        adapter.load(tmp_path, {}, "cpu", "float64")


def test_training_lowers_the_error(tmp_path: Path) -> None:
    """Forces of a harmonic O-H bond are learnt: the last error is far below the first."""
    rows: list[dict[str, float]] = []
    frames = [harmonic(water(count, molecules=2, seed=seed)) for count, seed in ((8, 16), (2, 17))]
    changes = {"train": frames[0], "validation": frames[1], "report": rows.append, "dtype": "float32"}
    adapter.train(job(tmp_path / "model", hyperparameters=hyperparameters(epochs=25, max_L=0), **changes))
    assert [row["epoch"] for row in rows] == list(range(1, 26))
    assert set(rows[0]) == {
        "epoch",
        "loss",
        "validation_energy_rmse_meV_per_atom",
        "validation_force_rmse_meV_per_A",
        "learning_rate",
    }
    assert rows[-1]["validation_force_rmse_meV_per_A"] < 0.5 * rows[0]["validation_force_rmse_meV_per_A"]


def harmonic(frames: Frames, stiffness: float = 20.0, length: float = 0.9) -> Frames:
    """The same structures with labels of harmonic O-H bonds (atoms come as O, H, H)."""
    energies, forces = np.zeros(len(frames)), np.zeros_like(frames.positions)
    for oxygen in range(0, len(frames.numbers), 3):
        for hydrogen in (oxygen + 1, oxygen + 2):
            bond = frames.positions[hydrogen] - frames.positions[oxygen]
            stretch = np.linalg.norm(bond) - length
            pull = stiffness * stretch * bond / np.linalg.norm(bond)
            forces[oxygen] += pull
            forces[hydrogen] -= pull
            energies[frames.frame_of_atom()[oxygen]] += 0.5 * stiffness * stretch**2
    for index in range(len(frames)):
        energies[index] += sum(REFERENCE[int(number)] for number in frames.numbers[frames.atoms_of(index)])
    return replace(frames, energies=energies, forces=forces)


def interrupted_at(last: int) -> Any:
    """A report that stops the training after epoch `last`."""

    def report(row: dict[str, float]) -> None:
        if row["epoch"] == last:
            raise Interrupted("test")

    return report


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_resumed_training_ends_with_the_same_bits(tmp_path: Path, dtype: str) -> None:
    adapter.train(job(tmp_path / "whole", dtype=dtype))
    kept = tmp_path / "checkpoint"
    kept.mkdir()

    def save(epoch: int, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            (kept / name).write_bytes(content)

    for last in (1, 3):
        resume = kept if last > 1 else None
        with pytest.raises(Interrupted):
            report = interrupted_at(last)
            adapter.train(job(tmp_path / "cut", dtype=dtype, save=save, report=report, resume=resume))
        torch.manual_seed(last)
    assert not (tmp_path / "cut" / "model.pt").exists()
    adapter.train(job(tmp_path / "cut", dtype=dtype, resume=kept))
    for name in ("model.pt", "model.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_seeds_give_different_members(trained: Path, tmp_path: Path) -> None:
    adapter.train(job(tmp_path / "other", seed=4))
    assert (tmp_path / "other" / "model.pt").read_bytes() != (trained / "model.pt").read_bytes()


def test_the_learning_rate_rises_and_falls_to_one_percent() -> None:
    rates = [learning_rate(epoch, 40, 3, 0.01) for epoch in range(1, 41)]
    assert rates[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert all(later < earlier for earlier, later in pairwise(rates[3:]))
    assert rates[-1] == pytest.approx(1e-4)
    assert learning_rate(1, 1, 0, 0.01) == pytest.approx(0.01)
