"""A trained model at work: on frames, and step by step in MD."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.dp_mp.graphs import Graph, Shape, graph, graphs, pad, shared_shapes
from mlipbench_hpc.architectures.dp_mp.model import COMPUTE, Known, load_model
from mlipbench_hpc.architectures.dp_mp.weights import Tree
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.jax_library import device, jax, use_threads
from mlipbench_hpc.architectures.shared.labels import require_known
from mlipbench_hpc.data.frames import Floats, Frames, Ints


class JaxEvaluator:
    """One loaded model on one device and in one dtype; reference energies are added in float64.

    As many threads as OMP_NUM_THREADS says, which the runtime sets from the task. A model with another energy
    has other `files` and another `program`.
    """

    # Precision of positions and distances, where it is not the model's.
    geometry = ""
    files: Callable[[str, Path, str], tuple[Known, Tree]] = staticmethod(load_model)
    program = staticmethod(COMPUTE)

    def __init__(self, name: str, folder: Path, kind: str, dtype: str) -> None:
        self.name, self.dtype = name, self.geometry or dtype
        self.record, weights = self.files(name, folder, dtype)
        use_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self.device = device(kind)
        self.parameters = jax.device_put((self.record.constants(dtype), weights), self.device)
        self._reference = np.array(self.record.reference_energies)

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element.

        Frames are computed one by one, whatever `batch_size` is: together they take as long on a CPU, and
        each number of frames would need a program of its own, which compiles for seconds. Frames of about
        one size share a program.
        """
        require_known(self.name, frames.species(), self.record.numbers)
        items = list(graphs(frames, self.record.numbers, self.record.cutoff))
        results = [self.compute(*pair) for pair in zip(items, shared_shapes(items), strict=True)]
        energies, forces = zip(*results, strict=True)
        reference = np.add.reduceat(self.reference(frames.numbers), frames.offsets[:-1])
        return np.array(energies) + reference, np.concatenate(forces)

    def compute(self, item: Graph, shape: Shape) -> tuple[float, Floats]:
        """Energy (eV) without reference energies, and forces (N, 3) eV/Å of one frame.

        Raises TaskFailure for one that it does not compute.
        """
        self.admit(item)
        arrays = pad(item, shape, self.record.cutoff).arrays(self.dtype)
        energy, forces = self.program(*self.parameters, jax.device_put(arrays, self.device))
        return float(energy), np.asarray(forces, dtype=np.float64)[item.slots]

    def admit(self, item: Graph) -> None:
        """Raise TaskFailure for a frame that the model does not compute: there is none."""

    def reference(self, numbers: Ints) -> Floats:
        """eV: the reference energy of each atomic number."""
        energies: Floats = self._reference[np.searchsorted(self.record.numbers, numbers)]
        return energies

    def answer(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å of one structure; raises InputFailure for an unknown element."""
        numbers, elements, cutoff = atoms.numbers, self.record.numbers, self.record.cutoff
        require_known(self.name, numbers.tolist(), elements)
        item = graph(numbers, atoms.positions, np.array(atoms.cell), atoms.pbc, elements, cutoff)
        energy, forces = self.compute(item, item.shape.ceiling())
        return energy + float(self.reference(numbers).sum()), forces

    def calculator(self) -> EnergyAndForces:
        """ASE calculator with energy and forces."""
        return EnergyAndForces(self.answer)
