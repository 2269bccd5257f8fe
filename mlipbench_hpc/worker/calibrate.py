"""calibrate: the factor α of one committee from its members' validation predictions, or why there is none."""

import itertools
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.committee import (
    NotCalibrated,
    calibrate,
    mean_errors,
    unequal_zeros,
    without_offsets,
)
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints, composition
from mlipbench_hpc.worker.context import Context


def run(context: Context) -> dict[str, Any]:
    """α over all validation structures and by composition, raw and with mean errors removed.

    Where Eq. S11 gives none, `refused` and `why` stand in its place.
    """
    reference, energies, formulas = validation(context)
    require_different(energies)
    names, strata = np.unique(formulas, return_inverse=True)
    return {
        "members": len(energies),
        "structures": len(reference),
        **both(reference, energies, strata),
        "compositions": {
            str(name): both(reference[own], energies[:, own], np.zeros(int(own.sum()), dtype=np.int64))
            for place, name in enumerate(names)
            for own in [strata == place]
        },
        "zeros": zeros(reference, energies, strata, [str(name) for name in names]),
    }


def validation(context: Context) -> tuple[Floats, Floats, list[str]]:
    """Labels (N,) eV, predictions (M, N) eV and compositions of the validation structures.

    Raises InputFailure when members were not evaluated on the same structures.
    """
    members = []
    for role in context.upstream_roles("member-"):
        with np.load(context.upstream(role) / "predictions-validation.npz", allow_pickle=False) as archive:
            members.append(dict(archive))
    first = members[0]
    if any(not np.array_equal(one["indices"], first["indices"]) for one in members):
        raise InputFailure("the members were evaluated on different validation structures; plan again")
    offsets = first["offsets"]
    formulas = [composition(first["numbers"][a:b]) for a, b in itertools.pairwise(offsets)]
    return first["reference_energies"], np.array([one["energies"] for one in members]), formulas


def require_different(energies: Floats) -> None:
    """Raise InputFailure where two members are one model: energies (M, N) eV equal to the last digit."""
    for first, second in itertools.combinations(range(len(energies)), 2):
        if np.isfinite(energies[first]).all() and np.array_equal(energies[first], energies[second]):
            raise InputFailure(
                f"members {first} and {second} give the same energies on all {energies.shape[1]} "
                "validation structures: they are one model, and the committee's spread means nothing; give "
                "them training sets of their own"
            )


def both(reference: Floats, energies: Floats, strata: Ints) -> dict[str, Any]:
    """α as the energies are, and with each member's mean error per composition removed."""
    kept_reference, kept_energies = without_offsets(reference, energies, strata)
    return {"raw": attempt(reference, energies), "centred": attempt(kept_reference, kept_energies)}


def attempt(reference: Floats, energies: Floats) -> dict[str, Any]:
    """One calibration as JSON, or why there is none."""
    try:
        factor = calibrate(reference, energies)
    except NotCalibrated as refusal:
        return {"structures": len(reference), "refused": refusal.name, "why": str(refusal)}
    return {
        "structures": factor.structures,
        "alpha": factor.alpha,
        "interval": list(factor.interval),
        "share_of_largest": factor.share_of_largest,
        "coverage": factor.coverage.tolist(),
        "warnings": list(factor.warnings),
    }


def zeros(reference: Floats, energies: Floats, strata: Ints, names: list[str]) -> list[str]:
    """Which members' energies are off by a constant that is larger than all else, in words."""
    if not np.isfinite(energies).all() or not np.isfinite(reference).all():
        return []
    spread = mean_errors(reference, energies, strata)
    return [
        f"member {member}: its energies of {names[place]} lie {off:+.4g} eV from the labels, more than three "
        f"times their scatter (mean of the members: {spread[:, place].mean():+.4g} eV): the raw α measures "
        "these constant offsets"
        for member, place, off in unequal_zeros(reference, energies, strata)
    ]
