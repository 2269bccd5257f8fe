"""Requirements on the evaluator of a kernel: those on every evaluator, and what it refuses to load."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.shared import probes
from mlipbench_hpc.architectures.testing.conformance import Conformance
from mlipbench_hpc.architectures.testing.frames import water
from mlipbench_hpc.architectures.testing.subject import Subject
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Frames


class KernelConformance(Subject):
    """Tests that a suite inherits, with `card` and a fixture `trained` of prepared folders by dtype.

    elements: those of the models in `trained`, as a message lists them: hydrogen, oxygen, and no gold.
    """

    elements: ClassVar[str] = "H, O"
    test_gradient = Conformance.test_forces_are_minus_the_gradient_of_the_energy
    test_batch = Conformance.test_a_batch_equals_single_frames
    test_sizes = Conformance.test_frames_of_several_sizes_go_into_one_batch
    test_translation = Conformance.test_lattice_translations_change_nothing_and_inputs_stay
    test_rotation = Conformance.test_rotation_turns_the_forces
    test_calculator = Conformance.test_the_calculator_equals_the_evaluator
    test_bits = Conformance.test_a_fresh_calculator_gives_the_same_bits
    test_elements = Conformance.test_the_calculator_follows_a_change_of_elements
    test_far_atoms = Conformance.test_far_atoms_have_their_reference_energy_and_no_force

    def test_an_unknown_element_is_refused(self, model: Evaluator) -> None:
        frames = water(1, seed=15)
        gold = replace(frames, numbers=np.where(np.arange(18) == 4, 79, frames.numbers))
        with pytest.raises(InputFailure, match=f"{self.elements}: it does not know Au"):
            model.evaluate(gold, 1)

    def test_answers_that_are_no_numbers_are_refused(self, trained: dict[str, Path], tmp_path: Path) -> None:
        copy = tmp_path / "kernel"
        shutil.copytree(trained["float64"], copy)
        frames = Frames.load(copy / probes.NAME)
        replace(frames, energies=np.full(3, np.nan)).save(copy / probes.NAME)
        with pytest.raises(TaskFailure, match=r"up to nan eV/atom"):
            self.adapter.load(copy, {}, "cpu", "float64")

    def test_a_folder_without_kernel_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputFailure, match=f"holds no {self.title} model"):
            self.adapter.load(tmp_path, {}, "cpu", "float64")
