"""A DP model of deepmd-kit's training at work in JAX: the evaluator of dp_mp with another energy."""

from pathlib import Path

import numpy as np

from mlipbench_hpc.architectures.dp_in_jax.blueprint import FILE, SCHEMA, Blueprint
from mlipbench_hpc.architectures.dp_in_jax.energy import energy_and_forces, places
from mlipbench_hpc.architectures.dp_mp.energy import Arrays, Weights
from mlipbench_hpc.architectures.dp_mp.evaluator import JaxEvaluator
from mlipbench_hpc.architectures.dp_mp.forces import at_positions
from mlipbench_hpc.architectures.dp_mp.graphs import Graph
from mlipbench_hpc.architectures.dp_mp.weights import Tree
from mlipbench_hpc.architectures.shared.jax_library import Array, jax
from mlipbench_hpc.architectures.shared.labels import symbols
from mlipbench_hpc.architectures.shared.record import read_record
from mlipbench_hpc.contract.task import TaskFailure

COMPUTE = jax.jit(energy_and_forces)


class DpInJax(JaxEvaluator):
    """One loaded model (see JaxEvaluator), which knows for how many neighbours it was trained."""

    # As deepmd-kit does: float32 would round positions to 2e-6 Å, and forces to 1e-4 of their rms.
    geometry = "float64"
    program = staticmethod(COMPUTE)
    record: Blueprint

    @staticmethod
    def files(name: str, folder: Path, dtype: str) -> tuple[Blueprint, Tree]:
        """What `prepare` wrote, nets in `dtype`; raises InputFailure where there is none of this schema."""
        record = Blueprint(**read_record(name, folder, SCHEMA))
        with np.load(folder / FILE, allow_pickle=False) as archive:
            weights = nested(dict(archive))
        empty, rest = places(weights, np.asarray(record.room, np.float64))
        weights |= {"empty": empty, "rest": rest}
        narrow = {name: value for name, value in weights.items() if name not in ("mean", "spread")}
        return record, weights | jax.tree.map(lambda value: np.asarray(value, dtype), narrow)

    def admit(self, item: Graph) -> None:
        """Raise TaskFailure where an atom has more neighbours of an element than deepmd-kit has places.

        deepmd-kit leaves out the farthest of them without a word, and its forces are no gradient there.
        """
        counts = item.neighbour_counts(len(self.record.numbers), self.record.cutoff)
        if not (over := counts - self.record.room > 0).any():
            return
        kind = int(np.argmax(over.any(axis=0)))
        element = symbols(self.record.numbers)[kind]
        raise TaskFailure(
            f"{self.name}: an atom has {counts[:, kind].max()} {element} within {self.record.cutoff:g} Å, "
            f"and the model has places for {self.record.room[kind]} (sel), beyond which deepmd-kit leaves "
            "the farthest out: raise the hyperparameter sel_factor, or train on such frames"
        )


def nested(values: Tree) -> Tree:
    """The tree of arrays by dotted paths, in which layers are lists."""
    tree: Tree = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return {name: list(value.values()) if isinstance(value, dict) else value for name, value in tree.items()}


def compute(parameters: tuple[Arrays, Weights], arrays: Arrays, positions: Array) -> tuple[Array, Array]:
    """Energy (eV) and forces (N, 3) eV/Å at positions (N, 3) Å, in float64 (see JaxForces)."""
    return at_positions(energy_and_forces, parameters, arrays, positions)
