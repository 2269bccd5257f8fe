"""Evaluation of a trained MACE model: many frames at once, or step by step in MD."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms

from mlipbench_hpc.architectures.mace.graphs import graphs, loader
from mlipbench_hpc.architectures.mace.mace_torch import data, use_repeatable_executor
from mlipbench_hpc.architectures.mace.model import NAME, load_model
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known
from mlipbench_hpc.architectures.shared.members import require_alike
from mlipbench_hpc.architectures.shared.torch_dtype import width
from mlipbench_hpc.data.frames import Floats, Frames, Ints


class MaceEvaluator:
    """One loaded model on one device and in one dtype; reference energies are always added in float64."""

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        use_repeatable_executor(device)
        blueprint, self.model = load_model(folder, device, dtype)
        self.known = blueprint.numbers
        self.cutoff = float(blueprint.hyperparameters["r_max"])
        self.device, self.dtype = device, dtype
        self._reference = np.zeros(max(self.known) + 1)
        self._reference[self.known] = blueprint.reference_energies

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element."""
        energies, forces = [], []
        with width(self.dtype):
            for batch in self.batches(frames, batch_size):
                energy, force = self.forward(batch)
                energies.append(energy)
                forces.append(force)
        return np.concatenate(energies) + self.reference(frames), np.concatenate(forces)

    def batches(self, frames: Frames, batch_size: int) -> Iterator[dict[str, torch.Tensor]]:
        """Graphs of at most `batch_size` frames each; raises InputFailure for an unknown element."""
        require_known(NAME, frames.species(), self.known)
        for start in range(0, len(frames), batch_size):
            part = frames.select(list(range(start, min(start + batch_size, len(frames)))))
            batch = next(iter(loader(list(graphs(part, self.known, self.cutoff)), batch_size)))
            yield {name: value.to(self.device) for name, value in batch.to_dict().items()}

    def energies(self, graph: dict[str, torch.Tensor]) -> Floats:
        """Interaction energies (frames,) eV of one batch of graphs, without the backward pass."""
        with torch.no_grad():
            answers = self.model(graph, training=False, compute_force=False)
        return to_float64(answers["interaction_energy"])

    def forward(self, graph: dict[str, torch.Tensor]) -> tuple[Floats, Floats]:
        """Interaction energies (frames,) eV and forces (atoms, 3) eV/Å of one batch of graphs."""
        answers = self.model(graph, training=False, compute_force=True)
        return to_float64(answers["interaction_energy"]), to_float64(answers["forces"])

    def reference(self, frames: Frames) -> Floats:
        """Sum (F,) in eV of the reference energies of each frame's atoms."""
        single = self._reference[frames.numbers]
        return np.array([single[frames.atoms_of(index)].sum() for index in range(len(frames))])

    def reference_of(self, numbers: Ints) -> float:
        """Sum in eV of the reference energies of one structure's atoms."""
        return float(self._reference[numbers].sum())

    def calculator(self) -> EnergyAndForces:
        """ASE calculator with energy and forces (mace-torch's own computes stress as well)."""
        return EnergyAndForces(Inputs(self).answer)


class MaceCommittee:
    """Members of one committee, evaluated on the same graphs."""

    def __init__(self, members: Sequence[MaceEvaluator]) -> None:
        self.members = members
        require_alike((member.known, member.cutoff) for member in members)

    def energies(self, frames: Frames, batch_size: int) -> Floats:
        """Energies (M, F) eV, float64; raises InputFailure for an unknown element."""
        first = self.members[0]
        with width(first.dtype):
            parts = [
                [member.energies(batch) for member in self.members]
                for batch in first.batches(frames, batch_size)
            ]
        return np.concatenate(parts, axis=1) + np.stack([member.reference(frames) for member in self.members])


class Inputs:
    """Inputs of mace-torch's models for successive structures; parts that depend on elements are kept."""

    def __init__(self, evaluator: MaceEvaluator) -> None:
        self.evaluator = evaluator
        self._numbers: Ints = np.zeros(0, dtype=np.int64)
        self._constant: dict[str, torch.Tensor] = {}
        self._reference = 0.0

    def answer(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å of one structure; raises InputFailure for an unknown element."""
        edges, shifts, units, cell = data.get_neighborhood(
            positions=atoms.positions,
            cutoff=self.evaluator.cutoff,
            pbc=tuple(bool(flag) for flag in atoms.pbc),
            cell=np.array(atoms.cell),
        )
        with width(self.evaluator.dtype):
            return self.evaluate(atoms.numbers, atoms.positions, edges, shifts, unit_shifts=units, cell=cell)

    def evaluate(
        self, numbers: Ints, positions: Floats, edges: Ints, shifts: Floats, **more: Any
    ) -> tuple[float, Floats]:
        """Energy (eV) and forces (N, 3) in eV/Å, in torch's default dtype.

        numbers (N,), positions (N, 3) Å, edges (2, E) from sender to receiver, shifts (E, 3) Å added to the
        vector between the two; more: arrays by the names that the model knows. Raises InputFailure for an
        unknown element.
        """
        if not np.array_equal(self._numbers, numbers):
            self._prepare(numbers)
        kind, device = torch.get_default_dtype(), self.evaluator.device
        arrays = {"positions": positions, "shifts": shifts, "cell": np.zeros((3, 3)), **more}
        graph = {name: torch.tensor(value, dtype=kind, device=device) for name, value in arrays.items()}
        graph["edge_index"] = torch.tensor(edges, dtype=torch.int64, device=device)
        energy, forces = self.evaluator.forward(self._constant | graph)
        return float(energy[0]) + self._reference, forces

    def _prepare(self, numbers: Ints) -> None:
        """Compute the parts that stay the same while the atoms are the same."""
        known, device = self.evaluator.known, self.evaluator.device
        require_known(NAME, numbers.tolist(), known)
        kinds = torch.tensor(np.searchsorted(known, numbers))
        attributes = torch.nn.functional.one_hot(kinds, len(known)).to(torch.get_default_dtype())
        constant = {
            "node_attrs": attributes,
            "batch": torch.zeros(len(numbers), dtype=torch.int64),
            "ptr": torch.tensor([0, len(numbers)]),
            "head": torch.zeros(1, dtype=torch.int64),
        }
        self._constant = {name: value.to(device) for name, value in constant.items()}
        self._reference = self.evaluator.reference_of(numbers)
        self._numbers = numbers.copy()


def to_float64(tensor: torch.Tensor) -> Floats:
    """Numbers of a tensor as a float64 array."""
    array: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return array
