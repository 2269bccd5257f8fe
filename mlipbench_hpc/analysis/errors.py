"""Errors of a model against labelled frames, with the spread of the labels beside each."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import OXYGEN, closed_cell, owners
from mlipbench_hpc.analysis.molecules import ions_of
from mlipbench_hpc.analysis.surface import Surface
from mlipbench_hpc.analysis.waters import LONGEST_FIRST_OH
from mlipbench_hpc.data.frames import Floats, Frames, Ints

MILLI = 1000.0
Cell = dict[str, float | int | None]


def model_errors(
    reference: Frames, energies: Floats, forces: Floats, slab: Sequence[int] = ()
) -> dict[str, Any]:
    """Root-mean-square errors in meV and meV/Å of predicted energies (F,) eV and forces (A, 3) eV/Å.

    energy: raw, and with the mean error of each composition removed (`centred`; compositions of a single
    frame have no such error and are left out), by structure and by atom, with the spread of the labels
    about their composition's mean. force: see `force_errors`; slab: atomic numbers of its elements.
    Unlabelled frames are left out. An undefined error, and one that depends on a prediction that is not
    finite, is None. Raises ValueError when the shapes are not those of `reference`.
    """
    if energies.shape != reference.energies.shape or forces.shape != reference.forces.shape:
        raise ValueError(
            f"expected energies {reference.energies.shape} and forces {reference.forces.shape}, "
            f"got {energies.shape} and {forces.shape}"
        )
    return {
        "frames": len(reference),
        "not_finite": int((~np.isfinite(energies)).sum() + (~np.isfinite(forces).all(axis=1)).sum()),
        "energy": energy_errors(reference, energies),
        "force": force_errors(reference, forces, slab),
    }


def force_errors(reference: Frames, forces: Floats, slab: Sequence[int] = ()) -> dict[str, Any]:
    """Errors in meV/Å of predicted forces (A, 3) eV/Å; slab: atomic numbers of the slab's elements.

    all: every component; species: by element; molecules: net forces of water molecules, summed over an O and
    the two H that it owns (any other O is left out and counted): stiff O-H bonds hide everything else in the
    forces on atoms; ions: in frames with water, single atoms (`ions_of`) that are not of the slab's elements.
    Each has `rmse_meV_per_A`; `std_meV_per_A`, the standard deviation of the labels; `ratio` of the two, None
    without spread; `values`, the number of components; `median_meV_per_A`, the median absolute error of a
    component; and `share_of_largest`, the part of the squared error in the largest 1 % of the errors (at
    least one), None where all errors are zero.
    """
    labelled: NDArray[np.bool_] = np.asarray(np.isfinite(reference.forces).all(axis=1))
    molecules, wet = _molecules(reference, forces)
    ions = labelled & wet & _ions(reference, slab)
    return {
        "all": _force(forces[labelled], reference.forces[labelled]),
        "species": _by_species(reference, forces, labelled),
        "molecules": molecules,
        "ions": {"atoms": int(ions.sum())} | _force(forces[ions], reference.forces[ions]),
    }


def strata_errors(
    reference: Frames,
    forces: Floats,
    temperatures: Floats,
    rattled: NDArray[np.bool_],
    slab: Sequence[int] = (),
) -> list[dict[str, Any]]:
    """`force_errors` at each temperature (F,) K from frames that are not rattled (F,).

    For each temperature all compositions together (`composition` None), then each where there are several.
    NaN, a temperature that nobody states, becomes `temperature_K` None.
    """
    keys = np.where(np.isnan(temperatures), -1.0, temperatures)
    formulas = np.array([reference.formula(index) for index in range(len(reference))])
    strata = []
    for kelvin in np.unique(keys[~rattled]):
        chosen = ~rattled & (keys == kelvin)
        several = np.unique(formulas[chosen]).tolist()
        for formula in [None, *(several if len(several) > 1 else [])]:
            own = np.flatnonzero(chosen if formula is None else chosen & (formulas == formula))
            atoms = np.isin(reference.frame_of_atom(), own)
            strata.append({
                "temperature_K": None if kelvin < 0 else float(kelvin),
                "composition": formula,
                "frames": len(own),
                "force": force_errors(reference.select(own), forces[atoms], slab),
            })  # fmt: skip
    return strata


def energy_errors(reference: Frames, energies: Floats) -> dict[str, float | int | None]:
    """RMSE in meV/structure and meV/atom, raw and centred, and the labels' spread, of energies (F,) eV."""
    labelled = np.flatnonzero(np.isfinite(reference.energies))
    sizes = reference.sizes[labelled]
    error = (np.where(np.isfinite(energies), energies, np.nan) - reference.energies)[labelled] * MILLI
    strata = _strata(reference, labelled)
    shared = np.bincount(strata, minlength=1)[strata] > 1
    centred, spread = (_centred(x, strata)[shared] for x in (error, reference.energies[labelled] * MILLI))
    return {
        "rmse_meV": _rms(error),
        "rmse_meV_per_atom": _rms(error / sizes),
        "centred_rmse_meV": _rms(centred),
        "centred_rmse_meV_per_atom": _rms(centred / sizes[shared]),
        "std_meV": _rms(spread),
        "std_meV_per_atom": _rms(spread / sizes[shared]),
        "compositions": int(strata.max(initial=-1)) + 1,
    }


