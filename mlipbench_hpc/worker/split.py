"""split: validation, test and training sets of all members, and their common reference energies."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.energies import (
    Energies,
    energies_of_isolated,
    isolated_atoms,
    offsets,
    reference_energies,
)
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.grouping import separation
from mlipbench_hpc.data.split import Plan, Split, common, divide, holding
from mlipbench_hpc.data.summary import strata
from mlipbench_hpc.worker.context import Context

FIT, ISOLATED = "fit", "isolated atoms"


def run(context: Context) -> dict[str, Any]:
    """Write split.json: indices of `validation`, `test` and all `members`, and `reference_energies` (eV)."""
    frames, parameters = Frames.load(context.upstream("frames") / "frames.npz"), context.parameters
    if not np.isfinite(frames.energies).all() or not np.isfinite(frames.forces).all():
        raise InputFailure("frames: some carry no label; only labelled frames can be split for training")
    drawn = drawn_from(frames, parameters["only"])
    runs = trajectories(frames, parameters)
    if runs is None and parameters.get("group_by"):
        runs = [""] * len(frames)  # A file that names no trajectory counts as one, which blocks divide.
    chosen = frames.select(drawn)
    parts = drawn_parts(chosen, parameters, [runs[index] for index in drawn] if runs else None)
    require_learned(chosen, parts)
    learnt = chosen.select(sorted({*parts.validation, *parts.test, *parts.pool})).species()
    source, energies = references(frames, chosen, parts.pool, learnt, parameters)
    residuals = offsets(chosen, parts.pool, energies)
    parts = parts.of(drawn)
    record = {"validation": parts.validation, "test": parts.test, "members": parts.members}
    named = {str(number): energy for number, energy in energies.items()}
    write_json(context.folder / "split.json", record | {"reference_energies": named})
    return {
        "validation": len(parts.validation),
        "test": len(parts.test),
        "pool": len(parts.pool),
        "members": len(parts.members),
        "train": len(parts.members[0]),
        "common": common(parts.members),
        "reference_energies_eV": named,
        "reference_energies": source,
        "offsets": {formula: asdict(offset) for formula, offset in residuals.items()},
        "separation": separations(runs, parts) if runs else None,
    }


def drawn_from(frames: Frames, only: dict[str, int]) -> list[int]:
    """Frames with exactly the stated number of atoms of each element, isolated atoms left out."""
    alone = set(isolated_atoms(frames).tolist())
    return [index for index in holding(frames, only) if index not in alone]


def trajectories(frames: Frames, parameters: dict[str, Any]) -> list[str] | None:
    """Trajectory of each frame (F,); None where not known. `runs`: frames of each, in order."""
    if runs := parameters.get("runs"):
        if sum(runs) != len(frames):
            raise InputFailure(
                f"runs: {sum(runs)} frames are planned, the data have {len(frames)}; plan again"
            )
        return [str(number) for number, count in enumerate(runs) for _ in range(count)]
    return None if frames.groups is None else [str(name) for name in frames.groups]


def drawn_parts(frames: Frames, parameters: dict[str, Any], runs: Sequence[str] | None) -> Split:
    """Division of the frames that a split draws from; raises InputFailure where it is impossible."""
    labels = None if frames.sets is None else [str(name) for name in frames.sets]
    try:
        return divide(strata(frames), Plan.of(parameters), labels, runs)
    except ValueError as error:
        whose = ", ".join(f"{symbol}{count}" for symbol, count in parameters["only"].items())
        raise InputFailure(f"frames with {whose}: {error}" if whose else str(error)) from error


def references(
    frames: Frames, chosen: Frames, pool: list[int], species: list[int], parameters: dict[str, Any]
) -> tuple[str, Energies]:
    """Source of the reference energies, in a word, and eV by atomic number of all `species` of the sets.

    Isolated atoms are taken where the data hold any, else a fit to the pool. Raises InputFailure for a
    species without an energy.
    """
    from ase.data import atomic_numbers, chemical_symbols

    asked, alone = parameters.get("reference_energies"), isolated_atoms(frames)
    if asked == FIT or (asked is None and not len(alone)):
        fitted = reference_energies(chosen, pool)
        return FIT, {number: fitted[number] for number in species}
    try:
        source = "stated" if isinstance(asked, dict) else ISOLATED
        energies = (
            {atomic_numbers[symbol]: float(energy) for symbol, energy in asked.items()}
            if isinstance(asked, dict)
            else energies_of_isolated(frames, alone)
        )
    except ValueError as error:
        raise InputFailure(str(error)) from error
    if lost := set(species) - set(energies):
        names = ", ".join(chemical_symbols[number] for number in sorted(lost))
        raise InputFailure(
            f"no reference energy of {names} ({source}): give it under `reference_energies`, or `fit`"
        )
    return source, {number: energies[number] for number in species}


def separations(runs: list[str], parts: Split) -> dict[str, Any]:
    """Distances of test frames to training frames of the same trajectory, over all members.

    frames: number of test frames, times members, by distance in frames along the trajectory, -1 where the
    member has no training frame of it; `frames_tested`: test frames times members.
    """
    distances = np.concatenate([separation(runs, parts.test, member) for member in parts.members])
    values, counts = np.unique(distances, return_counts=True)
    return {
        "frames_tested": len(distances),
        "frames": {str(value): int(count) for value, count in zip(values.tolist(), counts, strict=True)},
    }


def require_learned(frames: Frames, parts: Split) -> None:
    """Raise InputFailure when a member would be tested on species that it was not trained on."""
    judged = set(frames.select(parts.validation + parts.test).species())
    for member, indices in enumerate(parts.members):
        if strange := judged - set(frames.select(indices).species()):
            words = f"atomic numbers {sorted(strange)}, which validation or test frames hold"
            raise InputFailure(f"member {member} is trained on no frame with {words}: raise `train`")
