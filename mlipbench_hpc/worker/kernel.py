"""kernel: what another program loads of one trained model, made for it and compared with it."""

import json
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.kernel import compiler_version
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.context import Context

PROBES = 6


def run(context: Context) -> dict[str, Any]:
    """Write the kernel's files; returns its largest deviations from the architecture's own float64."""
    parameters = context.parameters
    compiler = parameters.get("compiler")
    program = require_compiler(compiler) if compiler else ""
    split = json.loads((context.upstream("split") / "split.json").read_text(encoding="utf-8"))
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    probes = frames.select(probed(split["validation"]))
    model, chosen = context.upstream("model"), context.hyperparameters
    job = KernelJob(context.folder, model, chosen, probes, parameters["dtype"], program)
    values: dict[str, Any] = context.adapter().prepare(job)
    return values | ({"compiler": compiler["version"]} if compiler else {})


def require_compiler(planned: dict[str, str]) -> str:
    """The program. Raises InputFailure where this machine's is not of the planned version."""
    program, version = planned["program"], planned["version"]
    try:
        here = compiler_version(program)
    except OSError as error:
        raise InputFailure(f"the compiler {program} does not run on this machine: {error}") from error
    if here != version:
        message = f"planned with the compiler {version!r}, this machine has {here!r}"
        raise InputFailure(f"{message}: plan on a machine with the same one")
    return program


def probed(indices: list[int]) -> list[int]:
    """At most PROBES of the validation frames, evenly spaced over all."""
    places = np.unique(np.linspace(0, len(indices) - 1, PROBES).round().astype(int))
    return [indices[place] for place in places]
