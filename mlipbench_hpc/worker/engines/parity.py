"""Check before any MD that the engine computes the energies and forces of the model's evaluator."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.system import System


class Evaluator(Protocol):
    """Evaluator that the engine has to agree with: of a model, or a labeller."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order."""


@dataclass(frozen=True)
class Tolerance:
    """Largest difference between two answers of one model: eV per atom, and eV/Å in a force component."""

    energy: float
    force: float


TOLERANCES = {"float32": Tolerance(1e-5, 1e-3), "float64": Tolerance(1e-6, 1e-4)}


@dataclass(frozen=True)
class Parity:
    """Check that engine and evaluator agree on the starting frame of a simulation."""

    evaluator: Evaluator
    system: System
    name: str
    tolerance: Tolerance

    def check(self, engine: Engine) -> None:
        """Raise TaskFailure with both numbers when they differ; Exploded of the engine is passed on."""
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
