"""What every reference potential's labels obey, as a class to inherit: physics, not numbers of the code."""

from dataclasses import replace

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.potentials.interface import Labeller

STEP_A = 2e-3


class LabelConformance:
    """A subclass defines `labeller` and `frame`: one frame without contacts that the potential labels.

    slope: eV/Å between a force and the energy's slope. energy: eV, forces: eV/Å, between labels that are the
    same but for rounding; moved: the same for a frame shifted against a mesh, if there is one.
    """

    slope, energy, forces, moved = 2e-3, 2e-5, 2e-4, (2e-3, 2e-3)

    def labeller(self) -> Labeller:
        raise NotImplementedError

    def frame(self) -> Frames:
        raise NotImplementedError

    def label(self, labeller: Labeller, frame: Frames, positions: Floats) -> tuple[float, Floats]:
        labelled, _ = labeller.label(replace(frame, positions=positions), np.nan)
        assert np.array_equal(labelled.numbers, frame.numbers)
        assert np.array_equal(labelled.positions, positions)
        return float(labelled.energies[0]), labelled.forces

    def test_forces_are_minus_the_energy_s_slope(self):
        """On two atoms of every element."""
        frame, labeller, random = self.frame(), self.labeller(), np.random.default_rng(5)
        _, forces = self.label(labeller, frame, frame.positions)
        for number in frame.species():
            for atom in random.permutation(np.flatnonzero(frame.numbers == number))[:2]:
                step = np.zeros_like(frame.positions)
                axis = int(random.integers(3))
                step[atom, axis] = STEP_A
                after, _ = self.label(labeller, frame, frame.positions + step)
                before, _ = self.label(labeller, frame, frame.positions - step)
                assert abs(forces[atom, axis] + (after - before) / (2 * STEP_A)) < self.slope

    def test_labels_do_not_depend_on_frames_labelled_before_nor_on_the_image_of_the_cell(self):
        frame, labeller = self.frame(), self.labeller()
        energy, forces = self.label(labeller, frame, frame.positions)
        noise = 0.02 * np.random.default_rng(0).normal(size=frame.positions.shape)
        self.label(labeller, frame, frame.positions + noise)
        other = frame.positions + np.array([1, -2, 0]) @ frame.cells[0]
        again, same = self.label(labeller, frame, other)
        assert abs(again - energy) < self.energy
        assert np.abs(same - forces).max() < self.forces
        labeller.close()
        after_close, _ = self.label(labeller, frame, frame.positions)
        assert abs(after_close - energy) < self.energy

    def test_a_shift_of_all_atoms_changes_neither_energy_nor_forces(self):
        frame, labeller = self.frame(), self.labeller()
        energy, forces = self.label(labeller, frame, frame.positions)
        shifted, same = self.label(labeller, frame, frame.positions + np.array([0.37, -0.21, 0.13]))
        assert abs(shifted - energy) < self.moved[0]
        assert np.abs(same - forces).max() < self.moved[1]

    def test_forces_follow_the_order_of_atoms(self):
        frame = self.frame()
        energy, forces = self.label(self.labeller(), frame, frame.positions)
        reverse = Frames.from_atoms([frame.atoms(0)[::-1]])
        energy_reverse, forces_reverse = self.label(self.labeller(), reverse, reverse.positions)
        assert abs(energy_reverse - energy) < self.energy
        assert np.abs(forces_reverse[::-1] - forces).max() < self.forces

    def test_many_frames_are_evaluated_as_they_are_labelled(self):
        frame, labeller = self.frame(), self.labeller()
        noise = 0.02 * np.random.default_rng(1).normal(size=frame.positions.shape)
        images = [frame.atoms(0), frame.atoms(0)]
        images[1].positions += noise
        energies, forces = labeller.evaluate(Frames.from_atoms(images), 2)
        expected = [self.label(labeller, frame, image.positions) for image in images]
        assert np.abs(energies - [energy for energy, _ in expected]).max() < self.energy
        assert np.abs(forces - np.concatenate([force for _, force in expected])).max() < self.forces
