"""The Lennard-Jones argon of adapter.py in JAX, for the engine `jax-md`."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.architectures.shared.jax_library import Array, device, jax, jnp

from .adapter import CUTOFF, EPSILON, SIGMA

# Pairs come in multiples of this, so that few programs are compiled.
PAIRS = 1024


def pair(r: Array) -> Array:
    six = (SIGMA / r) ** 6
    return 4 * EPSILON * (six**2 - six)


def total(positions: Array, arrays: Any) -> Array:
    vectors = positions[arrays["j"]] - positions[arrays["i"]] + arrays["shifts"]
    r = jnp.sqrt(jnp.sum(vectors**2, axis=1))
    slope = jax.grad(pair)(CUTOFF)
    energies = pair(r) - pair(CUTOFF) - (r - CUTOFF) * slope
    return 0.5 * jnp.sum(jnp.where(r < CUTOFF, energies, 0.0))


def compute(parameters: Any, arrays: Any, positions: Array) -> tuple[Array, Array]:
    energy, gradient = jax.value_and_grad(total)(positions, arrays)
    return energy, -gradient


def arrange(atoms: Atoms, reach: float) -> dict[str, Any]:
    """Pairs that only fill the arrays lead from an atom to itself, beyond the cutoff."""
    i, j, images = neighbor_list("ijS", atoms, reach)
    empty = -len(i) % PAIRS
    shifts = np.append(images @ np.asarray(atoms.cell), np.tile([2 * CUTOFF, 0.0, 0.0], (empty, 1)), axis=0)
    return {"i": np.append(i, [0] * empty), "j": np.append(j, [0] * empty), "shifts": shifts}


def argon_forces() -> JaxForces:
    return JaxForces(compute, (), device("cpu"), CUTOFF, arrange)
