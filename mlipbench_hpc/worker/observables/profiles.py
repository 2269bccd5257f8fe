"""Profiles along z: water density, orientation, mean cos θ, and the concentration of each ion."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.blocks import from_block_means
from mlipbench_hpc.analysis.molecules import members
from mlipbench_hpc.analysis.onepass import BlockSums, ProfileAverages
from mlipbench_hpc.analysis.ownership import owners_of
from mlipbench_hpc.analysis.pieces import PIECES, Errors, errors, of_mean, of_ratio
from mlipbench_hpc.analysis.profiles import (
    ABSENT,
    DENSITY,
    ORIENTATION,
    Profiler,
    concentration,
    ratio,
)
from mlipbench_hpc.analysis.sample import symbols
from mlipbench_hpc.analysis.waters import KINDS
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import FROM_ORIGIN, HEIGHT, Observable
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.stretch import Notes, write_csv

FILE, COSINE = "profiles.csv", "cosine_profile"
KIND_WORDS = dict(zip(KINDS, ("OH⁻", "H₃O⁺", "lattice oxygen", "other oxygen"), strict=True))


def start(run: Run) -> Finish:
    """Ask for the profiles' sums."""
    return partial(finish, run, run.shared(block_sums))


def block_sums(run: Run) -> BlockSums:
    """Sums in which each frame counts once."""
    return BlockSums(run.interface, np.broadcast_to(1.0, (1, len(run.stretch))), run.blocks, PIECES)


