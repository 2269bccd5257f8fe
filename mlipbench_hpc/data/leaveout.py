"""Frames that the campaign leaves out of a dataset: by index, as duplicates, by their forces or energies."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mlipbench_hpc.data.duplicates import duplicates
from mlipbench_hpc.data.frames import Ints
from mlipbench_hpc.data.outliers import from_median
from mlipbench_hpc.data.read import DataError, Source


def leave_out(source: Source, rules: Mapping[str, Any] | None) -> tuple[Source, dict[str, int]]:
    """Frames that no rule drops, and number dropped by each rule; a frame counts under the first one.

    rules: `frames` (indices), `force` (eV/Å, the largest component allowed), `energy` (eV/atom, the largest
    distance from the median of the composition), `duplicates` (later copies of a structure). Raises DataError
    for an index that the data do not have, and where nothing is left.
    """
    left = np.arange(len(source.frames))
    dropped: dict[str, int] = {}
    for name, value in (rules or {}).items():
        if value:
            wrong = RULES[name](_select(source, left), left, value)
            dropped[name] = len(wrong)
            left = np.setdiff1d(left, wrong)
            if not len(left):
                raise DataError(f"leave_out: no frame is left after the rule `{name}`")
    return _select(source, left), dropped


def _select(source: Source, left: Ints) -> Source:
    unconverged = tuple(np.intersect1d(source.unconverged, left).astype(int).tolist())
    frames, dipoles = source.frames.select(left), source.dipoles[left]
    return replace(source, frames=frames, dipoles=dipoles, unconverged=unconverged)


def _by_index(source: Source, left: Ints, indices: list[int]) -> Ints:
    if beyond := [index for index in indices if index >= len(left)]:
        raise DataError(f"leave_out: no frame {beyond[0]}, the data have {len(left)} (from 0)")
    return np.unique(np.array(indices, dtype=np.int64))


def _by_force(source: Source, left: Ints, largest: float) -> Ints:
    frames = source.frames
    size = np.nan_to_num(np.abs(frames.forces), nan=0.0).max(axis=1, initial=0.0)
    wild = np.unique(frames.frame_of_atom()[size > largest])
    return np.asarray(left[wild])


def _by_energy(source: Source, left: Ints, largest: float) -> Ints:
    return np.asarray(left[np.abs(from_median(source.frames)) > largest])


def _duplicates(source: Source, left: Ints, _asked: bool) -> Ints:
    repeated = [other for _, other in duplicates(source.frames)]
    return np.asarray(left[np.array(repeated, dtype=np.int64)])


Rule = Callable[[Source, Ints, Any], Ints]
RULES: dict[str, Rule] = {
    "frames": _by_index,
    "force": _by_force,
    "energy": _by_energy,
    "duplicates": _duplicates,
}
