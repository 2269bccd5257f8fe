"""Requirements on energies, forces and trainings of every architecture. numpy, scipy and ASE only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.shared.adoption import adopt_folder
from mlipbench_hpc.architectures.shared.members import load_committee
from mlipbench_hpc.architectures.testing.frames import REFERENCE, harmonic, water
from mlipbench_hpc.architectures.testing.handouts import Handouts
from mlipbench_hpc.architectures.testing.resumes import Resumes
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import concatenate

COLUMNS = {
    "epoch", "loss", "validation_energy_rmse_meV_per_atom", "validation_force_rmse_meV_per_A",
    "learning_rate",
}  # fmt: skip


class Conformance(Resumes, Handouts):
    """Inherit it as `class TestMine(Conformance)` and state the attributes of `Subject`.

    With a model that fails a test here, MD would drift, errors would depend on batches, or an interrupted
    campaign would continue with other numbers.
    """

    def test_forces_are_minus_the_gradient_of_the_energy(self, model: Evaluator) -> None:
        frames, step = water(1, seed=4), 1e-4
        _, forces = model.evaluate(frames, 1)

        def energy(atom: int, axis: int, steps: int) -> float:
            moved = frames.positions.copy()
            moved[atom, axis] += steps * step
            return float(model.evaluate(replace(frames, positions=moved), 1)[0][0])

        for atom, axis in [(0, 0), (1, 2), (8, 1), (17, 2)]:
            near, far = (energy(atom, axis, steps) - energy(atom, axis, -steps) for steps in (1, 2))
            slope = (8 * near - far) / (12 * step)  # Exact but for the fifth derivative.
            assert -slope == pytest.approx(forces[atom, axis], abs=1e-6)
        assert np.abs(forces).max() > 1e-3

    def test_a_batch_equals_single_frames(self, model: Evaluator) -> None:
        frames = water(5, seed=5)
        together, apart = model.evaluate(frames, 3), model.evaluate(frames, 1)
        for batched, single in zip(together, apart, strict=True):
            assert batched.dtype == np.float64
            np.testing.assert_allclose(batched, single, rtol=0, atol=self.sums)
        assert together[0].shape == (5,)
        assert together[1].shape == (90, 3)

    def test_frames_of_several_sizes_go_into_one_batch(self, model: Evaluator) -> None:
        parts = [water(1, molecules=count, seed=6 + index) for index, count in enumerate((2, 6, 2))]
        energies, forces = model.evaluate(concatenate(parts), 8)
        apart = [model.evaluate(part, 1) for part in parts]
        np.testing.assert_allclose(energies, [energy[0] for energy, _ in apart], rtol=0, atol=self.sums)
        np.testing.assert_allclose(
            forces, np.concatenate([force for _, force in apart]), rtol=0, atol=self.sums
        )

    def test_lattice_translations_change_nothing_and_inputs_stay(self, model: Evaluator) -> None:
        frames = water(2, seed=8)
        names = ("positions", "cells", "numbers", "energies", "forces")
        before = [getattr(frames, name).copy() for name in names]
        energies, forces = model.evaluate(frames, 2)
        for array, name in zip(before, names, strict=True):
            np.testing.assert_array_equal(array, getattr(frames, name))
        moved = frames.positions.copy()
        moved[3] += np.array([1, -2, 3]) @ frames.cells[0]
        shifted = model.evaluate(replace(frames, positions=moved), 2)
        np.testing.assert_allclose(shifted[0], energies, rtol=0, atol=self.sums)
        np.testing.assert_allclose(shifted[1], forces, rtol=0, atol=self.sums)

    def test_rotation_turns_the_forces(self, model: Evaluator) -> None:
        from scipy.spatial.transform import Rotation

        frames = water(1, seed=9)
        turn = Rotation.from_rotvec([0.3, -1.1, 0.6]).as_matrix()
        turned = replace(frames, positions=frames.positions @ turn.T, cells=frames.cells @ turn.T)
        (energy, forces), (same, rotated) = model.evaluate(frames, 1), model.evaluate(turned, 1)
        np.testing.assert_allclose(same, energy, rtol=0, atol=self.sums)
        np.testing.assert_allclose(rotated, forces @ turn.T, rtol=0, atol=self.sums)

    def test_the_calculator_equals_the_evaluator(self, trained: dict[str, Path], dtype: str) -> None:
        evaluator, frames = self.load(trained, dtype), water(3, seed=10)
        tolerance = 1e-5 if dtype == "float32" else self.sums
        energies, forces = evaluator.evaluate(frames, 1)
        calculator = evaluator.calculator()
        for index in (0, 1, 2, 0):
            atoms = frames.atoms(index)
            positions, cell = atoms.get_positions(), np.array(atoms.cell)
            atoms.calc = calculator
            assert atoms.get_potential_energy() == pytest.approx(energies[index], abs=tolerance, rel=0)
            np.testing.assert_allclose(
                atoms.get_forces(), forces[frames.atoms_of(index)], rtol=0, atol=tolerance
            )
            np.testing.assert_array_equal(atoms.get_positions(), positions)
            np.testing.assert_array_equal(np.array(atoms.cell), cell)

    def test_a_fresh_calculator_gives_the_same_bits(self, trained: dict[str, Path], dtype: str) -> None:
        """MD without interruption and MD from a checkpoint then have the same forces."""
        atoms, random = water(1, seed=19).atoms(0), np.random.default_rng(0)
        atoms.calc = used = self.load(trained, dtype).calculator()
        for _ in range(4):
            atoms.positions += random.normal(0, 0.02, atoms.positions.shape)
            atoms.get_forces()
        used.reset()
        again = atoms.copy()
        again.calc = self.load(trained, dtype).calculator()
        assert again.get_potential_energy() == atoms.get_potential_energy()
        np.testing.assert_array_equal(again.get_forces(), atoms.get_forces())

    def test_the_calculator_follows_a_change_of_elements(self, model: Evaluator) -> None:
        small, large = water(1, molecules=2, seed=11), water(1, molecules=6, seed=12)
        calculator = model.calculator()
        for frames in (small, large, small):
            atoms = frames.atoms(0)
            atoms.calc = calculator
            energy = model.evaluate(frames, 1)[0][0]
            assert atoms.get_potential_energy() == pytest.approx(energy, abs=self.sums, rel=0)

    def test_far_atoms_have_their_reference_energy_and_no_force(self, model: Evaluator) -> None:
        """No interaction beyond the cutoff: two far molecules have twice the energy of one."""
        lone = replace(water(1, molecules=1, seed=14), cells=40.0 * np.eye(3)[None])
        pair = replace(
            lone, offsets=np.array([0, 6]), numbers=np.tile(lone.numbers, 2),
            forces=np.tile(lone.forces, (2, 1)),
            positions=np.concatenate([lone.positions, lone.positions + 20.0]),
        )  # fmt: skip
        (single, forces), (double, both) = model.evaluate(lone, 1), model.evaluate(pair, 1)
        assert double[0] == pytest.approx(2 * single[0], abs=self.sums, rel=0)
        np.testing.assert_allclose(both, np.tile(forces, (2, 1)), rtol=0, atol=self.sums)

    def test_an_unknown_element_is_refused(self, model: Evaluator, tmp_path: Path) -> None:
        frames = water(1, seed=15)
        gold = replace(frames, numbers=np.where(np.arange(18) == 4, 79, frames.numbers))
        atoms = gold.atoms(0)
        atoms.calc = model.calculator()
        with pytest.raises(InputFailure, match="H, O: it does not know Au"):
            model.evaluate(gold, 1)
        with pytest.raises(InputFailure, match="does not know Au"):
            atoms.get_forces()
        with pytest.raises(InputFailure, match="does not know Au"):
            self.adapter.train(self.job(tmp_path / "gold", validation=gold))

    def test_frames_without_a_label_are_refused(self, tmp_path: Path) -> None:
        frames = water(2, seed=18)
        energies = np.array([frames.energies[0], np.nan])
        with pytest.raises(InputFailure, match="lack 1 energies and the forces of 0 atoms"):
            self.adapter.train(self.job(tmp_path / "label", train=replace(frames, energies=energies)))

    def test_a_folder_without_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputFailure, match=f"holds no {self.title} model"):
            self.adapter.load(tmp_path, {}, "cpu", "float64")

    def test_a_folder_of_the_user_s_is_used_as_it_is(self, trained: dict[str, Path], tmp_path: Path) -> None:
        """As `train` left it, beside records of its task: the copy computes the same bits."""
        source = trained[self.widest()]
        adopted = adopt_folder(source, tmp_path, self.card())
        assert not adopted.numbers or adopted.numbers == sorted(REFERENCE)
        assert set(adopted.hyperparameters) <= set(self.hyperparameters())
        frames = water(2, seed=34)
        models = [
            self.adapter.load(at, self.hyperparameters(), "cpu", self.widest()) for at in (source, tmp_path)
        ]
        for first, second in zip(*(model.evaluate(frames, 2) for model in models), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_training_lowers_the_error(self, tmp_path: Path) -> None:
        """Forces of a harmonic O-H bond are learnt: the last error is far below the first."""
        rows: list[dict[str, float]] = []
        frames = [harmonic(water(count, molecules=2, seed=seed)) for count, seed in ((8, 16), (2, 17))]
        changes = {"train": frames[0], "validation": frames[1], "report": rows.append, "dtype": "float32"}
        chosen = self.hyperparameters(**self.learning)
        self.adapter.train(self.job(tmp_path / "model", hyperparameters=chosen, **changes))
        assert [row["epoch"] for row in rows] == list(range(1, self.learning["epochs"] + 1))
        assert set(rows[0]) == COLUMNS
        assert rows[-1]["validation_force_rmse_meV_per_A"] < 0.5 * rows[0]["validation_force_rmse_meV_per_A"]

    def test_the_learning_curve_says_what_the_model_does_on_all_electron_energies(
        self, tmp_path: Path, dtype: str
    ) -> None:
        """Totals of -45 keV per atom, whose chemistry float32 cannot resolve.

        The last row of the curve is the error of the model's own energies on the same frames.
        """
        rows: list[dict[str, float]] = []
        deep = {number: energy - 45_000.0 for number, energy in REFERENCE.items()}
        train, validation = (
            replace(frames, energies=frames.energies - 45_000.0 * frames.sizes)
            for frames in (water(6, seed=31), water(3, seed=32))
        )
        changes = {"train": train, "validation": validation, "report": rows.append, "dtype": dtype}
        folder = tmp_path / "deep"
        self.adapter.train(self.job(folder, reference_energies=deep, **changes))
        model = self.adapter.load(folder, self.hyperparameters(), "cpu", dtype)
        errors = (model.evaluate(validation, 3)[0] - validation.energies) / validation.sizes
        reported = rows[-1]["validation_energy_rmse_meV_per_atom"]
        assert reported == pytest.approx(1e3 * np.sqrt(np.mean(errors**2)), rel=2e-3, abs=0.02)

    def test_seeds_give_different_members(self, trained: dict[str, Path], tmp_path: Path) -> None:
        """Members differ, or are equal where the suite states that training has no random start."""
        self.adapter.train(self.job(tmp_path / "other", seed=4))
        other = (tmp_path / "other" / self.weights).read_bytes()
        assert (other != (trained[self.widest()] / self.weights).read_bytes()) == self.seeded
        self.check_committee([trained[self.widest()], tmp_path / "other"])

    def check_committee(self, folders: list[Path]) -> None:
        """A committee's energies are those of its members, in their order, on frames of several sizes."""
        frames = concatenate([water(2, seed=5), water(2, molecules=4, seed=6)])
        loaded = load_committee(self.adapter, folders, self.hyperparameters(), "cpu", self.widest())
        members = [
            self.adapter.load(folder, self.hyperparameters(), "cpu", self.widest()) for folder in folders
        ]
        expected = [member.evaluate(frames, 2)[0] for member in members]
        np.testing.assert_allclose(loaded.energies(frames, 2), expected, rtol=1e-9, atol=self.sums)
