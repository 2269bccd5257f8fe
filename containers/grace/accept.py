"""The image of `grace` works."""

from acceptance import requirements, versions
from training import train_and_evaluate

from mlipbench_hpc.architectures.grace_1l import adapter as one_layer
from mlipbench_hpc.architectures.grace_2l import adapter as two_layers

SMALL = {"rcut": 3.5, "lmax": 2, "n_rad_max": 4, "prod_func_n_max": 4, "embedding_size": 4, "n_mlp_dens": 2}

versions()
# tensorflow-cpu is TensorFlow under another name (see overrides.in).
requirements(unmet={"tensorpotential: tensorflow", "tf-keras: tensorflow"})
train_and_evaluate(one_layer, 1e-5, **SMALL)
train_and_evaluate(two_layers, 1e-5, **SMALL, lmax_2=1, n_rad_max_2=4)
