"""Profiles along z: water density, orientation, mean cos θ, and the concentration of each ion."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.blocks import from_block_means
from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.profiles import (
    COUNTED,
    DENSITY,
    ORIENTATION,
    Profiler,
    Samples,
    concentration,
    ratio,
)
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import FROM_ORIGIN, HEIGHT, Observable
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import Notes, write_csv

FILE, COSINE = "profiles.csv", "cosine_profile"


def start(run: Run) -> Finish:
    """Asks for the profiles' sums."""
    return partial(finish, run, run.shared(block_sums))


def block_sums(run: Run) -> BlockSums:
    """Each frame counts once."""
    return BlockSums(run.interface, np.broadcast_to(1.0, (1, len(run.stretch))), run.blocks)


def finish(run: Run, sums: BlockSums) -> Produced:
    """Writes profiles.csv; where z starts and what takes part."""
    own = observables(sums.profiler)
    write_csv(run.context.folder / FILE, {"z_A": sums.profiler.z} | columns(own, sums.means))
    tell(sums.profiler, run.notes)
    metal = run.parameters["profiles"]["metal"]
    values = described(sums.profiler, metal if isinstance(metal, str) else " ".join(metal))
    return Produced(values | {"block_frames": len(run.stretch) // run.blocks}, own)


def observables(interface: Profiler) -> list[Observable]:
    """The profiles of an interface; without a slab densities alone, which are not compared."""
    density = profile(
        DENSITY, "Water density", "water density", "g/cm³", f"{DENSITY}_g_per_cm3", positive=True, order=10
    )
    ions = [of_ion(symbol, 30 + place) for place, symbol in enumerate(interface.ions)]
    if not interface.faces:
        usual: dict[str, Any] = {"axis": FROM_ORIGIN, "compared": "", "reweighted": False}
        return [replace(observable, needs=observable.needs[1:], **usual) for observable in (density, *ions)]
    orientation = profile(
        ORIENTATION, "Orientation", "ρ · cos θ", "g/cm³", f"{ORIENTATION}_g_per_cm3", order=20
    )
    cosine = profile(
        COSINE, "Mean cos θ", "⟨cos θ⟩", "", "cosine",
        blocks="ratio of block sums", compared="", reweighted=False, order=45,
    )  # fmt: skip
    return [density, orientation, *ions, cosine]


def of_ion(symbol: str, order: int) -> Observable:
    """The concentration of one species of ions."""
    name, words = concentration(symbol), f"{symbol} concentration"
    return profile(
        name, words, words, "mol/L", f"{name}_mol_per_L",
        needs=("slab", symbol), species=symbol, positive=True, order=order,
    )  # fmt: skip


def profile(name: str, title: str, symbol: str, unit: str, column: str, **changes: Any) -> Observable:
    """A profile above a surface; `changes` of an Observable's other fields."""
    usual: dict[str, Any] = {
        "axis": HEIGHT, "file": FILE, "column": column, "error": f"se_{column}", "needs": ("slab", "water"),
        "drawn": "line", "compared": "interface", "reweighted": True,
    }  # fmt: skip
    return Observable(name, title, symbol, unit, **usual | changes)


def columns(observables: list[Observable], means: Samples) -> dict[str, Floats]:
    """Mean and block standard error of each profile, and <cos θ> as a ratio; means: block means (N, B)."""
    table: dict[str, Floats] = {}
    for observable in observables:
        if observable.name == COSINE:
            value, error = ratio(means[ORIENTATION], means[COUNTED])
        else:
            average = from_block_means(means[observable.name], 0, 0)
            value, error = average.mean, average.standard_error
        table |= {observable.column: value, observable.error: error}
    return table


def described(interface: Profiler, metal: str) -> dict[str, Any]:
    """Where z starts and what takes part."""
    values: dict[str, Any] = {
        "faces": len(interface.faces),
        "surface": [*interface.surface.facts, *interface.surface.doubts],
        "bin_A": interface.width,
        "area_A2": float(interface.cell[0, 0] * interface.cell[1, 1]),
        "oxygens": len(interface.waters.oxygens),
        "intact_molecules": len(interface.waters.intact),
        "ions": {symbol: len(atoms) for symbol, atoms in interface.ions.items()},
    }
    if not interface.faces:
        values["note"] = (
            f"no {metal} in this run, so no surface: z is from the cell's origin, only densities are given"
        )
    return values


def tell(interface: Profiler, notes: Notes) -> None:
    """What takes no part, and what changed on the way."""
    waters = interface.waters
    if interface.faces and waters.left_out:
        notes.say(
            f"profiles: {waters.left_out} of {len(waters.oxygens)} oxygens do not own exactly two "
            "H; they count for the density, not for orientation and dipole"
        )
    if len(interface.moved):
        notes.say(f"profiles: {len(interface.moved)} hydrogens change their oxygen during the run")


FAMILY = Family("profiles", 20, start)
