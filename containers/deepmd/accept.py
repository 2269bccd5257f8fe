"""The image of `deepmd` works."""

from acceptance import packages
from training import accept

from mlipbench_hpc.architectures.dp import adapter

packages()
accept(adapter, 1e-5, rcut=3.5, neuron=[4, 8], axis_neuron=2, fitting_neuron=[8, 8])
