"""Block averages: the statistical error of a trajectory average (arXiv:2602.22931, section III.F)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats


@dataclass(frozen=True)
class BlockAverage:
    """A time average with its block standard error, both of the shape of one sample.

    mean: over the samples that fill whole blocks, or over all of them when there are fewer samples than
    blocks; standard_error: NaN in that case, and `reason` says so. dropped: samples after the last whole
    block.
    """

    mean: Floats
    standard_error: Floats
    blocks: int
    block_length: int
    dropped: int
    reason: str | None = None


def block_average(samples: Floats, blocks: int = 10) -> BlockAverage:
    """Mean and SE = σ/√N of equal contiguous blocks' means, σ their standard deviation with ddof = 1.

    samples (T, ...) in time order, any unit. Raises ValueError when blocks < 2 or there is no time axis.
    """
    samples = np.asarray(samples, dtype=float)
    if blocks < 2 or samples.ndim == 0:
        raise ValueError(
            f"expected samples along a time axis and at least 2 blocks, got {samples.shape}, {blocks}"
        )
    length, dropped = divmod(len(samples), blocks)
    if length == 0:
        return _too_few(samples, blocks)
    means = samples[: length * blocks].reshape(blocks, length, *samples.shape[1:]).mean(axis=1)
    return from_block_means(means, length, dropped)


def from_block_means(means: Floats, block_length: int, dropped: int) -> BlockAverage:
    """Average of block means (N, ...) and its standard error, std(ddof=1)/√N."""
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return BlockAverage(means.mean(axis=0), np.asarray(error), len(means), block_length, dropped)


def jackknife(means: Floats, statistic: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """`statistic` of the average of block means (N, ...), and its standard error from leaving out each block.

    SE² = (N-1)/N Σ (x_i - x̄)², x_i without block i (Efron, SIAM 1982, eq. 3.13); of a mean it is std/√N.
    """
    count, average = len(means), means.mean(axis=0)
    without = np.array([statistic((count * average - block) / (count - 1)) for block in means])
    spread = np.square(without - without.mean(axis=0)).sum(axis=0)
    return statistic(average), np.asarray(np.sqrt((count - 1) / count * spread))


def _too_few(samples: Floats, blocks: int) -> BlockAverage:
    nothing = np.full(samples.shape[1:], np.nan)
    mean = samples.mean(axis=0) if len(samples) else nothing
    reason = f"{len(samples)} samples do not fill {blocks} blocks: no standard error"
    return BlockAverage(np.asarray(mean), nothing, blocks, 0, 0, reason)
