"""symmetrix-xl, imported in one place, with the settings that it reads when its native part is loaded."""

import os
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.task import TaskFailure

SETTINGS = {
    "SYMMETRIX_BACKEND": "cpu",
    # Its small products go through OpenBLAS only after a look at the loaded libraries, in each of hundreds of
    # calls a step: without it a step takes a third of the time.
    "SYMMETRIX_HOST_WORKER_BLAS": "off",
    # The system's compiler, and code for every x86-64 since 2013 with the wheel's own instructions.
    "SYMMETRIX_JIT_HOST_TARGET": "portable",
    # Kokkos otherwise advises on it in every process.
    "OMP_PROC_BIND": "false",
}
NEEDED = ("avx2", "bmi2", "fma")
CPUINFO = Path("/proc/cpuinfo")
os.environ.update(SETTINGS)


def native() -> Any:
    """Its compiled module. Raises TaskFailure on a processor without the instructions that it uses."""
    flags = next((line.split() for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), [])
    if lacking := [name for name in NEEDED if name not in flags]:
        raise TaskFailure(f"symmetrix needs an x86-64-v3 processor: this one lacks {', '.join(lacking)}")
    import symmetrix

    return symmetrix.load_backend()
