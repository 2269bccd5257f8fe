"""Solvation of ions: coordination number against height, stays in layers, and the frame nearest the mean.

Everywhere heights (T, K) are those of K ions above the surface in T frames, in Å, and neighbours (T, K) the
numbers of oxygens within the distance of coordination.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.analysis.ion_layers import CORE, IonLayers, density
from mlipbench_hpc.data.frames import Floats, Ints

OUTSIDE = -1
# Of fewer blocks or departures no error is estimated.
FEWEST_BLOCKS, FEWEST_DEPARTURES = 5, 5
ROUNDING = 1e-12


def bins(heights: Floats, width: float) -> Floats:
    """Edges (B + 1,) k·width Å, k whole, of half-open bins that hold all heights (any shape)."""
    first, last = np.floor(np.array([heights.min(), heights.max()]) / width + 1e-9)
    return np.asarray(width * np.arange(first, last + 2))


def places(heights: Floats, edges: Floats) -> Ints:
    """Bin (T, K) of each height."""
    return np.asarray(np.searchsorted(edges, heights, side="right") - 1)


def sums(neighbours: NDArray[np.number], where: Ints, number: int, blocks: int) -> Floats:
    """Σ of coordination numbers, and how many they are, by block and place: (blocks, 2, number).

    where (T, K): place of each ion, from 0 to number - 1; any other is left out, and so are the frames after
    the last whole block.
    """
    length = len(where) // blocks
    result = np.zeros((blocks, 2, number))
    for block in range(blocks):
        rows = slice(block * length, (block + 1) * length)
        inside = (where[rows] >= 0) & (where[rows] < number)
        own, counted = where[rows][inside], neighbours[rows][inside].astype(float)
        result[block] = np.bincount(own, counted, number), np.bincount(own, minlength=number)
    return result


@dataclass(frozen=True)
class Coordination:
    """Mean coordination number and its standard error (B,) by place; samples (B,): ions times frames.

    NaN: nothing was there; the error is also NaN where fewer than five blocks were ever there.
    """

    mean: Floats
    error: Floats
    samples: Floats


def coordination(runs: Sequence[Floats]) -> Coordination:
    """Of the `sums` (blocks, 2, B) of several runs: ratio of the sums over all of them.

    n = Σ_t,k n_k(t) / Σ_t,k 1. Error: jackknife over the blocks of all runs, or over the runs where these
    differ by more.
    """
    together = np.concatenate(list(runs))
    mean, error = jackknife(together, _ratio)
    if len(runs) > 1:
        error = np.fmax(error, jackknife(np.array([own.sum(axis=0) for own in runs]), _ratio)[1])
    few = (together[:, 1] > 0).sum(axis=0) < FEWEST_BLOCKS
    error = np.where(error < ROUNDING * mean, 0.0, error)  # of numbers that are all equal
    return Coordination(mean, np.where(few, np.nan, error), together[:, 1].sum(axis=0))


def _ratio(parts: Floats) -> Floats:
    above, below = parts
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0))


@dataclass(frozen=True)
class Layer:
    """A layer of ions around a peak of their density; core: from and to which height, Å."""

    peak: float
    core: tuple[float, float]


def layers(heights: Floats, two: IonLayers | None) -> list[Layer]:
    """The two layers that are known, else that of the highest peak of the density of heights (any shape).

    A known core ends as far beyond its peak as it begins before it: ions far out belong to no layer.
    """
    if two:
        (inner, outer), (end, begin) = two.peaks, two.cores
        cores = (2 * inner - end, end), (begin, 2 * outer - begin)
        return [Layer(peak, core) for peak, core in zip(two.peaks, cores, strict=True)]
    z, rho = density(heights)
    top = int(rho.argmax())
    low = rho < CORE * rho[top]
    before, after = np.flatnonzero(low[:top]), np.flatnonzero(low[top:])
    return [Layer(float(z[top]), (float(z[before[-1] + 1]), float(z[top + after[0] - 1])))]


def cores(heights: Floats, every: Sequence[Layer]) -> Ints:
    """Layer (T, K) in whose core each ion is, OUTSIDE of all -1."""
    result = np.full(heights.shape, OUTSIDE, dtype=np.int64)
    for number, layer in enumerate(every):
        result[(heights >= layer.core[0]) & (heights <= layer.core[1])] = number
    return result


@dataclass(frozen=True)
class Stays:
    """Time in ps that all ions spent in a layer, and how often one left it."""

    time_ps: float
    departures: int

    @property
    def mean_ps(self) -> float:
        """Mean length of a stay, its maximum-likelihood estimate where ends of the run cut stays.

        τ = time / departures (exponential stays, censored: Lawless, Statistical Models and Methods for
        Lifetime Data (2003), section 4.1); NaN for fewer than five departures, after which nothing is known
        but that it is long.
        """
        return self.time_ps / self.departures if self.departures >= FEWEST_DEPARTURES else float("nan")

    @property
    def error_ps(self) -> float:
        """Standard error τ/√departures."""
        return float(self.mean_ps / np.sqrt(max(1, self.departures)))


def stays(visits: Ints, layer: int, step: float) -> Stays:
    """Of visits (T, K), the layer that each ion is in (`IonLayers.visits`); step: ps between frames."""
    inside = visits == layer
    left = int((inside[:-1] & ~inside[1:]).sum())
    return Stays(float(inside.sum() * step), left)


@dataclass(frozen=True)
class Representative:
    """Place of a frame among those of several runs, and the ion in it."""

    run: int
    frame: int
    ion: int


def representative(
    heights: Sequence[Floats], neighbours: Sequence[NDArray[np.number]], chosen: Sequence[NDArray[np.bool_]]
) -> Representative | None:
    """The ion of a frame that is nearest the mean of all that are chosen (T, K), run by run.

    Nearest in height and coordination number, each in units of its standard deviation; the first of several.
    None where nothing is chosen.
    """
    every = [
        np.array([own[mask], number[mask]], dtype=float)
        for own, number, mask in zip(heights, neighbours, chosen, strict=True)
    ]
    together = np.concatenate(every, axis=1)
    if not together.shape[1]:
        return None
    spread = together.std(axis=1)
    scaled = (together - together.mean(axis=1)[:, None]) / np.where(spread > 0, spread, 1.0)[:, None]
    best, before = int(np.square(scaled).sum(axis=0).argmin()), 0
    for run, (own, mask) in enumerate(zip(every, chosen, strict=True)):
        if best < before + own.shape[1]:
            frame, ion = np.argwhere(mask)[best - before]
            return Representative(run, int(frame), int(ion))
        before += own.shape[1]
    return None
