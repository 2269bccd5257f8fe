"""Errors of a model against labelled frames, with the spread of the labels beside each."""

from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import OXYGEN, owners
from mlipbench_hpc.data.frames import Floats, Frames, Ints

MILLI = 1000.0


def model_errors(reference: Frames, energies: Floats, forces: Floats) -> dict[str, Any]:
    """Root-mean-square errors in meV and meV/Å of predicted energies (F,) eV and forces (A, 3) eV/Å.

    energy: raw, and with the mean error of each composition removed (`centred`; compositions of a single
    frame have no such error and are left out), by structure and by atom, with the spread of the labels
    about their composition's mean. force: all components, by species, and the net forces of water
    molecules (an O that does not own exactly two H is left out and counted); `std` is the standard
    deviation of the labels. Unlabelled frames are left out. Undefined errors, and those that depend on a
    prediction that is not finite, is None. Raises ValueError when the shapes are not those of
    `reference`.
    """
    if energies.shape != reference.energies.shape or forces.shape != reference.forces.shape:
        raise ValueError(
            f"expected energies {reference.energies.shape} and forces {reference.forces.shape}, "
            f"got {energies.shape} and {forces.shape}"
        )
    labelled: NDArray[np.bool_] = np.asarray(np.isfinite(reference.forces).all(axis=1))
    return {
        "frames": len(reference),
        "not_finite": int((~np.isfinite(energies)).sum() + (~np.isfinite(forces).all(axis=1)).sum()),
        "energy": energy_errors(reference, energies),
        "force": {
            "all": _force(forces[labelled], reference.forces[labelled]),
            "species": _by_species(reference, forces, labelled),
            "molecules": molecular_errors(reference, forces),
        },
    }


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


def molecular_errors(reference: Frames, forces: Floats) -> dict[str, float | int | None]:
    """RMSE and label spread in meV/Å of the net force of each whole water molecule, forces (A, 3) eV/Å."""
    parts = [_net_forces(reference, forces, index) for index in range(len(reference))]
    predicted = np.concatenate([part[0] for part in parts]) if parts else np.zeros((0, 3))
    labels = np.concatenate([part[1] for part in parts]) if parts else np.zeros((0, 3))
    known = np.isfinite(labels).all(axis=1)
    oxygens = int((reference.numbers == OXYGEN).sum())
    errors = _force(predicted[known], labels[known])
    return {"molecules": len(labels), "oxygens_left_out": oxygens - len(labels)} | errors


def _net_forces(reference: Frames, forces: Floats, index: int) -> tuple[Floats, Floats]:
    """Predicted and labelled net forces (W, 3) eV/Å of the frame's W whole molecules."""
    atoms = reference.atoms_of(index)
    numbers = reference.numbers[atoms]
    owner = owners(numbers, reference.positions[atoms], reference.cells[index], reference.pbc[index])
    owned = np.flatnonzero(owner >= 0)
    hydrogens_of = np.bincount(owner[owned], minlength=len(numbers))
    whole = (numbers == OXYGEN) & (hydrogens_of == 2)
    predicted, labels = forces[atoms].copy(), reference.forces[atoms].copy()
    for total, source in ((predicted, forces[atoms]), (labels, reference.forces[atoms])):
        np.add.at(total, owner[owned], source[owned])
    return predicted[whole], labels[whole]


def _by_species(reference: Frames, forces: Floats, labelled: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    result = {}
    for number in reference.species():
        own = labelled & (reference.numbers == number)
        result[chemical_symbols[number]] = {"atoms": int(own.sum())} | _force(
            forces[own], reference.forces[own]
        )
    return result


def _force(predicted: Floats, labels: Floats) -> dict[str, float | None]:
    spread = labels - labels.mean() if labels.size else labels
    return {"rmse_meV_per_A": _rms((predicted - labels) * MILLI), "std_meV_per_A": _rms(spread * MILLI)}


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
