"""Before any MD: does the engine compute what the model's evaluator computes?"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.system import System


class Evaluator(Protocol):
    """What the engine has to agree with: a model's evaluator, or a labeller."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order."""


@dataclass(frozen=True)
class Tolerance:
    """How far two answers of one model may lie apart: eV per atom, and eV/Å in a force component."""

    energy: float
    force: float


TOLERANCES = {"float32": Tolerance(1e-5, 1e-3), "float64": Tolerance(1e-6, 1e-4)}


@dataclass(frozen=True)
class Parity:
    """Lets a simulation begin only when engine and evaluator agree on the frame it starts from."""

    evaluator: Evaluator
    system: System
    name: str
    tolerance: Tolerance

    def check(self, engine: Engine) -> None:
        """Raises TaskFailure with both numbers when they differ, and what the engine raises (Exploded)."""
        energies, expected = self.evaluator.evaluate(Frames.from_atoms([self.system.start]), 1)
        answer, atoms = engine.answer(), len(self.system.start)
        apart = abs(answer.energy - energies[0]) / atoms
        if not apart <= self.tolerance.energy:
            self._refuse(
                "energy", answer.energy, float(energies[0]), "eV", f"{self.tolerance.energy:g} eV/atom"
            )
        difference = np.abs(answer.forces - expected)
        if not difference.max() <= self.tolerance.force:
            atom, axis = np.unravel_index(np.nanargmax(difference), difference.shape)
            what, given = f"force on atom {atom} along {'xyz'[axis]}", float(answer.forces[atom, axis])
            limit = f"{self.tolerance.force:g} eV/Å"
            self._refuse(what, given, float(expected[atom, axis]), "eV/Å", limit)

    def _refuse(self, what: str, given: float, expected: float, unit: str, limit: str) -> None:
        raise TaskFailure(
            f"engine {self.name} does not run the model that was evaluated: on the start frame the {what} is "
            f"{given:.9g} {unit} in the engine and {expected:.9g} {unit} in the evaluator (limit {limit}); "
            "nothing was simulated"
        )
