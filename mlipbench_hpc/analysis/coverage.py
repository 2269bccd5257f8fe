"""Coverage: how often bands hold the truth, over independent committees; own runs of members.

Each member i of a committee of M has its own run: averages x_i with standard errors e_i. Their variance s²
(ddof = 1) holds the spread of training and the noise of sampling, so σ² = s² - <e²>, not below 0. The
committee's mean then differs from a truth t ± e_t by sampling, √(<e²>/M + e_t²), and by training,
√(α² + 1/M)·σ (the model behind Eq. S11 of arXiv:2602.22931).

σ of a few members scatters, so that a deviation over its error is no normal number, and all committees are
compared with one truth, so that its error moves all deviations together: they are not independent, however
many there are. What to expect of N committees whose errors are right, and how far that scatters, is therefore
simulated from the model above. Numbers of one committee depend on each other: each is counted by itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from mlipbench_hpc.analysis.inference import Comparison, ErrorTerm, welch
from mlipbench_hpc.analysis.spread import Spread, pooled_spread
from mlipbench_hpc.data.frames import Floats

INTERVAL = (0.025, 0.5, 0.975)
FEWEST = 2
FEWEST_COMMITTEES = 3  # committees, for a scatter of their means
DRAWS = 8000
Kind = Literal["sampling", "training", "both"]


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
    """Difference of a committee's mean to the truth, with its errors; all in the unit of the number.

    own, truth: sampling errors of both sides, truth_dof: degrees of freedom of the latter; scale:
    √(α² + 1/M).

    variance: over the members without the noise of their runs, below 0 where they differ by less than it.
    """

    difference: float
    own: float
    truth: float
    truth_dof: float
    scale: float
    variance: float
    members: int

    @property
    def sampling(self) -> float:
        """Sampling error of both sides."""
        return math.hypot(self.own, self.truth)

    @property
    def training(self) -> float:
        """√(α² + 1/M)·σ."""
        return self.scale * math.sqrt(max(0.0, self.variance))

    @property
    def both(self) -> float:
        """Both errors, added in squares."""
        return math.hypot(self.sampling, self.training)

    @property
    def z(self) -> float:
        """The difference over both errors; NaN without one."""
        return self.difference / self.both if self.both > 0 else math.nan

    def error(self, kind: Kind) -> float:
        """Error of that kind."""
        return {"sampling": self.sampling, "training": self.training, "both": self.both}[kind]


def deviation(
    own: OwnRuns, truth: float, truth_error: float, truth_dof: float, alpha: float | None
) -> Deviation:
    """Deviation of a committee from a truth; without α the truth counts as one more member, α = 1."""
    scale = math.sqrt((1.0 if alpha is None else alpha) ** 2 + 1 / own.members)
    variance = float(own.spread.observed - own.spread.noise)
    return Deviation(own.mean - truth, own.sampling, truth_error, truth_dof, scale, variance, own.members)


def mean_deviation(every: Sequence[Deviation]) -> Comparison | None:
    """Mean deviation of N committees from one truth, tested against 0; None for fewer than three.

    Its errors are the scatter of the committees' means over √N, which holds sampling and training, and the
    truth's. A mean other than 0 is a bias that these committees share, which more members or committees do
    not average away.
    """
    if len(every) < FEWEST_COMMITTEES:
        return None
    apart = np.array([own.difference for own in every])
    scatter = ErrorTerm(float(apart.std(ddof=1)) / math.sqrt(len(apart)), len(apart) - 1)
    truth = ErrorTerm(max(own.truth for own in every), min(own.truth_dof for own in every))
    return welch(float(apart.mean()), [scatter, truth])


@dataclass(frozen=True)
class Coverage:
    """Standardised deviations z of N committees against one truth: shares within 1 and 2, and their rms.

    expected: of N such committees whose errors are right, the mean shares and the median rms; low, high: 95 %
    interval of the rms where errors are wrong by one common factor, the truth being the same for all; shared:
    part of the squared error that is the truth's, common to all; left_out: deviations whose error is 0.
    """

    number: int
    shares: tuple[float, float]
    rms: float
    expected: tuple[float, float, float]
    low: float
    high: float
    shared: float = 0.0
    left_out: int = 0

    @property
    def effective(self) -> float:
        """Number of independent committees that tell as much, N/(1 + (N - 1)·shared²) of normal numbers."""
        return self.number / (1 + (self.number - 1) * self.shared**2)

    @property
    def covers(self) -> bool:
        """True where the interval holds the rms that is expected of errors that are right."""
        return self.low <= self.expected[2] <= self.high


def coverage(every: Sequence[Deviation], kind: Kind) -> Coverage:
    """Coverage of the deviations of N committees in one number by one kind of error.

    The committees have frames, members and runs of their own, and the truth in common. NaN where fewer than
    two errors are above 0.
    """
    z = np.array([own.difference / own.error(kind) for own in every if own.error(kind) > 0])
    left_out = len(every) - len(z)
    if len(z) < FEWEST:
        nothing = (math.nan, math.nan)
        return Coverage(len(z), nothing, math.nan, (*nothing, math.nan), math.nan, math.nan, 0.0, left_out)
    rms = math.sqrt(float(z @ z) / len(z))
    shares = float((np.abs(z) <= 1).mean()), float((np.abs(z) <= 2).mean())
    model = _model(every, kind)
    inside, low, middle, high = _simulated(model)
    shared = model.truth**2 / model.both**2 if model.both > 0 else 0.0
    if not low > 0:  # Members of all committees together differ by no more than their noise.
        return Coverage(len(z), shares, rms, (*inside, math.nan), math.nan, math.nan, shared, left_out)
    # Errors too small by a factor f give f times the rms of right ones: f is between rms/high and rms/low.
    ends = rms * middle / high, rms * middle / low
    return Coverage(len(z), shares, rms, (*inside, middle), *ends, shared, left_out)


@dataclass(frozen=True)
class _Model:
    """Parts of N deviations in one unit, see `Deviation`; sigma without noise, noise of one member."""

    kind: Kind
    scales: tuple[float, ...]
    members: int
    sigma: float
    noise: float
    truth: float
    truth_dof: float

    @property
    def both(self) -> float:
        """Error of one deviation, its root mean square over committees."""
        scale = float(np.mean(np.square(self.scales)))
        return math.sqrt(scale * self.sigma**2 + self.noise**2 / self.members + self.truth**2)


def _model(every: Sequence[Deviation], kind: Kind) -> _Model:
    """Averages over the committees, which are of one kind; without the errors that `kind` leaves out."""
    members = min(own.members for own in every)
    sigma = math.sqrt(max(0.0, float(np.mean([own.variance for own in every]))))
    noise = math.sqrt(members * float(np.mean([own.own**2 for own in every])))
    truth = math.sqrt(float(np.mean([own.truth**2 for own in every])))
    dof = min(own.truth_dof for own in every)
    return _Model(
        kind, tuple(own.scale for own in every), members,
        0.0 if kind == "sampling" else sigma, noise,
        0.0 if kind == "training" else truth, dof,
    )  # fmt: skip


@cache
def _simulated(model: _Model) -> tuple[tuple[float, float], float, float, float]:
    """Shares within 1 and 2, and quantiles 2.5 %, 50 % and 97.5 % of the rms of N committees, by simulation.

    Each committee shares an error α·σ·ξ, its members scatter by σ about it and their runs by the noise; σ² is
    estimated as s² less the noise, not below 0, and the truth's error from its degrees of freedom.
    """
    random = np.random.default_rng([len(model.scales), model.members])
    shape, dof = (DRAWS, len(model.scales)), model.members - 1
    scale, noise = np.array(model.scales), model.noise**2
    alone = 0.0 if model.kind == "training" else noise  # the part of the noise that moves the mean
    variance = (model.sigma**2 + noise) * random.chisquare(dof, shape) / dof - noise
    training = (model.kind != "sampling") * np.square(scale) * np.maximum(0.0, variance)
    truth = model.truth**2 * _over_dof(random, model.truth_dof)
    own = np.sqrt(np.square(scale) * model.sigma**2 + alone / model.members) * random.normal(size=shape)
    error = training + alone / model.members + truth
    known = error > 0
    moved = own + model.truth * random.normal(size=(DRAWS, 1))
    squares = np.divide(moved**2, error, out=np.zeros(shape), where=known)
    counts = known.sum(axis=1)
    enough = counts >= FEWEST
    rms = np.sqrt(squares.sum(axis=1)[enough] / counts[enough]) if enough.any() else np.zeros(1)
    inside = tuple(float((squares[known] <= limit).mean()) if known.any() else math.nan for limit in (1, 4))
    low, middle, high = (float(own) for own in np.quantile(rms, INTERVAL))
    return (inside[0], inside[1]), low, middle, high


def _over_dof(random: np.random.Generator, dof: float) -> Floats:
    """χ²/dof (DRAWS, 1): how far an estimated squared error is off; 1 where the degrees are infinite."""
    if not math.isfinite(dof):
        return np.ones((DRAWS, 1))
    return np.asarray(random.chisquare(dof, (DRAWS, 1)) / dof)
