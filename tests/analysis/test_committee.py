"""α by hand (Eq. S11), by sampling where the truth is known, and every refusal."""

import numpy as np
import pytest
from scipy import stats

from mlipbench_hpc.analysis.committee import (
    NotCalibrated,
    band_factor,
    calibrate,
    interval,
    student_factor,
    unequal_zeros,
    withheld,
    without_offsets,
)

MEMBERS = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 3.0], [5.0, 3.0]])


def test_by_hand() -> None:
    """M = 4. Structure 1: Ē = 2, s² = 14/3, error 4; structure 2: Ē = 2, s² = 4/3, error 2."""
    result = calibrate(np.array([6.0, 4.0]), MEMBERS)
    mean = (16 / (14 / 3) + 4 / (4 / 3)) / 2
    assert result.alpha**2 == pytest.approx(-1 / 4 + 1 / 3 * mean)
    assert (result.members, result.structures, result.independent) == (4, 2, 2)
    # one structure is the largest 1 %
    assert result.share_of_largest == pytest.approx((24 / 7) / (24 / 7 + 3))
    assert "M = 4" in str(result.withheld)
    # errors over α s: 4/(√(14/3) α) = 2.03 and 2/(√(4/3) α) = 1.90
    inside = {k: share for k, share, _ in result.coverage}
    scaled = np.array([4 / np.sqrt(14 / 3), 2 / np.sqrt(4 / 3)]) / result.alpha
    assert inside[1.75] == 0.0
    assert scaled.max() < 2.25
    assert inside[2.25] == 1.0


