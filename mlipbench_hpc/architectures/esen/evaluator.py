"""Evaluation of a trained eSEN model: many frames at once, or step by step in MD."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from mlipbench_hpc.architectures.esen.fairchem_core import repeatable
from mlipbench_hpc.architectures.esen.graphs import Graph, batch, graph, graphs
from mlipbench_hpc.architectures.esen.model import NAME, load_model
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known
from mlipbench_hpc.architectures.shared.members import require_alike
from mlipbench_hpc.data.frames import Floats, Frames, Ints


class EsenEvaluator:
    """One loaded model on one device and in one dtype; reference energies are always added in float64."""

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        self.blueprint, self.model = load_model(folder, device, dtype)
        self.device, self.dtype = device, dtype
        self._offsets = np.array(self.blueprint.offsets)

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element."""
        results = [self.compute(items) for items in self.batches(frames, batch_size)]
        energies, forces = zip(*results, strict=True)
        return np.concatenate(energies) + self.frame_offsets(frames), np.concatenate(forces)

    def batches(self, frames: Frames, batch_size: int) -> Iterator[list[Graph]]:
        """Graphs, at most `batch_size` at a time; raises InputFailure for an unknown element."""
        require_known(NAME, frames.species(), self.blueprint.numbers)
        items = list(graphs(frames, self.blueprint.cutoff))
        for start in range(0, len(items), batch_size):
            yield items[start : start + batch_size]

    def compute(self, items: Sequence[Graph]) -> tuple[Floats, Floats]:
        """Energies (B,) eV without offsets, and forces (A, 3) eV/Å, of one batch of graphs."""
        return compute(self.model, items, self.blueprint.scale, self.dtype, self.device)

    def energies(self, items: Sequence[Graph]) -> Floats:
        """Energies (B,) eV without offsets of one batch of graphs, without the backward pass."""
        settings = self.model.backbone.regress_config
        settings.forces = False
        try:
            with torch.no_grad(), repeatable(self.device):
                answers = self.model(batch(items, self.dtype, self.device))
        finally:
            settings.forces = True
        return self.blueprint.scale * to_float64(answers["energy"]["energy"])

    def frame_offsets(self, frames: Frames) -> Floats:
        """(F,) eV: offsets of each frame's atoms."""
        sums: Floats = np.add.reduceat(self.atomic_offsets(frames.numbers), frames.offsets[:-1])
        return sums

    def atomic_offsets(self, numbers: Ints) -> Floats:
        """eV: reference energy and shift of each atomic number."""
        energies: Floats = self._offsets[numbers]
        return energies

    def answer(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å of one structure; raises InputFailure for an unknown element."""
        numbers = atoms.numbers
        require_known(NAME, numbers.tolist(), self.blueprint.numbers)
        item = graph(numbers, atoms.positions, np.array(atoms.cell), atoms.pbc, self.blueprint.cutoff)
        energies, forces = self.compute([item])
        return float(energies[0] + self.atomic_offsets(numbers).sum()), forces

    def calculator(self) -> EnergyAndForces:
        """ASE calculator with energy and forces."""
        return EnergyAndForces(self.answer)


class EsenCommittee:
    """Members of one committee, evaluated on the same graphs."""

    def __init__(self, members: Sequence[EsenEvaluator]) -> None:
        self.members = members
        require_alike((member.blueprint.numbers, member.blueprint.cutoff) for member in members)

    def energies(self, frames: Frames, batch_size: int) -> Floats:
        """Energies (M, F) eV, float64; raises InputFailure for an unknown element."""
        parts = [
            [member.energies(items) for member in self.members]
            for items in self.members[0].batches(frames, batch_size)
        ]
        return np.concatenate(parts, axis=1) + np.stack(
            [member.frame_offsets(frames) for member in self.members]
        )


def compute(
    model: torch.nn.Module, items: Sequence[Graph], scale: float, dtype: str, device: str
) -> tuple[Floats, Floats]:
    """Energies (B,) eV and forces (A, 3) eV/Å of graphs: the model's output times scale, without offsets."""
    with repeatable(device):
        answers = model(batch(items, dtype, device))
    energies, forces = (to_float64(answers[name][name]) for name in ("energy", "forces"))
    return scale * energies, scale * forces


def to_float64(tensor: torch.Tensor) -> Floats:
    """Numbers of a tensor as a float64 array."""
    array: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return array
