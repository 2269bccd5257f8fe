"""Calibration factor α of a committee's spread (arXiv:2602.22931, Eq. S11)."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from mlipbench_hpc.data.frames import Floats, Ints

FEWEST_MEMBERS = 4
MOST_OF_SPREAD = 0.5
BAND_MEMBERS, BAND_FRAMES = 6, 24  # fewer of either give no calibrated band
QUANTILES = (0.025, 0.975)
NUMBERS, FEWEST_SIMULATIONS, MOST_SIMULATIONS = 10_000_000, 200, 4000
COVERAGE_STEPS = np.arange(0, 17) / 4


class NotCalibrated(ValueError):
    """Refusal to give α; `name` is the rule that refuses, the message its reason and next step."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class Calibration:
    """α with its uncertainty and reliability.

    independent: number of structures that count as independent. interval: 95 %, see `interval`.
    share_of_largest: part of the sum that the largest 1 % of structures carry (at least one structure).
    coverage: (K, 3) rows of k, the share of |error| ≤ k·α·s, and the share expected of a normal distribution.
    withheld: reason, in words, why no band may be scaled with α; None where it may.
    """

    alpha: float
    members: int
    structures: int
    independent: float
    interval: tuple[float, float]
    share_of_largest: float
    coverage: Floats
    withheld: str | None


def calibrate(reference: Floats, energies: Floats, independent: float | None = None) -> Calibration:
    """α² = -1/M + (M-3)/(M-1) · <(E_ref - Ē)²/s²>, s² the members' variance with ddof = 1 (Eq. S11).

    reference (N,) eV and energies (M, N) eV of structures that no member was trained on; independent: how
    many of them count as independent (default: all). Raises NotCalibrated for M < 4, for fewer than two
    structures, energies that are not finite, a structure on which all members agree (s² = 0), and for
    α² ≤ 0; ValueError for shapes that do not match.
    """
    if energies.ndim != 2 or energies.shape[1:] != reference.shape:
        raise ValueError(f"expected reference (N,), energies (M, N), got {reference.shape}, {energies.shape}")
    members, structures = energies.shape
    _refuse(reference, energies)
    spread = energies.var(axis=0, ddof=1)
    if not (spread > 0).all():
        amount = int((spread <= 0).sum())
        raise NotCalibrated(
            "no spread",
            f"on {amount} of {structures} structures all {members} members give the same energy, s² = 0: "
            "members must differ in their training set or seed",
        )
    error = reference - energies.mean(axis=0)
    terms = error**2 / spread
    squared = _alpha_squared(float(terms.mean()), members)
    if squared <= 0:
        raise NotCalibrated(
            "negative",
            f"α² = {squared:.3g} is not positive: on {structures} structures the committee's errors are so "
            f"small beside its spread that Eq. S11 gives no scale: {_remedy(energies)}",
        )
    alpha, independent = math.sqrt(squared), float(structures if independent is None else independent)
    return Calibration(
        alpha, members, structures, independent, interval(float(terms.mean()), members, independent),
        _largest(terms), _coverage(np.abs(error) / (alpha * np.sqrt(spread))),
        withheld(members, independent),
    )  # fmt: skip


def _refuse(reference: Floats, energies: Floats) -> None:
    members, structures = energies.shape
    if members < FEWEST_MEMBERS:
        raise NotCalibrated(
            "too few members",
            f"M = {members}: with M ≤ 3 Eq. S11 can never be positive; train at least {FEWEST_MEMBERS} "
            f"members, {BAND_MEMBERS} for a calibrated band",
        )
    if structures < 2:
        raise NotCalibrated("too few structures", f"{structures} structures: at least 2 are needed")
    if not np.isfinite(reference).all() or not np.isfinite(energies).all():
        raise NotCalibrated("not finite", "an energy is not a finite number: see the errors of each member")


def _remedy(energies: Floats) -> str:
    """Next step where the spread of members' energies (M, N) eV is too large: one of them, or structures."""
    parts = np.square(energies - energies.mean(axis=0)).sum(axis=1)
    share, member = float(parts.max() / parts.sum()), int(parts.argmax())
    if share <= MOST_OF_SPREAD:
        return "use more structures"
    return f"member {member} alone makes {100 * share:.0f} % of the spread: look at its errors, train longer"


def _alpha_squared(mean: float, members: int) -> float:
    return -1 / members + (members - 3) / (members - 1) * mean


