"""Coverage: how often bands hold the truth, over independent committees and numbers; own runs of members.

Each member i of a committee of M has its own run: averages x_i with standard errors e_i. Their variance s²
(ddof = 1) holds the spread of training and the noise of sampling, so σ² = s² - <e²>, not below 0. The
committee's mean then differs from a truth t ± e_t by sampling, √(<e²>/M + e_t²), and by training,
√(α² + 1/M)·σ (the model behind Eq. S11 of arXiv:2602.22931).

σ of a few members scatters: in units of an error that is estimated from M members a deviation is distributed
like Student's t of M - 1 degrees of freedom, with M = 6 within one error in 64 %, within two in 90 %, and of
rms 1.29, where the error itself is right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.spread import Spread, pooled_spread
from mlipbench_hpc.data.frames import Floats

INTERVAL = (0.025, 0.975)
FEWEST = 2


@dataclass(frozen=True)
class OwnRuns:
    """Mean over the members' own runs.

    sampling: its standard error from sampling alone, √<e²>/√M; dof: of that; spread: of the members, without
    the noise of sampling.
    """

    mean: float
    sampling: float
    dof: float
    members: int
    spread: Spread

    @property
    def sigma(self) -> float:
        """Standard deviation over members without sampling noise, 0 where they differ by no more than it."""
        return float(self.spread.sigma)


def own_runs(values: Floats, errors: Floats, dofs: Floats, blocks: int = 10) -> OwnRuns:
    """Mean over members from values (M,), standard errors (M,) and their degrees of freedom (M,).

    blocks: of each run. Raises ValueError for fewer than two members, or numbers that are not finite.
    """
    if len(values) < FEWEST or not np.isfinite([values, errors, dofs]).all():
        raise ValueError(
            f"expected finite values of at least {FEWEST} members, got {values}, {errors}, {dofs}"
        )
    noise = float(np.mean(np.square(errors)))
    observed = np.asarray(values.var(ddof=1))
    spread = pooled_spread(observed, np.asarray(noise), len(values), blocks)
    quartic = float(np.sum(errors**4 / dofs))
    dof = float(np.sum(errors**2)) ** 2 / quartic if quartic > 0 else float(dofs.sum())
    return OwnRuns(float(values.mean()), math.sqrt(noise / len(values)), dof, len(values), spread)


@dataclass(frozen=True)
class Deviation:
    """Difference of a committee's mean to the truth, with both errors; all in the unit of the number.

    sampling: of both sides; training: √(α² + 1/M)·σ.
    """

    difference: float
    sampling: float
    training: float

    @property
    def both(self) -> float:
        """Both errors, added in squares."""
        return math.hypot(self.sampling, self.training)


def deviation(own: OwnRuns, truth: float, truth_error: float, alpha: float | None) -> Deviation:
    """Deviation of a committee from a truth; without α the truth counts as one more member, α = 1."""
    scale = math.sqrt((1.0 if alpha is None else alpha) ** 2 + 1 / own.members)
    return Deviation(own.mean - truth, math.hypot(own.sampling, truth_error), scale * own.sigma)


@dataclass(frozen=True)
class Coverage:
    """Standardised deviations z of N independent committees: shares within 1 and 2, and their rms.

    shares: of |z| ≤ 1 and ≤ 2; low, high: 95 % interval of the rms, √(Σz²/χ²) of N degrees of freedom;
    dof: with which the errors are known; left_out: deviations whose error is 0.
    """

    number: int
    shares: tuple[float, float]
    rms: float
    low: float
    high: float
    dof: float = math.inf
    left_out: int = 0

    @property
    def expected(self) -> tuple[float, float, float]:
        """Shares within 1 and 2 and rms where errors are right: of Student's t, infinite up to 2 degrees."""
        from scipy.special import ndtr, stdtr

        inside = [
            1.0 - 2.0 * float(ndtr(-k) if math.isinf(self.dof) else stdtr(self.dof, -k)) for k in (1.0, 2.0)
        ]
        if math.isinf(self.dof):
            return inside[0], inside[1], 1.0
        return inside[0], inside[1], math.sqrt(self.dof / (self.dof - 2)) if self.dof > 2 else math.inf

    @property
    def covers(self) -> bool:
        """True where the interval holds the rms that is expected of errors that are right."""
        return self.low <= self.expected[2] <= self.high


def coverage(differences: Sequence[float], errors: Sequence[float], dof: float = math.inf) -> Coverage:
    """Coverage of differences (N,) by their standard errors (N,), of independent committees or numbers.

    dof: degrees of freedom of the errors, M - 1 where they are of M members. The interval is exact where
    differences are normal with the errors times one common factor: Σz² is then χ² of N degrees of freedom, N
    because the expectation is known to be 0. NaN where fewer than two errors are above 0.
    """
    from scipy.special import chdtri  # here, because a report without it does without

    own = [(float(d), float(e)) for d, e in zip(differences, errors, strict=True)]
    z = np.array([d / e for d, e in own if e > 0])
    left_out = len(own) - len(z)
    if len(z) < FEWEST:
        return Coverage(len(z), (math.nan, math.nan), math.nan, math.nan, math.nan, dof, left_out)
    total = float(z @ z)
    # chdtri(n, p) is the χ² that is exceeded with probability p.
    low, high = (math.sqrt(total / float(chdtri(len(z), p))) for p in INTERVAL)
    shares = tuple(float((np.abs(z) <= limit).mean()) for limit in (1, 2))
    return Coverage(len(z), (shares[0], shares[1]), math.sqrt(total / len(z)), low, high, dof, left_out)
