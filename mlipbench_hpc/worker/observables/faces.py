"""Two faces with water, each by itself, beside the symmetrised profiles."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.blocks import from_block_means
from mlipbench_hpc.analysis.onepass import BlockSums, ProfileAverages
from mlipbench_hpc.analysis.pieces import errors, of_mean
from mlipbench_hpc.analysis.profiles import ORIENTATION, WATER_G_PER_CM3, Profiler
from mlipbench_hpc.analysis.surface import LOWER, UPPER
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.observables.first_layer import first_layer
from mlipbench_hpc.worker.observables.profiles import block_sums, write_profiles
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import Notes, number

PART, BY_FACE = "profiles", "by_face"


def start(run: Run) -> Finish | None:
    """Ask for the profiles' sums where there are two faces."""
    if len(run.interface.faces) < 2:
        return None
    return partial(finish, run, run.shared(block_sums))


def finish(run: Run, sums: BlockSums) -> Produced:
    """Write the profiles of each face."""
    return Produced({BY_FACE: by_face(run.context.folder, sums.profiler, sums.face_averages, run.notes)})


def by_face(
    folder: Path, interface: Profiler, averages: list[ProfileAverages], notes: Notes
) -> dict[str, Any]:
    """Write profiles-upper.csv and profiles-lower.csv; returns first layer and P_z of each face.

    averages: of each face. cos θ is to each face's own outward normal, z its distance; P_z is
    that of the waters nearer to it than to the other face. Empty where there are fewer than two faces.
    """
    if len(interface.faces) < 2:
        return {}
    values = {}
    for face, own in zip(interface.faces, averages, strict=True):
        side = UPPER if face.normal > 0 else LOWER
        write_profiles(folder / f"profiles-{side}.csv", interface, own, notes)
        halves = (orientation_of_half(interface, part[ORIENTATION]) for part in (own.means, own.parts))
        average, parts = from_block_means(next(halves), 0, 0), next(halves)
        error = errors(average.standard_error, of_mean(parts, own.lengths)).larger
        values[side] = {
            "atoms": face.layer.tolist(),
            "first_layer": first_layer(interface, own),
            "total_orientation": {"mean": number(average.mean), "se": number(error)},
        }
    return values


def orientation_of_half(interface: Profiler, orientation: Floats) -> Floats:
    """Σ cos θ (N,) of the waters up to the middle between two faces, in whole bins, from profiles (N, B)."""
    assert interface.apart is not None
    beneath = interface.cell[2, 2] - interface.apart
    near = (interface.z > -beneath / 2) & (interface.z < interface.apart / 2)
    volume = interface.cell[0, 0] * interface.cell[1, 1] * interface.width
    return np.asarray(orientation[:, near].sum(axis=1) * volume / WATER_G_PER_CM3)


FAMILY = Family(PART, 35, start)
