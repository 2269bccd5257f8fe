"""JAX-MD's integrators, imported in one place.

`import jax_md` imports its neural networks too, and with them flax, e3nn, sympy and much of scipy: 5 s of CPU
time of every task. So the package is entered without its `__init__`, which does nothing else.
"""

import sys
from importlib.util import find_spec, module_from_spec

# XLA's flags come first.
from mlipbench_hpc.architectures.shared.jax_library import jax

if "jax_md" not in sys.modules and (spec := find_spec("jax_md")):
    sys.modules["jax_md"] = module_from_spec(spec)

from jax_md import simulate, space

__all__ = ["jax", "simulate", "space"]
