"""Standard errors from autocorrelation, bin by bin, from sums over short pieces of the blocks of a run.

A bin's averages over pieces are a time series, coarser than the frames: its statistical inefficiency counts
correlation longer than a piece, also beyond a block, and its scatter what is shorter (Flyvbjerg and
Petersen, J. Chem. Phys. 91, 461 (1989), DOI 10.1063/1.457480).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from mlipbench_hpc.analysis.blocks import BlockAverage, from_block_means
from mlipbench_hpc.data.frames import Floats, Ints

PIECES = 20  # of each block, where it has so many frames
# Of fewer independent frames ± 2 SE covers less than 90 % (AR(1) series); of a bin their number is itself
# uncertain by a third, so the median over neighbours counts.
FEWEST_INDEPENDENT, NEIGHBOURS = 20.0, 9


@dataclass(frozen=True)
class Errors:
    """Standard errors (...) of an average from blocks and from autocorrelation.

    independent (...): number of independent pieces of the run.
    """

    blocks: Floats
    correlated: Floats
    independent: Floats

    @property
    def larger(self) -> Floats:
        """The larger of both; NaN where there is none from blocks."""
        return np.asarray(np.where(np.isfinite(self.blocks), np.fmax(self.blocks, self.correlated), np.nan))

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """Mask (B,) of bins that vary, but with too few independent frames for an error to be judged."""
        varying = self.larger > 0
        smooth = median_filter(self.independent[varying], NEIGHBOURS, mode="nearest")
        mask = np.zeros(varying.shape, dtype=np.bool_)
        mask[varying] = smooth < FEWEST_INDEPENDENT
        return mask


def errors(blocks: Floats, deviations: Floats) -> Errors:
    """Errors from those of blocks (...) and the deviations (P, ...) of all pieces, in time order.

    deviations: see `of_mean` and the others; their mean is zero, P ≥ 2. The error is σ √(g/P).
    """
    independent = len(deviations) / inefficiencies(deviations)
    scatter = deviations.std(axis=0, ddof=1)
    return Errors(blocks, np.asarray(scatter / np.sqrt(independent)), np.asarray(independent))


def inefficiencies(series: Floats) -> Floats:
    """Statistical inefficiency (...) of each of several series (P, ...), as `statistical_inefficiency`.

    1 for a series that is constant or not finite.
    """
    count = len(series)
    centred = series.reshape(count, -1) - series.reshape(count, -1).mean(axis=0)
    spectrum = np.abs(np.fft.rfft(centred, 2 * count, axis=0)) ** 2
    products = np.fft.irfft(spectrum, axis=0)[: count // 2 * 2]
    variance = np.square(centred).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = (products / variance).reshape(count // 2, 2, -1).sum(axis=1)
    summed = np.where(np.logical_and.accumulate(pairs > 0, axis=0), pairs, 0.0).sum(axis=0)
    return np.asarray(np.maximum(1.0, 2 * summed - 1).reshape(series.shape[1:]))


def averaged(sums: Floats, length: int, pieces: int, dropped: int = 0) -> tuple[BlockAverage, Errors]:
    """Average of sums over pieces (P, B), so many of each block of `length` frames, and its errors.

    dropped: number of frames after the last block.
    """
    blocks = len(sums) // pieces
    means = sums.reshape(blocks, pieces, -1).sum(axis=1) / length
    average = from_block_means(means, length, dropped)
    deviations = of_mean(sums * (pieces / length), shares(blocks * length, length, pieces))
    return average, errors(average.standard_error, deviations)


def piece_of(frames: Ints, length: int, pieces: int) -> Ints:
    """Number of the piece of each frame, counted over all blocks of `length` frames."""
    return np.asarray(frames * pieces // length)


def shares(frames: int, length: int, pieces: int) -> Floats:
    """Length (P,) of each piece of `frames` frames over the mean length; they differ by a frame at most."""
    lengths = np.bincount(piece_of(np.arange(frames), length, pieces))
    return np.asarray(lengths / lengths.mean())


def of_mean(parts: Floats, lengths: Floats) -> Floats:
    """Deviations (P, ...) of a mean: sums over pieces (P, ...), scaled so that their mean is that of the run.

    lengths (P,): `shares`.
    """
    return np.asarray(parts - lengths.reshape(-1, *[1] * (parts.ndim - 1)) * parts.mean(axis=0))


def of_ratio(above: Floats, below: Floats) -> Floats:
    """Deviations (P, ...) of a ratio of two means: (above - R·below)/<below>; NaN where `below` is empty."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((above - above.mean(axis=0) / below.mean(axis=0) * below) / below.mean(axis=0))


def of_statistic(parts: Floats, lengths: Floats, statistic: Callable[[Floats], Floats]) -> Floats:
    """Deviations (P, ...) of any statistic of a mean (...), from leaving out each piece in turn.

    parts, lengths: as in `of_mean`. Of a mean itself they are those of `of_mean`.
    """
    count, mean = len(parts), parts.mean(axis=0)
    left = count - lengths
    without = [statistic((count * mean - part) / rest) for part, rest in zip(parts, left, strict=True)]
    return np.asarray(left.reshape(-1, *[1] * (np.ndim(without[0]))) * (statistic(mean) - np.array(without)))
