"""A trained model at work: on frames, and step by step in MD."""

from pathlib import Path

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.grace_1l.graphs import Graph, Room, graph, graphs, shared_rooms
from mlipbench_hpc.architectures.grace_1l.model import energy_and_forces, load_model, program
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known
from mlipbench_hpc.data.frames import Floats, Frames, Ints


class GraceEvaluator:
    """One loaded model, with weights in one dtype; constant energies of atoms are added in float64.

    As many threads as OMP_NUM_THREADS says, which the runtime sets from the task.
    """

    def __init__(self, name: str, folder: Path, dtype: str) -> None:
        self.name = name
        self.record, self.weights = load_model(name, folder, dtype)
        self.program = program(self.record.blueprint(dtype))
        self._constant = np.array(self.record.energies)

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element.

        Frames are computed one by one, whatever `batch_size` is: together they take as long on a CPU, and
        each number of frames would need a program of its own, which compiles for seconds. Frames of about
        one size share a program.
        """
        require_known(self.name, frames.species(), self.record.numbers)
        items = list(graphs(frames, self.record.numbers, self.record.cutoff))
        results = [self.compute(item, room) for item, room in zip(items, shared_rooms(items), strict=True)]
        energies, forces = zip(*results, strict=True)
        constant = np.add.reduceat(self.constant(frames.numbers), frames.offsets[:-1])
        return np.array(energies) + constant, np.concatenate(forces)

    def compute(self, item: Graph, room: Room) -> tuple[float, Floats]:
        """Energy (eV) without constants, and forces (N, 3) eV/Å of one structure."""
        self.program.use(self.weights)
        return energy_and_forces(self.program, item, room, self.record.cutoff)

    def constant(self, numbers: Ints) -> Floats:
        """eV: the constant energy of an atom of each atomic number."""
        energies: Floats = self._constant[np.searchsorted(self.record.numbers, numbers)]
        return energies

    def answer(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å of one structure; raises InputFailure for an unknown element."""
        numbers, elements, cutoff = atoms.numbers, self.record.numbers, self.record.cutoff
        require_known(self.name, numbers.tolist(), elements)
        item = graph(numbers, atoms.positions, np.array(atoms.cell), atoms.pbc, elements, cutoff)
        energy, forces = self.compute(item, item.room)
        return energy + float(self.constant(numbers).sum()), forces

    def calculator(self) -> EnergyAndForces:
        """ASE calculator with energy and forces."""
        return EnergyAndForces(self.answer)
