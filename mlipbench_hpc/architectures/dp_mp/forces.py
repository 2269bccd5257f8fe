"""Energy and forces of a model as a function that JAX traces: what the engine `jax-md` needs of it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.dp_mp.energy import Arrays, Weights, energy_and_forces
from mlipbench_hpc.architectures.dp_mp.evaluator import JaxEvaluator
from mlipbench_hpc.architectures.dp_mp.graphs import graph, pad
from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.architectures.shared.jax_library import Array, jnp
from mlipbench_hpc.architectures.shared.labels import require_known

# Parameters, arrays of a frame and positions, as JaxForces has them.
Compute = Callable[[Any, Any, Any], tuple[Array, Array]]
# Constants, weights and arrays of a graph.Graph to its energy (eV) and forces (S, 3) eV/Å.
EnergyAndForces = Callable[[Arrays, Weights, Arrays], tuple[Array, Array]]


def jax_forces(evaluator: JaxEvaluator, numbers: list[int], compute: Compute | None = None) -> JaxForces:
    """Forces of a loaded model; raises InputFailure for an atomic number that it does not know.

    compute: another function of a module than `computed`.
    """
    require_known(evaluator.name, numbers, evaluator.record.numbers)
    model = compute or computed, evaluator.parameters, evaluator.device, evaluator.record.cutoff
    return JaxForces(*model, partial(arrange, evaluator))


def arrange(evaluator: JaxEvaluator, atoms: Atoms, reach: float) -> Mapping[str, Any]:
    """Arrays of a graph.Graph with all pairs within `reach` Å, the slot of each atom, and its energy E0.

    Raises TaskFailure for atoms that the evaluator does not compute.
    """
    cell, elements = np.array(atoms.cell), evaluator.record.numbers
    item = graph(atoms.numbers, atoms.positions, cell, atoms.pbc, elements, reach)
    evaluator.admit(item)
    arrays = pad(item, item.shape.ceiling(), reach).arrays(evaluator.dtype)
    return {**arrays, "slots": item.slots, "reference": evaluator.reference(atoms.numbers).sum()}


def computed(parameters: tuple[Arrays, Weights], arrays: Arrays, positions: Array) -> tuple[Array, Array]:
    """Energy and forces of dp_mp's own energy (see at_positions)."""
    return at_positions(energy_and_forces, parameters, arrays, positions)


def at_positions(
    function: EnergyAndForces, parameters: tuple[Arrays, Weights], arrays: Arrays, positions: Array
) -> tuple[Array, Array]:
    """Energy (eV), reference energies included, and forces (N, 3) eV/Å at positions (N, 3) Å, in float64.

    Pairs beyond the cutoff add nothing: their weight is 0.
    """
    slots, places = arrays["slots"], arrays["positions"]
    placed = places.at[slots].set(positions.astype(places.dtype))
    energy, forces = function(*parameters, {**arrays, "positions": placed})
    return energy.astype(jnp.float64) + arrays["reference"], forces[slots].astype(jnp.float64)
