"""Adapter of the kernel jax of DP (see ../interface.py).

Its task runs beside deepmd-kit, which makes the files; what loads them runs beside JAX. Neither environment
holds the other's library: each is imported where it is needed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.architectures.dp_in_jax.blueprint import NAME
from mlipbench_hpc.architectures.interface import JaxForces, KernelJob
from mlipbench_hpc.architectures.shared.probes import require_agreement

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.dp_in_jax.evaluator import DpInJax

__all__ = ["jax_md", "load", "prepare"]


def prepare(job: KernelJob) -> dict[str, Any]:
    """Write the weights, and frames with deepmd-kit's answers in float64 without compression.

    Returns how far the trained graph, compressed and in its dtype, is from these. Raises InputFailure for a
    model that is not deepmd-kit's plain se_e2_a or whose embedding nets are not there, TaskFailure where the
    trained graph computes something else.
    """
    from mlipbench_hpc.architectures.dp_in_jax.preparation import convert

    return convert(job)


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> "DpInJax":
    """Load what `prepare` left in `folder`.

    Raises InputFailure where there is nothing, TaskFailure where its answers are not those of deepmd-kit. Its
    files contain its construction: `hyperparameters` are not needed.
    """
    from mlipbench_hpc.architectures.dp_in_jax.evaluator import DpInJax

    evaluator = DpInJax(NAME, folder, device, dtype)
    require_agreement(NAME, folder, evaluator, dtype)
    return evaluator


def jax_md(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: "DpInJax"
) -> JaxForces:
    """Forces for the engine `jax-md`; raises InputFailure for an element outside the model."""
    from mlipbench_hpc.architectures.dp_in_jax.evaluator import compute
    from mlipbench_hpc.architectures.dp_mp.forces import jax_forces

    return jax_forces(evaluator, numbers, compute)
