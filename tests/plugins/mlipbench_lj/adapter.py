"""Labels by ASE's Lennard-Jones calculator, smoothly cut at the card's 5.2 Å."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from ase.calculators.lj import LennardJones

from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.interface import Labelled, Labeller


class LennardJonesLabeller(Labeller):
    """One parameter, ε in eV."""

    def __init__(self, epsilon: float) -> None:
        self.epsilon = epsilon

    def calculator(self) -> LennardJones:
        return LennardJones(sigma=3.4, epsilon=self.epsilon, rc=5.2, smooth=True)

    def label(self, frame: Frames, wall: float) -> Labelled:
        atoms = frame.atoms(0)
        atoms.calc = self.calculator()
        energies, forces = np.array([atoms.get_potential_energy()]), atoms.get_forces()
        return replace(frame, energies=energies, forces=forces), None


def labeller(parameters: Mapping[str, Any]) -> LennardJonesLabeller:
    return LennardJonesLabeller(parameters["epsilon"])
