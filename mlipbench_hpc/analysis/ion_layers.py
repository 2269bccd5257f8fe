"""Layers of ions above a surface, from the density of their heights; transitions between the two largest."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats, Ints

BIN_A, SMOOTHING_A = 0.05, 0.2  # a vibration within a layer is some 0.2 Å wide
VALLEY = 0.5  # of the lower peak: a higher minimum between two peaks separates no layers
SMALLEST_PEAK = 0.05  # of the highest: a lower one is an excursion, not a layer
CORE = 0.5  # of a layer's peak: where its core begins
INNER, OUTER = 0, 1


@dataclass(frozen=True)
class IonLayers:
    """The two largest layers of ions, all in Å above the surface.

    peaks: heights of both maxima of the density, the inner one first; border: height of the minimum between
    them; cores: the inner core reaches up to the first height, the outer one begins at the second.
    """

    peaks: tuple[float, float]
    border: float
    cores: tuple[float, float]

    def visits(self, heights: Floats) -> Ints:
        """Layer (T, K) of each ion, 0 inner or 1 outer: the one whose core it was in last.

        heights (T, K) Å. Before an ion reaches any core it counts in the first that it reaches; without any
        its first frame decides on which side of the border it is. So neither vibrations at the border nor a
        start between the cores are transitions (core sets: Buchete and Hummer, J. Phys. Chem. B 112, 6057
        (2008), DOI 10.1021/jp0761665).
        """
        known = (heights <= self.cores[0]) | (heights >= self.cores[1])
        side = np.asarray(heights > self.border, dtype=np.int64)
        first = np.where(known.any(axis=0), known.argmax(axis=0), 0)
        latest = np.maximum.accumulate(np.where(known, np.arange(len(heights))[:, None], first), axis=0)
        return np.asarray(np.take_along_axis(side, latest, axis=0))


def transitions(visits: Ints) -> Ints:
    """Number (K,) of transitions of each ion, of its layers (T, K)."""
    return np.asarray((np.diff(visits, axis=0) != 0).sum(axis=0))


def passes(heights: Floats, low: float, high: float) -> tuple[Ints, Ints]:
    """Passes (K,) of each ion between heights up to `low` and from `high` on; 1 where it was in both, else 0.

    heights (T, K), low and high in Å. An ion in the interval between counts where it was last.
    """
    visits = IonLayers((low, high), (low + high) / 2, (low, high)).visits(heights)
    both = (heights <= low).any(axis=0) & (heights >= high).any(axis=0)
    return transitions(visits), np.asarray(both, dtype=np.int64)


def density(heights: Floats) -> tuple[Floats, Floats]:
    """Heights (B,) Å and probability density (B,) 1/Å of heights (any shape), smoothed by 0.2 Å."""
    from scipy.ndimage import gaussian_filter1d

    values = np.ravel(heights)
    margin = 5 * SMOOTHING_A
    edges = np.arange(values.min() - margin, values.max() + margin + BIN_A, BIN_A)
    counts = np.histogram(values, edges, density=True)[0]
    return (edges[:-1] + edges[1:]) / 2, gaussian_filter1d(counts, SMOOTHING_A / BIN_A, mode="constant")


def ion_layers(heights: Floats) -> IonLayers | None:
    """Layers from heights (any shape) Å of the ions of a species; None where the density has one peak.

    The inner and outer layer are those of the two highest peaks that a minimum of at most half the lower one
    separates; the border is at that minimum. A core begins where the density has half the height of its peak.
    """
    # Here, because a report without ions does without scipy.signal, which takes seconds to import.
    from scipy.signal import find_peaks

    z, rho = density(heights)
    tops = [int(top) for top in find_peaks(rho, height=SMALLEST_PEAK * rho.max())[0]]
    highest = max(tops, key=lambda top: rho[top], default=0)
    apart = [top for top in tops if top != highest and _valley(rho, top, highest) <= VALLEY * rho[top]]
    if not apart:
        return None
    inner, outer = sorted((highest, max(apart, key=lambda top: rho[top])))
    between = rho[inner : outer + 1]
    lowest = inner + np.flatnonzero(between <= between.min())
    border = int(lowest[len(lowest) // 2])
    below = inner + np.flatnonzero(rho[inner : border + 1] >= CORE * rho[inner]).max()
    above = border + np.flatnonzero(rho[border : outer + 1] >= CORE * rho[outer]).min()
    return IonLayers((float(z[inner]), float(z[outer])), float(z[border]), (float(z[below]), float(z[above])))


def _valley(rho: Floats, first: int, second: int) -> float:
    low, high = sorted((first, second))
    return float(rho[low : high + 1].min())
