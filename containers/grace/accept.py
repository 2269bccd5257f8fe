"""The image of `grace` works."""

from acceptance import LOCK, packages, products
from training import accept

from mlipbench_hpc.architectures.grace_1l import adapter as one_layer
from mlipbench_hpc.architectures.grace_1l.tensor_potential import tf
from mlipbench_hpc.architectures.grace_2l import adapter as two_layers

SMALL = {"rcut": 3.5, "lmax": 2, "n_rad_max": 4, "prod_func_n_max": 4, "embedding_size": 4, "n_mlp_dens": 2}

# For CPUs, tensorflow-cpu is TensorFlow under another name (see overrides.in).
without_cuda = "\ntensorflow-cpu==" in LOCK.read_text()
packages(unmet={"tensorpotential: tensorflow", "tf-keras: tensorflow"} if without_cuda else ())
accept(one_layer, 1e-5, **SMALL)
accept(two_layers, 1e-5, **SMALL, lmax_2=1, n_rad_max_2=4)
# Everything is imported by now, and may have set what is the whole process's.
products(lambda one, other: tf.linalg.matmul(one, other).numpy())
assert not tf.config.experimental.tensor_float_32_execution_enabled(), "GPUs would multiply in TF32"
