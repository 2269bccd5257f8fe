"""The image of `fairchem` works."""

import torch
from acceptance import packages, products
from training import accept

from mlipbench_hpc.architectures.esen import adapter

packages()
accept(adapter, 1e-5, cutoff=3.5, sphere_channels=4, hidden_channels=4, edge_channels=4, num_distance_basis=8)
# Everything is imported by now, and may have set what is the whole process's.
products(lambda one, other: (torch.from_numpy(one) @ torch.from_numpy(other)).numpy())
assert torch.get_default_dtype() == torch.float32, "another default dtype is left behind"
assert torch.get_float32_matmul_precision() == "highest", "GPUs would multiply in TF32"
