"""The springs of adapter.py in JAX, for the engine `jax-md`, which moves atoms by whole lattice vectors."""

from typing import Any

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.architectures.shared.jax_library import Array, device, jax, jnp

from .adapter import Springs


def displacements(positions: Array, springs: Any, cell: Array) -> Array:
    """From the nearest image of each site."""
    u = positions - springs["sites"]
    return u - jnp.round(u @ jnp.linalg.inv(cell)) @ cell


def total(positions: Array, springs: Any, cell: Array) -> Array:
    u = displacements(positions, springs, cell)
    square = jnp.sum(u**2, axis=1)
    differences = jnp.sum((u[:, None] - u[None]) ** 2) / 2
    own = springs["tie"] / 2 * square + springs["quartic"] / 4 * square**2
    return own.sum() + springs["coupling"] / 2 * differences


def compute(springs: Any, cell: Array, positions: Array) -> tuple[Array, Array]:
    energy, gradient = jax.value_and_grad(total)(positions, springs, cell)
    turned = jnp.cross(jnp.array([0.0, 0.0, 1.0]), displacements(positions, springs, cell))
    return energy, springs["swirl"] * turned - gradient


def arrange(atoms: Atoms, reach: float) -> Any:
    """No pairs, but the cell."""
    return np.asarray(atoms.cell)


def springs_forces(springs: Springs) -> JaxForces:
    names = ("sites", "tie", "coupling", "quartic", "swirl")
    place = device("cpu")
    numbers = jax.device_put({name: jnp.asarray(getattr(springs, name)) for name in names}, place)
    return JaxForces(compute, numbers, place, 1.0, arrange)