def _molecules(reference: Frames, forces: Floats) -> tuple[Cell, NDArray[np.bool_]]:
    """Errors of the net forces of whole water molecules; which atoms (A,) are in a frame that has any."""
    parts = [_net_forces(reference, forces, index) for index in range(len(reference))]
    predicted, labels = (
        np.concatenate([np.zeros((0, 3)), *(part[side] for part in parts)]) for side in (0, 1)
    )
    wet = np.repeat(np.array([len(part[0]) > 0 for part in parts], dtype=bool), reference.sizes)
    known = np.isfinite(labels).all(axis=1)
    oxygens = int((reference.numbers == OXYGEN).sum())
    counts: Cell = {"molecules": len(labels), "oxygens_left_out": oxygens - len(labels)}
    return counts | _force(predicted[known], labels[known]), wet


def _net_forces(reference: Frames, forces: Floats, index: int) -> tuple[Floats, Floats]:
    """Predicted and labelled net forces (W, 3) eV/Å of the frame's W whole molecules."""
    atoms = reference.atoms_of(index)
    numbers, periodic = reference.numbers[atoms], reference.pbc[index]
    owner = owners(numbers, reference.positions[atoms], reference.cells[index], periodic, LONGEST_FIRST_OH)
    owned = np.flatnonzero(owner >= 0)
    hydrogens_of = np.bincount(owner[owned], minlength=len(numbers))
    whole = (numbers == OXYGEN) & (hydrogens_of == 2)
    predicted, labels = forces[atoms].copy(), reference.forces[atoms].copy()
    for total, source in ((predicted, forces[atoms]), (labels, reference.forces[atoms])):
        np.add.at(total, owner[owned], source[owned])
    return predicted[whole], labels[whole]


def _ions(reference: Frames, slab: Sequence[int]) -> NDArray[np.bool_]:
    """True for the ions among all atoms (A,)."""
    mask = np.zeros(len(reference.numbers), dtype=bool)
    for index in range(len(reference)):
        atoms = reference.atoms_of(index)
        numbers, positions = reference.numbers[atoms], reference.positions[atoms]
        solid = Surface(slab=np.flatnonzero(np.isin(numbers, slab)))
        cell = closed_cell(reference.cells[index], reference.pbc[index], positions)
        for species in ions_of(numbers, positions, cell, solid).values():
            mask[atoms.start + species] = True
    return mask


def _by_species(reference: Frames, forces: Floats, labelled: NDArray[np.bool_]) -> dict[str, Cell]:
    result: dict[str, Cell] = {}
    for number in reference.species():
        own = labelled & (reference.numbers == number)
        result[chemical_symbols[number]] = {"atoms": int(own.sum())} | _force(
            forces[own], reference.forces[own]
        )
    return result


def _force(predicted: Floats, labels: Floats) -> Cell:
    spread = labels - labels.mean() if labels.size else labels
    error = np.abs(predicted - labels).ravel() * MILLI
    rmse, std = _rms(error), _rms(spread * MILLI)
    return {
        "rmse_meV_per_A": rmse,
        "std_meV_per_A": std,
        "ratio": rmse / std if rmse is not None and std else None,
        "values": labels.size,
        "median_meV_per_A": None if rmse is None else float(np.median(error)),
        "share_of_largest": share_of_largest(error) if rmse else None,
    }


def share_of_largest(errors: Floats) -> float:
    """Part of Σ errors² that the largest 1 % of the errors (N,) carry, at least one; any unit, not all 0."""
    relative = np.sort(np.abs(errors) / np.abs(errors).max())
    return float(np.square(relative[-math.ceil(0.01 * len(errors)) :]).sum() / np.square(relative).sum())


def _strata(reference: Frames, chosen: Ints) -> Ints:
    """Composition of each chosen frame, counted from 0, (len(chosen),)."""
    formulas = [reference.formula(int(index)) for index in chosen]
    return np.unique(formulas, return_inverse=True)[1].astype(np.int64)


def _centred(values: Floats, strata: Ints) -> Floats:
    """`values` (F,) minus the mean over their stratum (F,)."""
    counts = np.bincount(strata, minlength=1)
    return np.asarray(values - (np.bincount(strata, values, minlength=1) / np.maximum(counts, 1))[strata])


def _rms(values: Floats) -> float | None:
    """Root of the mean square; None for no values or where one is not finite."""
    if values.size == 0 or not np.isfinite(values).all():
        return None
    largest = float(np.abs(values).max()) or 1.0
    return largest * float(np.sqrt(np.square(values / largest).mean()))
