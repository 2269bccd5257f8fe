"""Profiles along z of one MD run: what `analyse` writes of an interface."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipbench_hpc.analysis import layer
from mlipbench_hpc.analysis.blocks import block_average, from_block_means, jackknife
from mlipbench_hpc.analysis.correlation import correlated_error
from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.profiles import (
    CONCENTRATION,
    COSINE,
    COUNTED,
    DENSITY,
    ORIENTATION,
    Profiler,
    Samples,
    column_of,
    ratio,
)
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.stretch import Notes, Stretch, number, write_csv

DIPOLE_BINS = 40
ERRORS_DIFFER = 1.5


def profiler(stretch: Stretch, asked: dict[str, Any]) -> Profiler:
    """From the first analysed frame; raises ValueError where the run has no profiles, in words."""
    trajectory, cells = stretch.trajectory, stretch.cells
    if not np.array_equal(np.broadcast_to(cells[0], cells.shape), cells):
        raise ValueError("the cell changes during the run, so that bins have no constant volume")
    first = np.asarray(trajectory.positions[stretch.chosen[0]], dtype=float)
    found = Profiler.of(trajectory.numbers, first, cells[0], atomic_numbers[asked["metal"]], asked["bin"])
    if len(found.waters.oxygens) == 0:
        raise ValueError("there is no oxygen in it, so no water")
    return found


def write_profiles(context: Context, stretch: Stretch, sums: BlockSums, notes: Notes) -> dict[str, Any]:
    """Writes profiles.csv and, with a slab, dipole.npz; returns what result.json says of them."""
    asked, blocks = context.parameters["profiles"], context.parameters["blocks"]
    made, means, dipole = sums.made, sums.means, sums.dipole
    write_csv(context.folder / "profiles.csv", {"z_A": made.z} | columns(means))
    values = described(made, asked["metal"]) | {"block_frames": len(stretch) // blocks}
    tell(made, notes)
    if ORIENTATION in means:
        values["first_layer"] = first_layer(made, means)
    if len(dipole):
        values["dipole"] = write_dipole(context, stretch.times, dipole, notes)
    return values


def watched(context: Context, stretch: Stretch) -> Iterator[NDArray[Any]]:
    """Positions (f, N, 3) Å piece by piece, as stored; between them the context is asked and told."""
    for part in stretch.parts():
        context.check()
        yield stretch.trajectory.positions[stretch.span][part]
        let_go(stretch.trajectory.positions)
        context.progress(part.stop, len(stretch), "frames")


def columns(means: Samples) -> dict[str, Floats]:
    """Mean and block standard error of each profile, and <cos θ> as a ratio; means: block means (N, B)."""
    found: dict[str, Floats] = {}
    for name, blocks in means.items():
        if name != COUNTED:
            average = from_block_means(blocks, 0, 0)
            found |= {column_of(name): average.mean, f"se_{column_of(name)}": average.standard_error}
    if ORIENTATION in means:
        found[COSINE], found[f"se_{COSINE}"] = ratio(means[ORIENTATION], means[COUNTED])
    return found


def layered(sums: Samples) -> Floats:
    """What `analysis.layer` takes, (rows, 3, bins), of the rows of three profiles."""
    return np.stack([sums[name] for name in (DENSITY, COUNTED, ORIENTATION)], axis=1)


def first_layer(made: Profiler, means: Samples) -> dict[str, dict[str, float | None]]:
    """Mean and standard error (jackknife over blocks) of each number of the first layer; means (N, B)."""
    found = jackknife(layered(means), lambda profiles: layer.first_layer(made.z, profiles))
    return {
        name: {"mean": number(mean), "se": number(error)}
        for name, mean, error in zip(layer.NAMES, *found, strict=True)
    }


def described(made: Profiler, metal: str) -> dict[str, Any]:
    """Where z starts and what takes part."""
    values: dict[str, Any] = {
        "faces": len(made.faces),
        "bin_A": made.width,
        "area_A2": float(made.cell[0, 0] * made.cell[1, 1]),
        "oxygens": len(made.waters.oxygens),
        "intact_molecules": len(made.waters.intact),
        "ions": {name.removeprefix(CONCENTRATION): len(atoms) for name, atoms in made.ions.items()},
        "names": [DENSITY, *([ORIENTATION] if made.faces else []), *made.ions],
    }
    if not made.faces:
        values["note"] = (
            f"no {metal} in this run, so no surface: z is from the cell's origin, only densities are given"
        )
    return values


def tell(made: Profiler, notes: Notes) -> None:
    """What takes no part, and what changed on the way."""
    if made.faces and made.waters.left_out:
        notes.say(
            f"profiles: {made.waters.left_out} of {len(made.waters.oxygens)} oxygens do not own exactly two "
            "H; they count for the density, not for orientation and dipole"
        )
    if len(made.moved):
        notes.say(f"profiles: {len(made.moved)} hydrogens change their oxygen during the run")


def write_dipole(context: Context, times: Floats, dipole: Floats, notes: Notes) -> dict[str, Any]:
    """P_z(t), dimensionless, as dipole.npz; returns mean, both standard errors, width and histogram."""
    with writing(context.folder / "dipole.npz") as stream:
        np.savez(stream, allow_pickle=False, time_ps=times, P_z=dipole)
    return dipole_summary(dipole, context.parameters["blocks"], notes)


def dipole_summary(dipole: Floats, blocks: int, notes: Notes) -> dict[str, Any]:
    """Mean, both standard errors, width and histogram of P_z (T,), dimensionless; None where not known.

    It is noted where the two errors differ by more than a factor of 1.5.
    """
    average, other = block_average(dipole, blocks), correlated_error(dipole)
    error, (counts, edges) = average.standard_error, np.histogram(dipole, DIPOLE_BINS)
    if error > 0 and other > 0 and not 1 / ERRORS_DIFFER <= error / other <= ERRORS_DIFFER:
        notes.say(
            f"dipole: its error from blocks ({error:.3g}) and from autocorrelation ({other:.3g}) differ by "
            f"more than a factor {ERRORS_DIFFER}: the run is too short for its blocks"
        )
    return {
        "mean": number(average.mean),
        "se": number(error),
        "se_autocorrelation": number(other),
        "width": number(dipole.std(ddof=1)) if len(dipole) > 1 else None,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
