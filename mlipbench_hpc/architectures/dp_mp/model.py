"""A model's files: model.json (its hyperparameters and constants) and weights.npz; and its program."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mlipbench_hpc.architectures.dp_mp.energy import energy_and_forces
from mlipbench_hpc.architectures.dp_mp.graphs import Arrays
from mlipbench_hpc.architectures.dp_mp.weights import (
    Hyperparameters,
    Tree,
    initial_weights,
    leaves,
    pack,
    with_leaves,
)
from mlipbench_hpc.architectures.shared.jax_library import jax
from mlipbench_hpc.architectures.shared.record import read_record, write_record
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.task import InputFailure

# By number of layers: a model's name in messages.
NAMES = {1: "DP-JAX", 2: "DP-MP"}
SCHEMA = 1
FILE = "weights.npz"
# (constants, weights, arrays of a frame) to its energy (eV) and forces (S, 3) eV/Å, without reference
# energies; and the same of B frames of one shape, (B,) and (B, S, 3). Compiled anew for each shape.
COMPUTE = jax.jit(energy_and_forces)
COMPUTE_BATCH = jax.jit(jax.vmap(energy_and_forces, in_axes=(None, None, 0)))


class Known(Protocol):
    """Content of a model.json that an evaluator needs, as in Record."""

    @property
    def numbers(self) -> list[int]:
        """Sorted atomic numbers."""

    @property
    def reference_energies(self) -> list[float]:
        """Energies in eV, in that order."""

    @property
    def cutoff(self) -> float:
        """Å, of one layer."""

    def constants(self, dtype: str) -> Arrays:
        """What the energy depends on besides weights."""


@dataclass(frozen=True)
class Record:
    """model.json. numbers: sorted atomic numbers, whose places are the kinds of graphs.Graph.

    reference_energies: eV, in that order. neighbours: mean number within rcut; unit: root mean square of
    s(r) over them, 1/Å; both of the training set.
    """

    hyperparameters: dict[str, Any]
    numbers: list[int]
    reference_energies: list[float]
    neighbours: float
    unit: float

    @property
    def cutoff(self) -> float:
        """Å, of one layer."""
        return float(self.hyperparameters["rcut"])

    def constants(self, dtype: str) -> Arrays:
        """What the energy depends on besides weights (see energy.py)."""
        values = {name: self.hyperparameters[name] for name in ("rcut", "rcut_smth")}
        values |= {"neighbours": self.neighbours, "unit": self.unit}
        return {name: np.asarray(value, dtype) for name, value in values.items()}


def require_possible(hyperparameters: Hyperparameters) -> None:
    """Raise InputFailure for hyperparameters that are valid one by one, but not together."""
    axis = hyperparameters["axis_neuron"]
    for name in ("neuron", "message_neuron")[: hyperparameters["layers"]]:
        if axis > (limit := hyperparameters[name][-1]):
            raise InputFailure(f"axis_neuron = {axis} must be at most {limit}, the last of {name}")


def save_model(folder: Path, record: Record, weights: Tree) -> None:
    """Write both files, each whole or not at all."""
    write_bytes(folder / FILE, pack(dict(leaves(weights))))
    write_record(folder, SCHEMA, asdict(record))


def load_model(name: str, folder: Path, dtype: str) -> tuple[Record, Tree]:
    """What `save_model` wrote, weights in `dtype`; raises InputFailure where there is none of this schema."""
    record = Record(**read_record(name, folder, SCHEMA))
    with np.load(folder / FILE, allow_pickle=False) as archive:
        values = {key: archive[key].astype(dtype) for key in archive}
    form = initial_weights(record.hyperparameters, len(record.numbers), np.random.default_rng(0))
    weights: Tree = with_leaves(form, values)
    return record, weights
