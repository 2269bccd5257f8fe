"""JAX, imported in one place: numbers as wide as their arrays, products of full precision, threads."""

import os

# XLA hands small products of matrices to YNNPACK, which jaxlib 0.10.2 does wrong for large arrays
# (jax-ml/jax#39103), and where those of DP-MP's gradient take four times as long as in XLA's own loops: so it
# is told not to. With LLVM's optimisation level 1 a step of training compiles in 8 s instead of 14 s and is
# no slower. XLA reads flags once, when it starts; the last of equal ones wins.
# No flag comes twice, for they are part of the key under which JAX keeps a program.
os.environ["XLA_FLAGS"] = " ".join(
    dict.fromkeys(
        [
            *os.environ.get("XLA_FLAGS", "").split(),
            "--xla_cpu_experimental_ynn_fusion_type=",
            "--xla_backend_optimization_level=1",
        ]
    )
)
# Several tasks may share a GPU, of which JAX would otherwise take three quarters of the memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["Array", "device", "jax", "jnp", "use_threads"]

# float32 arrays stay float32: this only allows float64 beside them.
jax.config.update("jax_enable_x64", True)
# GPUs would otherwise multiply float32 with ten bits of mantissa.
jax.config.update("jax_default_matmul_precision", "highest")


def use_threads(count: int) -> None:
    """Threads of all work on a CPU; XLA reads it when it starts, at the first computation of the process."""
    os.environ["NPROC"] = str(count)


def device(name: str) -> jax.Device:
    """The first device of the kind `cpu` or `cuda`; raises RuntimeError where there is none."""
    return jax.devices(name)[0]
