"""Evaluation of a frozen DP model: many frames at once, or step by step in MD."""

import os
from pathlib import Path

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.dp.deepmd_kit import DeepPot, use_threads
from mlipbench_hpc.architectures.dp.model import FROZEN, NAME, load_record, require_dtype
from mlipbench_hpc.architectures.dp.systems import systems
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known, symbols
from mlipbench_hpc.data.frames import Floats, Frames


class DpEvaluator:
    """One loaded model; OMP_NUM_THREADS, which the runtime sets from the task, gives its threads."""

    def __init__(self, folder: Path, dtype: str) -> None:
        self.record = load_record(folder)
        require_dtype(self.record, dtype)
        use_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.potential = DeepPot(str(folder / FROZEN), auto_batch_size=False)
        # Types of a graph that somebody else made may come in any order.
        names = self.potential.get_type_map()
        self._types = np.array([names.index(symbol) for symbol in symbols(self.record.numbers)])

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element.

        A batch holds frames of one composition.
        """
        require_known(NAME, frames.species(), self.record.numbers)
        energies, forces = np.zeros(len(frames)), np.zeros((len(frames.numbers), 3))
        for system in systems(frames, self.record.numbers, self.record.cutoff):
            for start in range(0, len(system.frames), batch_size):
                part = slice(start, start + batch_size)
                energy, force, _ = self.potential.eval(
                    system.coordinates[part], system.boxes[part], self._types[system.types]
                )
                energies[system.frames[part]] = energy[:, 0]
                forces[system.order[part]] = force
        return energies, forces

    def calculator(self) -> "DpCalculator":
        """An ASE calculator with energy and forces."""
        return DpCalculator(self)


class DpCalculator(EnergyAndForces):
    """ASE calculator of one structure at a time."""

    def __init__(self, evaluator: DpEvaluator) -> None:
        super().__init__()
        self.evaluator = evaluator

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å; raises InputFailure for an unknown element."""
        energies, forces = self.evaluator.evaluate(Frames.from_atoms([atoms]), 1)
        return float(energies[0]), forces