def committee(members: int, structures: int, scale: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth and members that scatter about it by `scale` less than they err: α = scale."""
    noise = np.random.default_rng(seed)
    centre = noise.normal(size=structures)
    spread = noise.uniform(0.5, 2.0, size=structures)
    return centre + scale * spread * noise.normal(size=structures), centre + spread * noise.normal(
        size=(members, structures)
    )


@pytest.mark.parametrize("scale", [0.7, 1.0, 3.0])
def test_it_finds_the_scale_that_was_put_in(scale: float) -> None:
    """(M-3)/(M-1)·<e²/s²> = scale² + 1/M for normal numbers, so α² estimates scale² without bias."""
    result = calibrate(*committee(8, 100_000, scale))
    assert result.alpha == pytest.approx(scale, rel=0.03)
    assert result.interval[0] < result.alpha < result.interval[1]
    assert result.interval[1] / result.interval[0] < 1.1
    assert result.withheld is None


def test_coverage_of_a_large_committee_is_gaussian() -> None:
    coverage = calibrate(*committee(200, 20_000, 1.0)).coverage
    np.testing.assert_allclose(coverage[:, 1], coverage[:, 2], atol=0.015)
    assert coverage[4, 0] == 1.0
    assert coverage[4, 2] == pytest.approx(0.6827, abs=1e-4)


def test_the_interval_of_one_structure_is_that_of_fishers_distribution() -> None:
    """(α² + 1/6)·F(1, 5) = 8: F's 2.5 % and 97.5 % quantiles give the upper and the lower limit."""
    low, high = interval(8.0, 6, 1.0)
    upper = np.sqrt(8.0 / stats.f.ppf(0.025, 1, 5) - 1 / 6)
    lower = np.sqrt(8.0 / stats.f.ppf(0.975, 1, 5) - 1 / 6)
    assert (low, high) == (pytest.approx(lower, rel=0.1), pytest.approx(upper, rel=0.15))


def smooth(noise: np.random.Generator, correlation: float, *shape: int) -> np.ndarray:
    """Standard normal numbers (..., T), an AR(1) process along the last axis."""
    x = noise.normal(size=shape)
    for t in range(1, shape[-1]):
        x[..., t] = correlation * x[..., t - 1] + np.sqrt(1 - correlation**2) * x[..., t]
    return x


@pytest.mark.parametrize("scale", [0.7, 2.0, 5.0])
@pytest.mark.parametrize("members", [6, 8])
def test_the_interval_covers_alpha(members: int, scale: float) -> None:
    """400 campaigns of 60 frames, AR(1) of g = 2.5: members share an error α·s·ξ of each structure, scatter
    by s·η, and are off by constants that are removed. The 95 % interval covers α in at least 90 %.
    """
    noise, frames, campaigns = np.random.default_rng(members), 60, 400
    strata, phi, covered = np.zeros(frames, dtype=np.int64), 3 / 7, 0
    for _ in range(campaigns):
        spread = noise.uniform(0.7, 1.4, size=frames)
        shared = scale * spread * smooth(noise, phi, frames)
        own = spread * smooth(noise, phi, members, frames) + noise.normal(size=(members, 1))
        reference = noise.normal(size=frames)
        energies = reference + shared + own
        low, high = calibrate(*without_offsets(reference, energies, strata), frames / 2.5).interval
        covered += low <= scale <= high
    assert covered / campaigns >= 0.9


def test_without_enough_members_or_frames_no_band_is_calibrated() -> None:
    assert withheld(6, 24.0) is None
    assert "M = 5 members, at least 6" in str(withheld(5, 24.0))
    assert "23.9 independent validation frames, at least 24" in str(withheld(6, 23.9))
    assert len(str(withheld(4, 2.0)).split("; ")) == 2


def test_student_factor_against_scipy_stats() -> None:
    for members in (2, 4, 6, 100):
        assert student_factor(members) == pytest.approx(stats.t.ppf(stats.norm.cdf(1.0), members - 1))
    assert np.isnan(student_factor(1))
    assert (band_factor(2.5, 4), band_factor(None, 4)) == (2.5, student_factor(4))


@pytest.mark.parametrize(
    ("reference", "energies", "name", "words"),
    [
        (np.zeros(2), MEMBERS[:3], "too few members", "M = 3"),
        (np.zeros(1), MEMBERS[:, :1], "too few structures", "1 structures"),
        (np.zeros(2), np.ones((4, 2)), "no spread", "on 2 of 2 structures all 4 members"),
        (np.full(2, 2.0), MEMBERS, "negative", r"α² = -0\.25 is not positive"),
        # Deviations of -2, -2, -2 and 6: 36 of 48.
        (np.full(2, 2.0), np.array([[0.0] * 2] * 3 + [[8.0] * 2]), "negative", "member 3 alone makes 75 %"),
        (np.array([np.nan, 0.0]), MEMBERS, "not finite", "not a finite number"),
    ],
)
def test_refusals(reference: np.ndarray, energies: np.ndarray, name: str, words: str) -> None:
    with pytest.raises(NotCalibrated, match=words) as caught:
        calibrate(reference, energies)
    assert caught.value.name == name


def test_shapes_that_do_not_match() -> None:
    with pytest.raises(ValueError, match=r"got \(3,\), \(4, 2\)"):
        calibrate(np.zeros(3), MEMBERS)


def test_offsets_inflate_the_raw_and_leave_the_centred_alone() -> None:
    reference, energies = committee(6, 60, 1.0)
    strata = np.repeat([0, 1], 30)
    shifts = np.array([[5.0, -3.0]] * 6) + 0.3 * np.arange(6)[:, None]
    plain = calibrate(*without_offsets(reference, energies, strata))
    moved = calibrate(*without_offsets(reference, energies + shifts[:, strata], strata))
    assert moved.alpha == pytest.approx(plain.alpha, rel=1e-9)
    assert calibrate(reference, energies + shifts[:, strata]).alpha > 2 * plain.alpha


def test_a_composition_of_one_structure_is_left_out_of_the_centred() -> None:
    reference, energies = committee(5, 7, 1.0)
    kept_reference, rest = without_offsets(reference, energies, np.array([0, 0, 0, 1, 2, 2, 2]))
    assert kept_reference.tolist() == reference[[0, 1, 2, 4, 5, 6]].tolist()
    assert rest.shape == (5, 6)
    np.testing.assert_allclose((rest - kept_reference)[:, :3].mean(axis=1), 0, atol=1e-12)


def test_unequal_zeros_are_named() -> None:
    reference, energies = committee(5, 40, 1.0)
    strata = np.repeat([0, 1], 20)
    assert unequal_zeros(reference, energies, strata) == []
    energies[2, 20:] += 50.0
    ((member, place, off),) = unequal_zeros(reference, energies, strata)
    assert (member, place) == (2, 1)
    assert off == pytest.approx(50, abs=2)
