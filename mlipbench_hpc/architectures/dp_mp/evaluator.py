"""A trained model at work: on many frames at once, and step by step in MD."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.dp_mp.graphs import Graph, graph, graphs, pad, stack, union
from mlipbench_hpc.architectures.dp_mp.jax_library import device, jax, use_threads
from mlipbench_hpc.architectures.dp_mp.model import COMPUTE, load_model
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known
from mlipbench_hpc.data.frames import Floats, Frames, Ints


class JaxEvaluator:
    """One loaded model on one device and in one dtype; reference energies are added in float64.

    As many threads as OMP_NUM_THREADS says, which the runtime sets from the task.
    """

    def __init__(self, name: str, folder: Path, kind: str, dtype: str) -> None:
        self.name, self.dtype = name, dtype
        self.record, weights = load_model(name, folder, dtype)
        use_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self.device = device(kind)
        self.parameters = jax.device_put((self.record.constants(dtype), weights), self.device)
        self._reference = np.array(self.record.reference_energies)

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element."""
        require_known(self.name, frames.species(), self.record.numbers)
        energies, forces = [], []
        for start in range(0, len(frames), batch_size):
            part = frames.select(list(range(start, min(start + batch_size, len(frames)))))
            energy, force = self.compute(graphs(part, self.record.numbers, self.record.cutoff))
            energies.append(energy)
            forces += force
        reference = np.add.reduceat(self.reference(frames.numbers), frames.offsets[:-1])
        return np.concatenate(energies) + reference, np.concatenate(forces)

    def compute(self, items: Sequence[Graph]) -> tuple[Floats, list[Floats]]:
        """Energies (B,) eV without reference energies, and forces (N, 3) eV/Å of each frame."""
        shape = union(items).ceiling()
        batch = stack([pad(item, shape, self.record.cutoff) for item in items], self.dtype)
        energies, forces = COMPUTE(*self.parameters, jax.device_put(batch, self.device))
        by_slot = np.asarray(forces, dtype=np.float64)
        by_atom = [values[item.slots] for item, values in zip(items, by_slot, strict=True)]
        return np.asarray(energies, dtype=np.float64), by_atom

    def reference(self, numbers: Ints) -> Floats:
        """eV: the reference energy of each atomic number."""
        energies: Floats = self._reference[np.searchsorted(self.record.numbers, numbers)]
        return energies

    def calculator(self) -> "JaxCalculator":
        """An ASE calculator with energy and forces."""
        return JaxCalculator(self)


class JaxCalculator(EnergyAndForces):
    """One structure at a time."""

    def __init__(self, evaluator: JaxEvaluator) -> None:
        super().__init__()
        self.evaluator = evaluator

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å; raises InputFailure for an unknown element."""
        model, numbers = self.evaluator, atoms.numbers
        elements, cutoff = model.record.numbers, model.record.cutoff
        require_known(model.name, numbers.tolist(), elements)
        item = graph(numbers, atoms.positions, np.array(atoms.cell), atoms.pbc, elements, cutoff)
        energies, forces = model.compute([item])
        return float(energies[0] + model.reference(numbers).sum()), forces[0]