def interval(mean: float, members: int, independent: float) -> tuple[float, float]:
    """95 % interval of α from `mean`, the average of (E_ref - Ē)²/s² over structures; α² below 0 counts as 0.

    Parametric simulation of the model behind Eq. S11: on one structure all M members share an error α·s·ξ
    and scatter about it by s·η_i, ξ and η_i standard normal. Then (E_ref - Ē)²/s² is (α² + 1/M) times a
    number of Fisher's F distribution with 1 and M - 1 degrees of freedom, whatever α and s are, so the
    quantiles of an average of such numbers over the independent structures bound α² + 1/M.
    """
    low, high = _average_quantiles(members, max(1, math.floor(independent)))
    bounds = (mean / high - 1 / members, mean / low - 1 / members)
    return math.sqrt(max(0.0, bounds[0])), math.sqrt(max(0.0, bounds[1]))


@cache
def _average_quantiles(members: int, structures: int) -> tuple[float, float]:
    """Quantiles 2.5 % and 97.5 % of the average of `structures` numbers F(1, M-1), by simulation.

    Fewer structures get more simulations.
    """
    simulations = min(MOST_SIMULATIONS, max(FEWEST_SIMULATIONS, NUMBERS // structures))
    random = np.random.default_rng([members, structures])
    averages = [random.f(1, members - 1, structures).mean() for _ in range(simulations)]
    low, high = np.quantile(averages, QUANTILES)
    return float(low), float(high)


def withheld(members: int, independent: float) -> str | None:
    """Reason against scaling a band with α, in words; None where α may be used.

    For M ≤ 5 the estimate of α² has no finite variance.
    """
    reasons = []
    if members < BAND_MEMBERS:
        reasons.append(f"M = {members} members, at least {BAND_MEMBERS} are needed")
    if independent < BAND_FRAMES:
        reasons.append(f"{independent:.3g} independent validation frames, at least {BAND_FRAMES} are needed")
    return "; ".join(reasons) or None


def student_factor(members: int) -> float:
    """Factor on σ of M members where there is no α: Student's t of M - 1 degrees of freedom.

    At the level of one standard deviation, 84.1 %. NaN for one member.
    """
    from scipy.special import ndtr, stdtrit  # here, because calibration does without

    return float(stdtrit(members - 1, ndtr(1.0))) if members > 1 else math.nan


def _largest(terms: Floats) -> float:
    amount = math.ceil(0.01 * len(terms))
    return float(np.sort(terms)[-amount:].sum() / terms.sum())


def _coverage(scaled: Floats) -> Floats:
    inside = [float((scaled <= k).mean()) for k in COVERAGE_STEPS]
    expected = [math.erf(k / math.sqrt(2)) for k in COVERAGE_STEPS]
    return np.column_stack([COVERAGE_STEPS, inside, expected])


def band_factor(alpha: float | None, members: int) -> float:
    """Factor on σ of M members in a training band: α, or Student's factor where there is none."""
    return student_factor(members) if alpha is None else alpha


def without_offsets(reference: Floats, energies: Floats, strata: Ints) -> tuple[Floats, Floats]:
    """Reference (N',) and energies (M, N') eV with each member's mean error per composition removed.

    strata (N,): composition of each structure, counted from 0. Compositions of one structure, whose error
    would become zero, are left out.
    """
    counts = np.bincount(strata, minlength=1)
    drawn = np.flatnonzero(counts[strata] > 1)
    shift = mean_errors(reference, energies, strata)[:, strata]
    return reference[drawn], (energies - shift)[:, drawn]


def mean_errors(reference: Floats, energies: Floats, strata: Ints) -> Floats:
    """Mean of E_i - E_ref over each composition, (M, C) eV."""
    counts = np.maximum(np.bincount(strata, minlength=1), 1)
    return np.array([np.bincount(strata, row - reference, minlength=1) / counts for row in energies])


def unequal_zeros(reference: Floats, energies: Floats, strata: Ints) -> list[tuple[int, int, float]]:
    """Large constant errors of energies as (member, composition, mean error in eV).

    Such an error exceeds three times the rms of the member's errors about it; the raw α then measures it.
    Compositions of one structure cannot show it.
    """
    offsets = mean_errors(reference, energies, strata)
    rest = energies - reference - offsets[:, strata]
    counts = np.bincount(strata, minlength=1)
    rms = np.sqrt([np.bincount(strata, row**2, minlength=1) / np.maximum(counts, 1) for row in rest])
    outliers = np.argwhere((np.abs(offsets) > 3 * rms) & (counts > 1))
    return [(int(member), int(place), float(offsets[member, place])) for member, place in outliers]