def finish(run: Run, sums: BlockSums) -> Produced:
    """Write profiles.csv; returns origin of z, surface, waters and ions."""
    averages = sums.averages
    own = observables(sums.profiler, averages.means)
    write_profiles(run.context.folder / FILE, sums.profiler, averages, run.notes)
    tell(sums.profiler, run.notes)
    tell_absences(sums, run.notes, run.stretch.times)
    metal = run.parameters["profiles"]["metal"]
    values = described(sums.profiler, metal if isinstance(metal, str) else " ".join(metal))
    return Produced(values | {"block_frames": len(run.stretch) // run.blocks}, own)


def observables(interface: Profiler, occurring: Iterable[str] = ()) -> list[Observable]:
    """Profiles of an interface; without a slab densities alone, which are not compared.

    occurring: names of profiles, because kinds of oxygen other than water have one only where they occur.
    """
    density = profile(
        DENSITY, "Water density", "water density", "g/cm³", f"{DENSITY}_g_per_cm3", positive=True, order=10
    )
    ions = [of_ion(symbol, 30 + place) for place, symbol in enumerate(interface.ions)]
    ions += [of_molecules(formula) for formula in interface.molecules]
    ions += [of_kind(kind, 40 + place) for place, kind in enumerate(KINDS) if kind in set(occurring)]
    ions += [of_absent()] * (concentration(ABSENT) in set(occurring))
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
    """Concentration of one species of ions."""
    name, words = concentration(symbol), f"{symbol} concentration"
    return profile(
        name, words, words, "mol/L", f"{name}_mol_per_L",
        needs=("slab", symbol), species=symbol, positive=True, order=order,
    )  # fmt: skip


def of_molecules(formula: str) -> Observable:
    """Concentration of the molecules of one formula, by the heights of their central atoms."""
    name, words = concentration(formula), f"{formula} concentration"
    return profile(
        name, words, words, "mol/L", f"{name}_mol_per_L",
        needs=("slab",), compared="", reweighted=False, positive=True, order=39,
    )  # fmt: skip


def of_absent() -> Observable:
    """Concentration of atoms of the surface layer in the frames in which they are outside it."""
    words = "concentration of surface atoms outside their layer"
    name = concentration(ABSENT)
    return profile(
        name, words.capitalize(), words, "mol/L", f"{name}_mol_per_L",
        needs=("slab",), compared="", reweighted=False, positive=True, order=44,
    )  # fmt: skip


def of_kind(kind: str, order: int) -> Observable:
    """Density of a kind of oxygen outside waters, each counted with the mass of a water."""
    words = KIND_WORDS[kind]
    return profile(
        kind, f"Density of {words}", f"density of {words}", "g/cm³", f"{kind}_g_per_cm3",
        needs=("slab", "O"), compared="", reweighted=False, positive=True, order=order,
    )  # fmt: skip


def profile(name: str, title: str, symbol: str, unit: str, column: str, **changes: Any) -> Observable:
    """Profile above a surface; `changes` of an Observable's other fields."""
    usual: dict[str, Any] = {
        "axis": HEIGHT, "file": FILE, "column": column, "error": f"se_{column}", "needs": ("slab", "water"),
        "drawn": "line", "compared": "interface", "reweighted": True,
    }  # fmt: skip
    return Observable(name, title, symbol, unit, **usual | changes)


def write_profiles(path: Path, interface: Profiler, averages: ProfileAverages, notes: Notes) -> None:
    """Write mean and standard error of each profile, and note errors that are too small."""
    table: dict[str, Floats] = {"z_A": interface.z}
    for observable in observables(interface, averages.means):
        value, error = average(observable.name, averages)
        table |= {observable.column: value, observable.error: error.larger}
        notes.curves.append(error)
    write_csv(path, table)


def average(name: str, averages: ProfileAverages) -> tuple[Floats, Errors]:
    """A profile (B,) with its standard errors; <cos θ> is a ratio of two."""
    means, parts = averages.means, averages.parts
    if name == COSINE:
        value, error = ratio(means[ORIENTATION], means[DENSITY])
        return value, errors(error, of_ratio(parts[ORIENTATION], parts[DENSITY]))
    whole = from_block_means(means[name], 0, 0)
    return whole.mean, errors(whole.standard_error, of_mean(parts[name], averages.lengths))


def described(interface: Profiler, metal: str) -> dict[str, Any]:
    """Origin of z, surface, waters and ions."""
    values: dict[str, Any] = {
        "faces": len(interface.faces),
        "surface": [*interface.surface.facts, *interface.surface.doubts],
        "bin_A": interface.width,
        "area_A2": float(interface.cell[0, 0] * interface.cell[1, 1]),
        "oxygens": len(interface.waters.oxygens),
        "intact_molecules": len(interface.waters.intact),
        "kinds": {kind: len(atoms) for kind, atoms in interface.waters.kinds.items() if len(atoms)},
        "ions": {symbol: len(atoms) for symbol, atoms in interface.ions.items()},
        "molecules": {formula: len(group.centres) for formula, group in interface.molecules.items()},
    }
    if not interface.faces:
        values["note"] = (
            f"no {metal} in this run, so no surface: z is from the cell's origin, only densities are given"
        )
    return values


def tell(interface: Profiler, notes: Notes, skipped: int = 0) -> None:
    """Note oxygens outside waters, and changes of owners; skipped: frames before the first that was read."""
    owners = owners_of(interface)
    if interface.waters.left_out:
        notes.say(
            f"profiles: {interface.waters.left_out} of {len(interface.waters.oxygens)} oxygens are no water "
            f"in the first frame ({_oxygens(interface)}): water density and dipole leave them out"
        )
    if owners.lost:
        count, first = len(owners.lost), skipped + min(owners.lost.values())
        notes.say(
            f"profiles: {count} hydrogen{'s leave their' * (count > 1) or ' leaves its'} oxygen for the "
            f"surface or for none, first in frame {first}: from then on the molecule is left out of "
            "density and dipole"
        )
    if owners.moved:
        count, first = len(owners.moved), skipped + (owners.first or 0)
        notes.say(
            f"profiles: {count} hydrogen{'s change their' * (count > 1) or ' changes its'} oxygen during the "
            f"run, first in frame {first}, {owners.changes} changes in all: waters are assigned frame by "
            "frame"
        )


def _oxygens(interface: Profiler) -> str:
    """Oxygens outside waters in words, by kind and by molecule."""
    bonded, numbers = members(interface.molecules), interface.waters.numbers
    counts = {
        KIND_WORDS[kind]: len(np.setdiff1d(atoms, bonded)) for kind, atoms in interface.waters.kinds.items()
    }
    counts |= {f"of {formula}": group.oxygens(numbers) for formula, group in interface.molecules.items()}
    return ", ".join(f"{count} {words}" for words, count in counts.items() if count)


def tell_absences(sums: BlockSums, notes: Notes, times: Floats, skipped: int = 0) -> None:
    """Note atoms of a face's layer that are outside it in some frames; times (T,) (ps) or (0,)."""
    begin = 0
    for face in sums.profiler.faces:
        absences = sums.absences[begin : begin + len(face.layer)]
        begin += len(face.layer)
        absent = np.flatnonzero(absences[:, 0])
        if not len(absent):
            continue
        atoms = symbols(sums.profiler.waters.numbers, face.layer[absent])
        leave = "leave" if len(absent) > 1 else "leaves"
        frames, first, heights = absences[absent].T
        time = f" ({times[int(first.min())]:g} ps)" if len(times) else ""
        notes.say(
            f"profiles: {atoms} of the layer at z = 0 {leave} it: outside in {span(frames)} of {sums.frames} "
            f"frames, first in frame {skipped + int(first.min())}{time}, "
            f"{span(face.normal * heights, '.2f')} Å above it in the last; z = 0 is the height of the atoms "
            "that stay, and outside it the others count as ions, in concentration-absent"
        )
    _tell_visits(sums, notes, times, skipped)


def _tell_visits(sums: BlockSums, notes: Notes, times: Floats, skipped: int) -> None:
    """Note adatoms and dissolved atoms that are in a face's layer in some frames."""
    for atom, (frames, first, last) in zip(sums.visits.atoms, sums.visits.counts, strict=True):
        if not frames:
            continue
        dissolved = atom in sums.profiler.surface.dissolved
        words = "dissolved and counts as an ion" if dissolved else "an adatom"
        time = f" ({times[first]:g} to {times[last]:g} ps)" if len(times) else ""
        notes.say(
            f"profiles: {symbols(sums.profiler.waters.numbers, np.array([atom]))} is {words} for most of the "
            f"run, but in the layer at z = 0 in {frames} of {sums.frames} frames, first in frame "
            f"{skipped + first}, last in frame {skipped + last}{time}: z = 0 is the height of the other "
            "atoms of the layer in all frames"
        )


def span(values: Floats, form: str = ".0f") -> str:
    """Range of values in words, such as `3` or `3 to 8`."""
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"


FAMILY = Family("profiles", 20, start)
