"""Evaluation of a MACE model by symmetrix, frame by frame, on a CPU."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from mlipbench_hpc.architectures.mace_symmetrix import library
from mlipbench_hpc.architectures.shared.calculator import EnergyAndForces
from mlipbench_hpc.architectures.shared.labels import require_known
from mlipbench_hpc.architectures.shared.record import read_record
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames

NAME, SCHEMA = "MACE by symmetrix", 1
MODEL, KERNEL = "symmetrix.json", "kernel.so"


@dataclass(frozen=True)
class Blueprint:
    """What symmetrix's own file does not hold, or is not asked for.

    numbers: sorted atomic numbers. reference_energies: eV, in that order. cutoff: Å. dtype: of the kernel.
    """

    numbers: list[int]
    reference_energies: list[float]
    cutoff: float
    dtype: str


class SymmetrixEvaluator:
    """One model with its kernel in its dtype; reference energies are added in float64.

    Neighbour lists are made for every structure, so that an answer depends on nothing before it.
    """

    def __init__(self, folder: Path, dtype: str) -> None:
        self.own = own = Blueprint(**read_record(NAME, folder, SCHEMA))
        if own.dtype != dtype:
            raise InputFailure(f"{folder} holds {NAME} in {own.dtype}, not in {dtype}: plan again")
        self._native = loaded(folder, dtype)
        self._reference = np.array(own.reference_energies)

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å, float64; raises InputFailure for an unknown element."""
        answers = [self.answer(frames.atoms(index)) for index in range(len(frames))]
        energies, forces = zip(*answers, strict=True) if answers else ((), ())
        return np.array(energies), np.concatenate([np.zeros((0, 3)), *forces])

    def answer(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å of one structure; raises InputFailure for an unknown element."""
        require_known(NAME, atoms.numbers.tolist(), self.own.numbers)
        kinds = np.searchsorted(self.own.numbers, atoms.numbers)
        receivers, senders, lengths, vectors = neighbour_list("ijdD", enclosed(atoms), self.own.cutoff)
        counts = np.bincount(receivers, minlength=len(atoms))
        native = self._native
        graph = native._prepare_factorized_graph(
            len(atoms), kinds.tolist(), counts, senders, kinds[senders].tolist()
        )
        native._compute_prepared_factorized(graph, np.ascontiguousarray(vectors).reshape(-1), lengths)
        forces = native._reduce_atom_forces(len(atoms), receivers, senders, graph)
        energy = np.asarray(native.node_energies, dtype=np.float64)[: len(atoms)].sum()
        return (
            float(energy + self._reference[kinds].sum()),
            np.array(forces, dtype=np.float64).reshape(-1, 3),
        )

    def calculator(self) -> EnergyAndForces:
        """ASE calculator with energy and forces."""
        return EnergyAndForces(self.answer)


def loaded(folder: Path, dtype: str) -> Any:
    """Symmetrix's evaluator of the model in `folder`, with its kernel.

    Symmetrix's own calculator would look for a kernel in a cache of its own, by the machine's processor and
    compiler, and compile another: so the one that was compiled and compared is loaded here. Raises
    InputFailure where there is none.
    """
    if not (folder / KERNEL).is_file():
        raise InputFailure(f"{folder} holds no compiled kernel")
    symmetrix = library.native()
    if not symmetrix._kokkos_is_initialized():
        symmetrix._init_kokkos()
    kind = symmetrix.MACEKokkosFloat if dtype == "float32" else symmetrix.MACEKokkos
    native = kind(str(folder / MODEL), "")
    native.set_streamed_edges("direct")
    native._set_execution_plan_request("direct", "speed", "")
    native._load_jit_host_plugin(str(folder / KERNEL))
    native._resolve_execution_plan()
    return native


def enclosed(atoms: Atoms) -> Atoms:
    """The structure with a lattice vector that encloses its atoms in each direction that is not periodic."""
    if atoms.pbc.all():
        return atoms
    copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    low, high = atoms.positions.min(axis=0), atoms.positions.max(axis=0)
    for axis in np.flatnonzero(~atoms.pbc):
        copy.cell[axis] = np.eye(3)[axis] * (high - low + 1.0)[axis]
        copy.positions[:, axis] -= low[axis] - 0.5
    return copy
