"""How far a committee's spread can be trusted: the calibration factor α (arXiv:2602.22931, Eq. S11)."""

import math
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats, Ints

FEWEST_MEMBERS = 4
FEW_MEMBERS = 5
RESAMPLES = 1000
COVERAGE_STEPS = np.arange(0, 17) / 4


class NotCalibrated(ValueError):
    """α cannot be given; `name` says which rule refuses, the message why and what to do."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class Calibration:
    """α with what is needed to judge it.

    interval: 95 % bootstrap interval over structures. share_of_largest: part of the sum that the largest 1 %
    of structures carry (at least one structure). coverage: (K, 3) rows of k, the share of |error| ≤ k·α·s,
    and the share expected of a normal distribution. warnings: sentences.
    """

    alpha: float
    members: int
    structures: int
    interval: tuple[float, float]
    share_of_largest: float
    coverage: Floats
    warnings: tuple[str, ...]


def calibrate(reference: Floats, energies: Floats, seed: int = 0) -> Calibration:
    """α² = -1/M + (M-3)/(M-1) · <(E_ref - Ē)²/s²>, s² the members' variance with ddof = 1 (Eq. S11).

    reference (N,) eV and energies (M, N) eV of structures that no member was trained on. Raises NotCalibrated
    for M < 4, for fewer than two structures, energies that are not finite, a structure on which all members
    agree (s² = 0), and for α² ≤ 0; ValueError for shapes that do not match.
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
            "small beside its spread that Eq. S11 gives no scale; use σ unscaled, or more structures",
        )
    alpha = math.sqrt(squared)
    return Calibration(
        alpha, members, structures, _interval(terms, members, seed), _largest(terms),
        _coverage(np.abs(error) / (alpha * np.sqrt(spread))), _warnings(members),
    )  # fmt: skip


def _refuse(reference: Floats, energies: Floats) -> None:
    members, structures = energies.shape
    if members < FEWEST_MEMBERS:
        raise NotCalibrated(
            "too few members",
            f"M = {members}: with M ≤ 3 Eq. S11 can never be positive; train at least {FEWEST_MEMBERS} "
            "members, better 6",
        )
    if structures < 2:
        raise NotCalibrated("too few structures", f"{structures} structures: at least 2 are needed")
    if not np.isfinite(reference).all() or not np.isfinite(energies).all():
        raise NotCalibrated("not finite", "an energy is not a finite number: see the errors of each member")


def _alpha_squared(mean: float, members: int) -> float:
    return -1 / members + (members - 3) / (members - 1) * mean


def _interval(terms: Floats, members: int, seed: int) -> tuple[float, float]:
    """2.5 % and 97.5 % of α over structures drawn again with replacement; α² below 0 counts as 0."""
    draws = np.random.default_rng(seed)
    means = [terms[draws.integers(len(terms), size=len(terms))].mean() for _ in range(RESAMPLES)]
    low, high = (_alpha_squared(float(mean), members) for mean in np.quantile(means, [0.025, 0.975]))
    return math.sqrt(max(0.0, low)), math.sqrt(max(0.0, high))


def _largest(terms: Floats) -> float:
    amount = math.ceil(0.01 * len(terms))
    return float(np.sort(terms)[-amount:].sum() / terms.sum())


def _coverage(scaled: Floats) -> Floats:
    inside = [float((scaled <= k).mean()) for k in COVERAGE_STEPS]
    expected = [math.erf(k / math.sqrt(2)) for k in COVERAGE_STEPS]
    return np.column_stack([COVERAGE_STEPS, inside, expected])


def _warnings(members: int) -> tuple[str, ...]:
    if members > FEW_MEMBERS:
        return ()
    return (
        f"M = {members}: for M ≤ {FEW_MEMBERS} the estimate of α² has no finite variance; take 6 or more",
    )


def without_offsets(reference: Floats, energies: Floats, strata: Ints) -> tuple[Floats, Floats]:
    """Reference (N',) and energies (M, N') eV with each member's mean error per composition removed.

    strata (N,): composition of each structure, counted from 0. Compositions of one structure say nothing here
    and are left out.
    """
    counts = np.bincount(strata, minlength=1)
    drawn = np.flatnonzero(counts[strata] > 1)
    shift = mean_errors(reference, energies, strata)[:, strata]
    return reference[drawn], (energies - shift)[:, drawn]


def mean_errors(reference: Floats, energies: Floats, strata: Ints) -> Floats:
    """(M, C) eV: mean of E_i - E_ref over each composition."""
    counts = np.maximum(np.bincount(strata, minlength=1), 1)
    return np.array([np.bincount(strata, row - reference, minlength=1) / counts for row in energies])


def unequal_zeros(reference: Floats, energies: Floats, strata: Ints) -> list[tuple[int, int, float]]:
    """(member, composition, mean error in eV) where a constant error is what the raw α measures.

    That is where it exceeds three times the rms of the member's errors about it; compositions of one
    structure cannot tell.
    """
    offsets = mean_errors(reference, energies, strata)
    rest = energies - reference - offsets[:, strata]
    counts = np.bincount(strata, minlength=1)
    rms = np.sqrt([np.bincount(strata, row**2, minlength=1) / np.maximum(counts, 1) for row in rest])
    outliers = np.argwhere((np.abs(offsets) > 3 * rms) & (counts > 1))
    return [(int(member), int(place), float(offsets[member, place])) for member, place in outliers]
