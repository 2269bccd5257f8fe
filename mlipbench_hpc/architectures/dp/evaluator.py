"""Evaluation of a frozen DP model: many frames at once, or step by step in MD."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.dp.deepmd_kit import DeepPot, make_default_mesh, use_threads
from mlipbench_hpc.architectures.dp.model import FROZEN, NAME, load_record, require_dtype
from mlipbench_hpc.architectures.dp.systems import System, systems
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known, symbols
from mlipbench_hpc.architectures.shared.members import require_alike
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

    def energies(self, system: System, part: slice) -> Floats:
        """Energies (B,) eV of some of a system's frames: the session runs nothing that forces alone need."""
        own, backend = self._types[system.types], self.potential.deep_eval
        rank = np.argsort(own, kind="stable")  # Atoms stand in the order of the graph's types.
        frames = len(system.coordinates[part])
        types = own[rank]
        coordinates = system.coordinates[part].reshape(frames, -1, 3)[:, rank]
        counts = np.bincount(types, minlength=len(self.record.numbers))
        values = {
            "natoms": np.concatenate([[len(types), len(types)], counts]),
            "type": np.tile(types, len(coordinates)),
            "coord": coordinates.ravel(),
            "box": system.boxes[part].ravel(),
            "mesh": make_default_mesh(True, False),
        }
        feed = {backend.tensors[name]: value for name, value in values.items()}
        energies: Floats = backend.sess.run(backend.output_tensors["energy_redu"], feed).ravel()
        return energies

    def answer(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å of one structure; raises InputFailure for an unknown element."""
        energies, forces = self.evaluate(Frames.from_atoms([atoms]), 1)
        return float(energies[0]), forces

    def calculator(self) -> EnergyAndForces:
        """An ASE calculator with energy and forces."""
        return EnergyAndForces(self.answer)


class DpCommittee:
    """Members of one committee, evaluated on the same systems, without forces.

    Each builds its own neighbour lists: they are an operation of its graph.
    """

    def __init__(self, members: Sequence[DpEvaluator]) -> None:
        self.members = members
        require_alike((member.record.numbers, member.record.cutoff) for member in members)

    def energies(self, frames: Frames, batch_size: int) -> Floats:
        """Energies (M, F) eV, float64; raises InputFailure for an unknown element."""
        record = self.members[0].record
        require_known(NAME, frames.species(), record.numbers)
        energies = np.zeros((len(self.members), len(frames)))
        for system in systems(frames, record.numbers, record.cutoff):
            for start in range(0, len(system.frames), batch_size):
                part = slice(start, start + batch_size)
                for row, member in zip(energies, self.members, strict=True):
                    row[system.frames[part]] = member.energies(system, part)
        return energies
