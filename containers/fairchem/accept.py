"""The image of `fairchem` works."""

from acceptance import versions
from training import train_and_evaluate

from mlipbench_hpc.architectures.esen import adapter

versions()
train_and_evaluate(
    adapter, 1e-5, cutoff=3.5, sphere_channels=4, hidden_channels=4, edge_channels=4, num_distance_basis=8
)
