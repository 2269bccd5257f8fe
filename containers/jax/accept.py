"""The image of `jax` works."""

from acceptance import versions
from training import train_and_evaluate

from mlipbench_hpc.architectures.dp_mp import adapter
from mlipbench_hpc.worker.engines.jax_md_library import simulate

versions()
assert simulate.nose_hoover_chain
train_and_evaluate(
    adapter, 1e-5, rcut=3.5, neuron=[4, 8], axis_neuron=2, message_neuron=[8, 8], fitting_neuron=[8, 8]
)
