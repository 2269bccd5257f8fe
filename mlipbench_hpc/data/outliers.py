"""Energies far from those of comparable frames: of the same composition, or of all by elements."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.energies import counts
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.summary import strata

# Frames of a composition that give it a spread of its own, and a median.
FEWEST_FOR_SPREAD, FEWEST_FOR_MEDIAN = 8, 3
# Rows of the fit by elements, and rows for each element, below which its spread is unknown.
FEWEST_ROWS, ROWS_PER_ELEMENT = 8, 2
# Smallest distance of an outlier, in robust standard deviations, and in eV/atom: from the median of many
# frames, of few, and from the fit, which does not know bonds.
OUTLIER_SIGMA = 10.0
MANY_EV, FEW_EV, FIT_EV = 0.05, 0.5, 2.0
SIGMA_OF_MAD = 1.4826
ITERATIONS, SMALL_EV = 50, 1e-6
SHOWN = 5
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Outlier:
    """Frame whose energy lies `distance` eV/atom from `expected`, in words, beyond `limit`."""

    frame: int
    distance: float
    limit: float
    expected: str

    def __str__(self) -> str:
        return (
            f"frame {self.frame}: its energy lies {self.distance:+.4g} eV/atom from {self.expected}, beyond "
            f"{self.limit:.2g} eV/atom (ten robust standard deviations): leave it out (`leave_out`) unless "
            "it is meant"
        )


def sentences(frames: Frames, places: list[int]) -> Iterator[str]:
    """Energies far from comparable ones, the farthest first. places: index in the file of each frame."""
    farthest = sorted(outliers(frames), key=lambda outlier: -abs(outlier.distance))
    for outlier in farthest[:SHOWN]:
        yield str(replace(outlier, frame=places[outlier.frame]))
    if len(farthest) > SHOWN:
        yield f"… and {len(farthest) - SHOWN} more frames with such energies"


def outliers(frames: Frames) -> list[Outlier]:
    """Outliers among frames with finite energies, in their order.

    The limit is ten times 1.4826 times a median of distances: those of the composition with eight frames or
    more (50 meV/atom at least); with three to seven the larger of these and of all frames (0.5 eV/atom at
    least); with one or two those of a robust fit of energies by elements (2 eV/atom at least).
    """
    if not len(frames):
        return []
    formulas = np.array(strata(frames))
    _, kinds, sizes = np.unique(formulas, return_inverse=True, return_counts=True)
    amounts = sizes[kinds]
    distance, limit = from_median(frames), np.full(len(frames), np.inf)
    common = amounts >= FEWEST_FOR_MEDIAN
    pooled = _sigma(distance[common]) if common.sum() >= FEWEST_FOR_SPREAD else np.inf
    for kind in np.flatnonzero(sizes >= FEWEST_FOR_MEDIAN):
        own = kinds == kind
        limit[own] = _limit(_sigma(distance[own]), pooled, int(sizes[kind]))
    expected = [f"the median of {formula}" for formula in formulas]
    rare = np.flatnonzero(~common)
    distance[rare], limit[rare] = _from_fit(frames, kinds, rare)
    for index in rare.tolist():
        expected[index] = f"what its elements have in the other frames ({formulas[index]})"
    wild = np.flatnonzero(np.abs(distance) > limit).tolist()
    return [Outlier(index, float(distance[index]), float(limit[index]), expected[index]) for index in wild]


def from_median(frames: Frames) -> Floats:
    """Distance (F,) in eV/atom from the median energy of each frame's composition."""
    formulas = np.array(strata(frames))
    energies = frames.energies / frames.sizes
    distance = np.zeros(len(frames))
    for formula in np.unique(formulas):
        own = formulas == formula
        distance[own] = energies[own] - np.median(energies[own])
    return distance


def _sigma(distance: Floats) -> float:
    return SIGMA_OF_MAD * float(np.median(np.abs(distance)))


def _limit(own: float, pooled: float, amount: int) -> float:
    if amount >= FEWEST_FOR_SPREAD:
        return max(OUTLIER_SIGMA * own, MANY_EV)
    return max(OUTLIER_SIGMA * max(own, pooled), FEW_EV)


def _from_fit(frames: Frames, kinds: NDArray[np.int64], rare: NDArray[np.int64]) -> tuple[Floats, float]:
    """Distance (R,) in eV/atom of the frames `rare` from the fit by elements, and its limit.

    Rows of the fit are these frames, and the median of each other composition.
    """
    species, energies = frames.species(), frames.energies / frames.sizes
    shares = counts(frames, species) / frames.sizes[:, None]
    common = [np.flatnonzero(kinds == kind) for kind in np.setdiff1d(kinds, kinds[rare])]
    rows = np.concatenate([shares[rare], *(shares[own[:1]] for own in common)])
    values = np.concatenate([energies[rare], [float(np.median(energies[own])) for own in common]])
    if len(rows) < max(FEWEST_ROWS, ROWS_PER_ELEMENT * len(species)):
        return np.zeros(len(rare)), float("inf")
    rest = values - rows @ _least_absolute(rows, values)
    return rest[: len(rare)], max(OUTLIER_SIGMA * _sigma(rest), FIT_EV)


def _least_absolute(rows: Floats, values: Floats) -> Floats:
    """Solution (S,) of least absolute residuals of rows (R, S) and values (R,), which no outlier moves.

    By iteratively reweighted least squares (doi:10.1080/03610927708827533).
    """
    weights = np.ones(len(values))
    solution = np.zeros(rows.shape[1])
    for _ in range(ITERATIONS):
        root = np.sqrt(weights)
        fit = np.linalg.lstsq(rows * root[:, None], values * root, rcond=1e-10)
        solution = np.asarray(fit[0], dtype=np.float64)
        weights = 1.0 / np.maximum(np.abs(values - rows @ solution), SMALL_EV)
    return solution
