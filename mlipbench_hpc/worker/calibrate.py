"""calibrate: factor α of one committee from its members' validation predictions, or why it is refused."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.committee import (
    NotCalibrated,
    calibrate,
    mean_errors,
    unequal_zeros,
    without_offsets,
)
from mlipbench_hpc.analysis.correlation import independent_frames
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.analysis.slowest import slow_rows
from mlipbench_hpc.contract.legacy import METAL
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames, Ints, composition
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.origins import origins


@dataclass(frozen=True)
class Validation:
    """Validation structures, and origin and correlation of all frames of their dataset.

    indices (N,) into the dataset; reference (N,) and energies (M, N) eV; formulas (N,). Of all F frames of
    the dataset: slow (C, F), label energies in eV and slow quantities (`analysis.slowest`); series (F,):
    frames of one number were sampled one after the other; temperatures (F,) K, NaN where not stated;
    rattled (F,).
    """

    indices: Ints
    reference: Floats
    energies: Floats
    formulas: NDArray[np.str_]
    slow: Floats
    series: Ints
    temperatures: Floats
    rattled: NDArray[np.bool_]

    def independent(self, chosen: NDArray[np.bool_]) -> float:
        """Number of independent structures among those chosen (N,)."""
        return independent_frames(self.slow, self.series, self.indices[chosen])


def run(context: Context) -> dict[str, Any]:
    """α over all validation structures and by composition, raw and with mean errors removed.

    `strata`: for each composition and temperature, from frames that were not rattled; MD takes these. Where
    Eq. S11 gives none, `refused` and `why` stand in its place.
    """
    validation = read(context)
    require_different(validation.energies)
    names, numbers = np.unique(validation.formulas, return_inverse=True)
    reference, energies = validation.reference, validation.energies
    return {
        "members": len(energies),
        "structures": len(reference),
        **both(validation, numbers >= 0),
        "compositions": {str(name): both(validation, numbers == place) for place, name in enumerate(names)},
        "strata": list(strata(validation)),
        "zeros": zeros(reference, energies, numbers, [str(name) for name in names]),
    }


def read(context: Context) -> Validation:
    """Labels, predictions and origin of the validation structures.

    Raises InputFailure when members were not evaluated on the same structures, or the dataset is not the
    planned one.
    """
    members = []
    for role in context.upstream_roles("member-"):
        with np.load(context.upstream(role) / "predictions-validation.npz", allow_pickle=False) as archive:
            members.append(dict(archive))
    first = members[0]
    if any(not np.array_equal(member["indices"], first["indices"]) for member in members):
        raise InputFailure("the members were evaluated on different validation structures; plan again")
    formulas = [composition(first["numbers"][a:b]) for a, b in itertools.pairwise(first["offsets"])]
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    slab = atomic_numbers_of(context.parameters.get("metal", METAL))
    return Validation(
        first["indices"], first["label_energies"], np.array([member["energies"] for member in members]),
        np.array(formulas), slow_rows(frames, frames.energies, slab),
        *origins(frames, context.parameters["conditions"]),
    )  # fmt: skip


def require_different(energies: Floats) -> None:
    """Raise InputFailure where two members are one model: energies (M, N) eV equal to the last digit."""
    for first, second in itertools.combinations(range(len(energies)), 2):
        if np.isfinite(energies[first]).all() and np.array_equal(energies[first], energies[second]):
            raise InputFailure(
                f"members {first} and {second} give the same energies on all {energies.shape[1]} "
                "validation structures: they are one model, and the committee's spread is too small; "
                "train members on different sets"
            )


def both(validation: Validation, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """α of the structures chosen (N,): raw, and with each member's mean error per composition removed."""
    reference, energies = validation.reference[chosen], validation.energies[:, chosen]
    numbers = np.unique(validation.formulas[chosen], return_inverse=True)[1]
    several = chosen.copy()  # without the only structure of a composition, whose error centring removes
    several[chosen] = np.bincount(numbers, minlength=1)[numbers] > 1
    return {
        "raw": attempt(reference, energies, validation.independent(chosen)),
        "centred": attempt(*without_offsets(reference, energies, numbers), validation.independent(several)),
    }


def strata(validation: Validation) -> Iterator[dict[str, Any]]:
    """α with mean errors removed, for each composition and temperature, from frames that were not rattled.

    Constant errors cancel in reweighting, so bands are scaled with this α. `temperature_K` is None where
    the data do not state it.
    """
    temperatures = validation.temperatures[validation.indices]
    keys = np.where(np.isnan(temperatures), -1.0, temperatures)
    sampled = ~validation.rattled[validation.indices]
    for formula, kelvin in sorted({*zip(validation.formulas[sampled], keys[sampled], strict=True)}):
        chosen = sampled & (validation.formulas == formula) & (keys == kelvin)
        centred = both(validation, chosen)["centred"]
        where = {"composition": str(formula), "temperature_K": None if kelvin < 0 else float(kelvin)}
        yield where | centred


def attempt(reference: Floats, energies: Floats, independent: float) -> dict[str, Any]:
    """Result of one calibration for JSON, or the reason of its refusal."""
    count = {"structures": len(reference), "independent": independent}
    try:
        factor = calibrate(reference, energies, independent)
    except NotCalibrated as refusal:
        return count | {"refused": refusal.name, "why": str(refusal)}
    return count | {
        "alpha": factor.alpha,
        "interval": list(factor.interval),
        "share_of_largest": factor.share_of_largest,
        "coverage": factor.coverage.tolist(),
        "withheld": factor.withheld,
    }


def zeros(reference: Floats, energies: Floats, strata: Ints, names: list[str]) -> list[dict[str, Any]]:
    """Members whose energies of a composition have a constant error of more than three times their scatter.

    Each with this offset from the labels, and its mean over all members, in eV.
    """
    if not np.isfinite(energies).all() or not np.isfinite(reference).all():
        return []
    spread = mean_errors(reference, energies, strata)
    return [
        {
            "member": member,
            "composition": names[place],
            "offset_eV": off,
            "mean_eV": float(spread[:, place].mean()),
        }
        for member, place, off in unequal_zeros(reference, energies, strata)
    ]
