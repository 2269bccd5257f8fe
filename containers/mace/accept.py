"""The image of `mace` works."""

from acceptance import packages
from training import accept

from mlipbench_hpc.architectures.mace import adapter

packages()
accept(
    adapter,
    1e-5,
    r_max=3.5,
    num_channels=4,
    max_L=1,
    max_ell=2,
    correlation=2,
    radial_MLP=[8],
    num_radial_basis=4,
)
