"""Two faces with water, each by itself, beside the symmetrised profiles."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.blocks import from_block_means
from mlipbench_hpc.analysis.layer import PEAK_Z
from mlipbench_hpc.analysis.onepass import BlockSums, ProfileAverages
from mlipbench_hpc.analysis.pieces import errors, of_mean
from mlipbench_hpc.analysis.profiles import ORIENTATION, WATER_G_PER_CM3, Profiler
from mlipbench_hpc.analysis.slab import LOWER, UPPER
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.observables.first_layer import first_layer
from mlipbench_hpc.worker.observables.profiles import block_sums, write_profiles
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import Notes

PART, BY_FACE = "profiles", "by_face"


def start(run: Run) -> Finish | None:
    """Ask for the profiles' sums where there are two faces."""
    if len(run.interface.faces) < 2:
        return None
    return partial(finish, run, run.shared(block_sums))


def finish(run: Run, sums: BlockSums) -> Produced:
    """Write the profiles of each face."""
    values = by_face(run.context.folder, sums.profiler, sums.face_averages, run.notes)
    tell_unlike(sums.profiler, values, run.notes)
    return Produced({BY_FACE: values})


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
        side = face.side
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


def tell_unlike(interface: Profiler, values: dict[str, Any], notes: Notes) -> None:
    """Note the first peaks of water on two faces of one slab where they differ by more than their error."""
    if not interface.surface.one_slab:
        return
    peaks = [values[side]["first_layer"][PEAK_Z] for side in (UPPER, LOWER)]
    if any(peak["mean"] is None or peak["se"] is None for peak in peaks):
        return
    apart = abs(peaks[0]["mean"] - peaks[1]["mean"])
    error = float(np.hypot(peaks[0]["se"], peaks[1]["se"]))
    if apart > max(interface.width, 2 * error):
        notes.say(
            f"profiles: the first peak of water is {peaks[0]['mean']:.2f} Å above the upper face and "
            f"{peaks[1]['mean']:.2f} Å above the lower (2 SE of the difference {2 * error:.2f} Å), though "
            "both are of one slab: take each by itself, and check the atoms of z = 0"
        )


def orientation_of_half(interface: Profiler, orientation: Floats) -> Floats:
    """Σ cos θ (N,) of the waters up to the middle between two faces, in whole bins, from profiles (N, B)."""
    assert interface.apart is not None
    beneath = interface.cell[2, 2] - interface.apart
    near = (interface.z > -beneath / 2) & (interface.z < interface.apart / 2)
    volume = interface.cell[0, 0] * interface.cell[1, 1] * interface.width
    return np.asarray(orientation[:, near].sum(axis=1) * volume / WATER_G_PER_CM3)


FAMILY = Family(PART, 35, start)
