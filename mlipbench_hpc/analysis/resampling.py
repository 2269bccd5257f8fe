"""Reweighted averages from sums over blocks of a trajectory, and their sampling error by block bootstrap."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlipbench_hpc.analysis.profiles import Samples
from mlipbench_hpc.analysis.reweighting import direct_weights
from mlipbench_hpc.analysis.spread import Spread, mean_spread, spread
from mlipbench_hpc.data.frames import Floats, Ints

DRAWS, QUANTILES = 200, (0.025, 0.975)


@dataclass(frozen=True)
class Weights:
    """Weights of every frame of a run: rows (2 + 2M, T) of ones, carried, h and direct weights.

    blocks: equal contiguous blocks that the T frames fill, the remainder cut off before. carried is 1 on the
    frames that every member was evaluated on; h and direct weights are 0 on all others.
    """

    rows: Floats
    blocks: int

    @classmethod
    def of(cls, frames: int, blocks: int, carried: Ints, h: Floats) -> "Weights":
        """Weights of a run of `frames` frames, of which carried (K,) have h (M, K), with any constant offset.

        Raises ValueError for fewer frames than blocks, and where none of the whole blocks' frames has h.
        """
        length = frames // blocks
        inside = carried < length * blocks
        if length == 0 or not inside.any():
            raise ValueError(f"{frames} frames, {len(carried)} with h, do not fill {blocks} blocks")
        h = h[:, inside] - h[:, inside].mean(axis=1, keepdims=True)
        rows = np.zeros((2 + 2 * len(h), length * blocks))
        rows[0] = 1.0
        rows[1, carried[inside]] = 1.0
        rows[2 : 2 + len(h), carried[inside]] = h
        rows[2 + len(h) :, carried[inside]] = direct_weights(h)
        return cls(rows, blocks)

    @property
    def members(self) -> int:
        """Number of members M."""
        return len(self.rows) // 2 - 1

    @property
    def length(self) -> int:
        """Number of frames in a block."""
        return int(self.rows.shape[1] // self.blocks)

    @cached_property
    def totals(self) -> Floats:
        """Rows summed over each block, (N, 2 + 2M)."""
        return np.asarray(self.rows.reshape(len(self.rows), self.blocks, self.length).sum(axis=2).T)

    def sums(self, samples: Iterable[Samples]) -> Samples:
        """Σ_t row[k, t] · sample[t] over each block, (N, 2 + 2M, B) for each name, in one pass.

        samples: consecutive pieces (f, B) of the T frames, or of more: the remainder does not count. Memory
        does not grow with the number of frames.
        """
        totals: Samples = {}
        start, end = 0, self.rows.shape[1]
        for piece in samples:
            frames = len(next(iter(piece.values())))
            stop = min(start + frames, end)
            for block in range(start // self.length, -(-stop // self.length)):
                low, high = max(start, block * self.length), min(stop, (block + 1) * self.length)
                for name, values in piece.items():
                    shape = (self.blocks, len(self.rows), values.shape[1])
                    total = totals.setdefault(name, np.zeros(shape))
                    total[block] += self.rows[:, low:high] @ values[low - start : high - start]
            start += frames
        return totals


@dataclass(frozen=True)
class Reweighted:
    """Averages (..., B) of the driving member, (..., M, B) of all by CEA (Eq. S10) and directly (Eq. S9)."""

    driving: Floats
    cea: Floats
    direct: Floats

    @property
    def mean(self) -> Floats:
        """Committee mean (..., B) of CEA."""
        return np.asarray(self.cea.mean(axis=-2))

    @property
    def sigma(self) -> Floats:
        """σ_b (..., B): standard deviation over the members, ddof = 1; NaN for one member."""
        members = self.cea.shape[-2]
        return np.asarray(
            self.cea.std(axis=-2, ddof=1) if members > 1 else np.full(self.driving.shape, np.nan)
        )


def reweighted(weights: Weights, sums: Floats, counts: Floats | None = None) -> Reweighted:
    """Averages from block sums (N, 2 + 2M, B) of one observable; counts (..., N): multiplicity of each block.

    CEA: <n>_i = <n> - [<n h> - <n><h>], <n> over all frames, the bracket over those with h; nothing is
    clipped. The weights of Eq. S9 are normalised over the blocks that are taken.
    """
    counts = np.ones(weights.blocks) if counts is None else counts
    members = weights.members
    totals = counts @ weights.totals
    values = np.tensordot(counts, sums, axes=1)
    driving = values[..., 0, :] / totals[..., 0, None]
    carried, h = totals[..., 1, None, None], totals[..., 2 : 2 + members, None]
    products = values[..., 2 : 2 + members, :] - values[..., 1, None, :] * h / carried
    direct = values[..., 2 + members :, :] / totals[..., 2 + members :, None]
    return Reweighted(driving, driving[..., None, :] - products / carried, direct)


@dataclass(frozen=True)
class Sampling:
    """Sampling errors of reweighted averages, of the shapes of `Reweighted` without leading axes.

    Each error is the bootstrap's standard deviation times √(N/(N-1)), so that of a plain average it agrees
    with σ_block/√N; interval: 2.5 % and 97.5 % of the draws of each member's CEA, (2, M, B). draws: how many
    counted. spread, mean_spread: of the members without sampling noise, by bin (B,) and averaged over bins.
    """

    driving: Floats
    cea: Floats
    direct: Floats
    mean: Floats
    spread: Spread
    mean_spread: Spread
    interval: Floats
    draws: int


def resampled(weights: Weights, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Multiplicities (draws, N) of N blocks drawn with replacement, N at a time.

    Draws without a frame that has h are left out. Raises ValueError for fewer than two blocks.
    """
    blocks = weights.blocks
    if blocks < 2:
        raise ValueError(f"a block bootstrap takes at least 2 blocks, got {blocks}")
    counts = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), draws).astype(float)
    left = counts @ weights.totals[:, [1, *range(2 + weights.members, 2 + 2 * weights.members)]]
    return np.asarray(counts[(left > 0).all(axis=1)])


def bootstrap(weights: Weights, sums: Floats, draws: int = DRAWS, seed: int = 0) -> Sampling:
    """Block bootstrap, see `resampled`; all members share the same draws."""
    counts, blocks = resampled(weights, draws, seed), weights.blocks
    drawn, members = reweighted(weights, sums, counts), reweighted(weights, sums).cea
    scale = np.sqrt(blocks / (blocks - 1))

    def error(values: Floats) -> Floats:
        return np.asarray(scale * values.std(axis=0, ddof=1))

    return Sampling(
        error(drawn.driving), error(drawn.cea), error(drawn.direct), error(drawn.mean),
        spread(members, drawn.cea, blocks), mean_spread(members, drawn.cea, blocks),
        np.quantile(drawn.cea, QUANTILES, axis=0), len(counts),
    )  # fmt: skip


def combined(sampling: Floats, training: Floats) -> Floats:
    """Combined standard error √(SE² + band²), any shape; NaN where either is not known."""
    return np.asarray(np.hypot(sampling, training))
