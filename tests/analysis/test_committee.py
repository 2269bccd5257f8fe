"""α by hand (Eq. S11), by sampling where the truth is known, and every refusal."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.committee import NotCalibrated, calibrate, unequal_zeros, without_offsets

MEMBERS = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 3.0], [5.0, 3.0]])


def test_by_hand() -> None:
    """M = 4. Structure 1: Ē = 2, s² = 14/3, error 4; structure 2: Ē = 2, s² = 4/3, error 2."""
    found = calibrate(np.array([6.0, 4.0]), MEMBERS)
    mean = (16 / (14 / 3) + 4 / (4 / 3)) / 2
    assert found.alpha**2 == pytest.approx(-1 / 4 + 1 / 3 * mean)
    assert (found.members, found.structures) == (4, 2)
    # one structure is the largest 1 %
    assert found.share_of_largest == pytest.approx((24 / 7) / (24 / 7 + 3))
    assert "M = 4" in found.warnings[0]
    # errors over α s: 4/(√(14/3) α) = 2.03 and 2/(√(4/3) α) = 1.90
    inside = {k: share for k, share, _ in found.coverage}
    scaled = np.array([4 / np.sqrt(14 / 3), 2 / np.sqrt(4 / 3)]) / found.alpha
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
    found = calibrate(*committee(8, 100_000, scale))
    assert found.alpha == pytest.approx(scale, rel=0.03)
    assert found.interval[0] < found.alpha < found.interval[1]
    assert found.interval[1] / found.interval[0] < 1.1
    assert found.warnings == ()


def test_coverage_of_a_large_committee_is_gaussian() -> None:
    coverage = calibrate(*committee(200, 20_000, 1.0)).coverage
    np.testing.assert_allclose(coverage[:, 1], coverage[:, 2], atol=0.015)
    assert coverage[4, 0] == 1.0
    assert coverage[4, 2] == pytest.approx(0.6827, abs=1e-4)


def test_bootstrap_is_reproducible() -> None:
    given = committee(6, 40, 1.0)
    assert calibrate(*given).interval == calibrate(*given).interval


@pytest.mark.parametrize(
    ("reference", "energies", "name", "words"),
    [
        (np.zeros(2), MEMBERS[:3], "too few members", "M = 3"),
        (np.zeros(1), MEMBERS[:, :1], "too few structures", "1 structures"),
        (np.zeros(2), np.ones((4, 2)), "no spread", "on 2 of 2 structures all 4 members"),
        (np.full(2, 2.0), MEMBERS, "negative", r"α² = -0\.25 is not positive"),
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
    kept_reference, kept = without_offsets(reference, energies, np.array([0, 0, 0, 1, 2, 2, 2]))
    assert kept_reference.tolist() == reference[[0, 1, 2, 4, 5, 6]].tolist()
    assert kept.shape == (5, 6)
    np.testing.assert_allclose((kept - kept_reference)[:, :3].mean(axis=1), 0, atol=1e-12)


def test_unequal_zeros_are_named() -> None:
    reference, energies = committee(5, 40, 1.0)
    strata = np.repeat([0, 1], 20)
    assert unequal_zeros(reference, energies, strata) == []
    energies[2, 20:] += 50.0
    ((member, place, off),) = unequal_zeros(reference, energies, strata)
    assert (member, place) == (2, 1)
    assert off == pytest.approx(50, abs=2)
