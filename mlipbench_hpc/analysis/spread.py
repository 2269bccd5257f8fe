"""Spread between committee members reweighted from one trajectory, without their common sampling noise."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats


@dataclass(frozen=True)
class Spread:
    """Variances over M members, each of one shape (...), in the squared unit of the observable.

    observed: s² of the members' averages, ddof = 1; noise: mean contribution of the trajectory's sampling,
    error: standard error of `observed` from that sampling; blocks: of the trajectory. All NaN for
    one member, noise and error where no draw gives every member a number.
    """

    observed: Floats
    noise: Floats
    error: Floats
    blocks: int

    @property
    def sigma(self) -> Floats:
        """Standard deviation (...) over members without the noise, not below 0."""
        return np.asarray(np.sqrt(np.maximum(0.0, self.observed - self.noise)))

    @property
    def determined(self) -> Floats:
        """`sigma` (...), NaN where members differ by no more than their noise: then it is not known to be 0.

        Of the `limits` the upper one still holds. Where there is no noise, as without any atoms, 0 is exact.
        """
        lost = (self.noise > 0) & (self.observed <= self.noise)
        return np.where(lost, np.nan, self.sigma)

    @property
    def limits(self) -> tuple[Floats, Floats]:
        """Lower and upper 95 % limit (...) of `sigma` for these members, Student's t of blocks - 1."""
        from scipy.special import stdtrit  # here, because a report without reweighting does without

        half = stdtrit(self.blocks - 1, 0.975) * self.error
        centre = self.observed - self.noise
        low, high = (np.sqrt(np.maximum(0.0, centre + side * half)) for side in (-1, 1))
        return np.asarray(low), np.asarray(high)


def spread(members: Floats, drawn: Floats, blocks: int) -> Spread:
    """Spread of M members from averages (M, B) and those in D draws of a block bootstrap (D, M, B).

    All members are averages over the same frames, so sampling moves them together: the noise of s² is
    M/(M-1) times the mean over members of the bootstrap variance of (member - committee mean); the members'
    own variances would include the common part. Variances are multiplied with N/(N-1) for N blocks.
    """
    count, drawn = len(members), drawn[np.isfinite(drawn).all(axis=(1, 2))]
    if count < 2 or len(drawn) < 2:
        nothing = np.full(members.shape[1:], np.nan)
        observed = members.var(axis=0, ddof=1) if count > 1 else nothing
        return Spread(np.asarray(observed), nothing, nothing, blocks)
    deviations = drawn - drawn.mean(axis=1, keepdims=True)
    scale = blocks / (blocks - 1)
    noise = scale * count / (count - 1) * deviations.var(axis=0, ddof=1).mean(axis=0)
    error = np.sqrt(scale) * drawn.var(axis=1, ddof=1).std(axis=0, ddof=1)
    return Spread(np.asarray(members.var(axis=0, ddof=1)), np.asarray(noise), np.asarray(error), blocks)


def mean_spread(members: Floats, drawn: Floats, blocks: int) -> Spread:
    """Spread from the variance averaged over the B bins, shape (), as in `spread`; bins may be correlated."""
    bins, scale = spread(members, drawn, blocks), blocks / (blocks - 1)
    averages = drawn.var(axis=1, ddof=1).mean(axis=1) if len(members) > 1 else np.full(2, np.nan)
    error = np.sqrt(scale) * averages.std(ddof=1)
    return Spread(np.asarray(bins.observed.mean()), np.asarray(bins.noise.mean()), np.asarray(error), blocks)


def pooled_spread(observed: Floats, noise: Floats, members: int, blocks: int) -> Spread:
    """Spread without draws: error of s² from its noise ν alone, √((2 ν² + 4 ν σ²)/(M - 1)).

    This is the variance of s² where members scatter about their averages independently and alike.
    """
    training = np.maximum(0.0, observed - noise)
    error = np.sqrt((2 * noise**2 + 4 * noise * training) / (members - 1))
    return Spread(observed, noise, np.asarray(error), blocks)
