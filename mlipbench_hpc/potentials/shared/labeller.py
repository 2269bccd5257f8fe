"""Labeller of every reference potential that runs in LAMMPS."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.interface import LammpsStyle
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.interface import Conditions, Labelled, Labeller
from mlipbench_hpc.potentials.shared import field
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.shared.lammps_potential import KCAL_MOL, LammpsPotential


class LammpsLabeller(Labeller):
    """Labels frames one by one; the LAMMPS instance is reused while box and molecules stay the same."""

    def __init__(self, potential: type[LammpsPotential], parameters: Mapping[str, Any]) -> None:
        self.potential, self.parameters = potential, parameters
        self._running: LammpsPotential | None = None

    def label(self, frame: Frames, wall: float) -> Labelled:
        """Label a frame at the accuracy of labels (see Labeller.label)."""
        box = Box.of(frame, 0)
        if self._running is None or not self._running.box.same(box):
            self.close()
            self._running = self.potential(box, self.potential.label_accuracy)
        energy, forces = self._running.label(frame.positions)
        labelled = replace(frame, energies=np.array([energy]), forces=forces)
        return labelled, self._running.answers(wall)

    def close(self) -> None:
        """End LAMMPS."""
        if self._running:
            self._running.close()
            self._running = None

    def sampler(self, start: Frames, conditions: Conditions) -> LammpsPotential:
        """Sampler in a new LAMMPS instance, relaxed and thermostatted, at the accuracy of sampling."""
        running = self.potential(Box.of(start, 0), self.potential.sampling_accuracy)
        frozen, wall = running.prepare(start.positions, conditions.wall, self.parameters)
        running.minimise(start.positions, frozen)
        running.heat(conditions.temperature, conditions.timestep, conditions.seed)
        if wall is not None:
            running.reflect(wall, np.setdiff1d(np.arange(len(start.positions)), frozen))
        return running

    def lammps(self, atoms: Atoms) -> LammpsStyle:
        """Style at the accuracy of labels, in units metal (see Labeller.lammps)."""
        box = Box.of(Frames.from_atoms([atoms]), 0)
        types = {number: index + 1 for index, number in enumerate(sorted(self.potential.present(box)))}
        accuracy = self.potential.label_accuracy
        return LammpsStyle(
            commands=tuple(self.potential.interactions(box, types, accuracy, KCAL_MOL)),
            atom_style="full",
            box=field.ROOM,
            packages=("KSPACE", "MOLECULE", "ELECTRODE"),
            before_setup=tuple(self.potential.before_setup(box, types)),
            film=self.potential.film,
        )
