"""Requirements on every architecture, as a test class that a suite inherits: `Conformance`.

A package that offers an architecture tests it with

    from mlipbench_hpc.architectures.testing import Conformance
    from my_architecture import adapter

    class TestMine(Conformance):
        adapter = adapter
        small = {"epochs": 4, "cutoff": 3.0}
        learning = {"epochs": 30}
        weights = "weights.npz"
        title = "Mine"

and runs pytest in the environment that the architecture's card names, with this package importable. The
attributes are explained in `Subject`. Needed besides the engine: pytest, numpy, scipy, ASE. No part of this
package imports it. A kernel's suite inherits `KernelConformance`.
"""

import pytest

# pytest shows values of a failed assertion only in modules registered before their import.
pytest.register_assert_rewrite(
    f"{__name__}.conformance", f"{__name__}.handouts", f"{__name__}.kernels", f"{__name__}.resumes"
)

from mlipbench_hpc.architectures.testing.conformance import Conformance  # noqa: E402
from mlipbench_hpc.architectures.testing.frames import REFERENCE, harmonic, water  # noqa: E402
from mlipbench_hpc.architectures.testing.kernels import KernelConformance  # noqa: E402

__all__ = ["REFERENCE", "Conformance", "KernelConformance", "harmonic", "water"]
