"""Interface of an adapter of a reference potential: `labeller(parameters)`. numpy and ASE only.

An adapter module defines

    def labeller(parameters: Mapping[str, Any]) -> Labeller

parameters: those of the task, the options of the card among them. It is imported where the card's
`environment` is installed, so it may import the packages of that.

A reference potential is one folder: card.toml (see card.py) and adapter.py, here or in a package of its own,
which offers it by an entry point `name = module` of the group `mlipbench_hpc.potentials`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Frames

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from mlipbench_hpc.architectures.interface import LammpsStyle

Labelled = tuple[Frames, Answers | None]


@dataclass(frozen=True)
class Conditions:
    """Conditions of sampling: temperature K, timestep ps, seed from 1 to 900,000,000.

    wall: z in Å of the reflecting wall that the system's builder chose, or None.
    """

    temperature: float
    timestep: float
    seed: int
    wall: float | None


class Sampler(Protocol):
    """MD at a constant temperature, from which frames are taken."""

    def advance(self, steps: int) -> None:
        """Advance by so many timesteps."""

    def positions(self) -> Floats:
        """Positions (N, 3) Å, molecules whole."""

    def potential_energy(self) -> float:
        """Potential energy in eV, of the last timestep."""

    def close(self) -> None:
        """Free the process or library in use."""


class Labeller(ABC):
    """Labeller of frames; with `sampler` it also samples them, with `lammps` or `calculator` it also runs MD.

    The card states which of these it has (`samples`, `engines`), so that the others are refused beforehand.
    """

    @abstractmethod
    def label(self, frame: Frames, wall: float) -> Labelled:
        """Label one frame: its energy (eV), forces (N, 3) eV/Å, and the `answers` of the card.

        The labels depend on this frame alone, not on earlier ones. wall: z in Å of the wall under which the
        frame was sampled, or NaN. Raises InputFailure for a frame that the potential cannot label.
        """

    def close(self) -> None:
        """Free the process or library in use; the next frame starts it again."""
        return

    def sampler(self, start: Frames, conditions: Conditions) -> Sampler:
        """MD from one frame, relaxed enough not to explode. For cards with `samples = true`."""
        raise InputFailure("this reference potential labels frames and samples none")

    def lammps(self, atoms: "Atoms") -> "LammpsStyle | None":
        """Style with which LAMMPS runs the potential itself; None: the engine calls `calculator` every step.

        Raises InputFailure for a start that it cannot label. LAMMPS's atom types are the atomic numbers that
        occur, ascending.
        """
        return None

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order, as an architecture's evaluator."""
        labelled = [self.label(frames.select([index]), np.nan)[0] for index in range(len(frames))]
        self.close()
        return (
            np.array([frame.energies[0] for frame in labelled]),
            np.concatenate([frame.forces for frame in labelled]),
        )

    def calculator(self) -> "Calculator":
        """ASE calculator of the same energy and forces, for engines that call it at every step."""
        raise InputFailure("this reference potential has no ASE calculator: no engine can ask it for forces")
