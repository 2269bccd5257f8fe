"""The springs of adapter.py in JAX, for the engine `jax-md`: no list of neighbours."""

from typing import Any

from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.architectures.shared.jax_library import Array, device, jax, jnp

from .adapter import Springs


def total(positions: Array, springs: Any) -> Array:
    u = positions - springs["sites"]
    square = jnp.sum(u**2, axis=1)
    differences = jnp.sum((u[:, None] - u[None]) ** 2) / 2
    own = springs["tie"] / 2 * square + springs["quartic"] / 4 * square**2
    return own.sum() + springs["coupling"] / 2 * differences


def compute(springs: Any, arrays: Any, positions: Array) -> tuple[Array, Array]:
    energy, gradient = jax.value_and_grad(total)(positions, springs)
    turned = jnp.cross(jnp.array([0.0, 0.0, 1.0]), positions - springs["sites"])
    return energy, springs["swirl"] * turned - gradient


def springs_forces(springs: Springs) -> JaxForces:
    names = ("sites", "tie", "coupling", "quartic", "swirl")
    place = device("cpu")
    numbers = jax.device_put({name: jnp.asarray(getattr(springs, name)) for name in names}, place)
    return JaxForces(compute, numbers, place, 1.0, lambda atoms, reach: ())
