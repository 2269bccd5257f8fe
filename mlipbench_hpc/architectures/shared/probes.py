"""Frames that a kernel keeps with the answers of the architecture's own library, and its agreement."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.data.frames import Frames

NAME = "probes.npz"
# eV/Å: where forces are smaller on the mean, deviations are of this.
LEAST_FORCE = 0.01


@dataclass(frozen=True)
class Tolerance:
    """Largest deviation from float64: eV/atom of an energy, and of a force component over the rms of all.

    In float32 they are a few times what rounding was seen to do: of seven MACE models of gold and water by
    symmetrix up to 1.1e-6 eV/atom and 1.5e-5, where mace-torch itself shows 4e-7 and 1.6e-4. In float64 the
    second is what interpolated radial functions add.
    """

    energy: float
    force: float


TOLERANCES = {"float32": Tolerance(5e-6, 1e-4), "float64": Tolerance(1e-8, 5e-6)}


def keep(folder: Path, frames: Frames, reference: Evaluator) -> None:
    """Write the frames with the answers of `reference`, which computes in float64."""
    energies, forces = reference.evaluate(frames, 1)
    replace(frames, energies=energies, forces=forces).save(folder / NAME)


def require_agreement(
    name: str,
    folder: Path,
    evaluator: Evaluator,
    dtype: str,
    tolerances: Mapping[str, Tolerance] = TOLERANCES,
) -> dict[str, Any]:
    """Largest deviations of `evaluator` from the kept answers, for result.json.

    Raises TaskFailure where one is above its tolerance: nothing is computed by such a kernel.
    """
    probes, tolerance = Frames.load(folder / NAME), tolerances[dtype]
    energies, forces = evaluator.evaluate(probes, 1)
    energy = float(np.max(np.abs(energies - probes.energies) / probes.sizes))
    scale = max(float(np.sqrt(np.mean(probes.forces**2))), LEAST_FORCE)
    force = float(np.max(np.abs(forces - probes.forces))) / scale
    if not (energy <= tolerance.energy and force <= tolerance.force):
        raise TaskFailure(
            f"{name} does not compute this model: on {len(probes)} frames it is up to {energy:.2g} eV/atom "
            f"and {force:.2g} of the rms force from the architecture's own float64 (limits in {dtype}: "
            f"{tolerance.energy:g} eV/atom and {tolerance.force:g}); leave `kernel` out of the model"
        )
    return {"energy_deviation_eV_per_atom": energy, "force_deviation_of_rms": force, "probes": len(probes)}
