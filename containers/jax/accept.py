"""The image of `jax` works."""

from acceptance import packages, products
from training import accept

from mlipbench_hpc.architectures.dp_mp import adapter
from mlipbench_hpc.architectures.shared.jax_library import jax, jnp

packages()
accept(adapter, 1e-5, rcut=3.5, neuron=[4, 8], axis_neuron=2, message_neuron=[8, 8], fitting_neuron=[8, 8])
# Everything is imported by now, and may have set what is the whole process's.
products(lambda one, other: jnp.asarray(one) @ jnp.asarray(other))
assert jax.config.jax_enable_x64, "float64 is switched off"
assert jax.config.jax_default_matmul_precision == "highest", "GPUs would multiply in TF32"
