"""Conversion of a trained MACE model for symmetrix, and its kernel, compiled by the system's compiler."""

import io
import json
import os
import shutil
import warnings
from typing import Any

import torch

from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.architectures.mace.mace_torch import quiet
from mlipbench_hpc.architectures.mace.model import load_model
from mlipbench_hpc.architectures.mace_symmetrix import library
from mlipbench_hpc.architectures.mace_symmetrix.evaluator import KERNEL, MODEL, SCHEMA, Blueprint
from mlipbench_hpc.architectures.shared.probes import keep
from mlipbench_hpc.architectures.shared.record import write_record
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.task import TaskFailure

# Of each radial function, cubic between them. With the package's 256 forces deviate by 7e-5 of their rms,
# with these by 1e-6, and a step is not slower by more than a tenth.
SPLINE_POINTS = 1024


def convert(job: KernelJob) -> None:
    """Write model.json, symmetrix.json (shape and weights) and kernel.so."""
    blueprint, model = load_model(job.model, "cpu", "float64")
    write_bytes(job.folder / MODEL, json.dumps(extracted(model)).encode())
    compile_kernel(job)
    cutoff, energies = float(blueprint.hyperparameters["r_max"]), blueprint.reference_energies
    write_record(job.folder, SCHEMA, vars(Blueprint(blueprint.numbers, energies, cutoff, job.dtype)))


def extracted(model: torch.nn.Module) -> dict[str, Any]:
    """The model as symmetrix reads it, whose own extraction takes a file of torch.save."""
    from symmetrix.extract_mace_data import extract_mace_data

    with quiet(), warnings.catch_warnings():
        stream = io.BytesIO()
        torch.save(model, stream)
        stream.seek(0)
        data: dict[str, Any] = extract_mace_data(stream, num_spline_points=SPLINE_POINTS)
    return data


def compile_kernel(job: KernelJob) -> None:
    """Write kernel.so. Raises TaskFailure with what the compiler said."""
    library.native()
    from symmetrix.jit_host_artifact import JitHostArtifactError, prepare_jit_host_artifact

    os.environ["CXX"] = job.compiler
    cache = job.folder / "compilation"
    try:
        built = prepare_jit_host_artifact(job.folder / MODEL, precision=job.dtype, cache_root=cache)
    except JitHostArtifactError as error:
        said = "\n".join(error.diagnostics)[-2000:]
        raise TaskFailure(f"{job.compiler} did not compile the kernel: {error}\n{said}") from error
    write_bytes(job.folder / KERNEL, built.artifact_path.read_bytes())
    shutil.rmtree(cache)


def keep_answers(job: KernelJob) -> None:
    """Write the frames with energies and forces by mace-torch in float64."""
    keep(job.folder, job.frames, MaceEvaluator(job.model, "cpu", "float64"))
