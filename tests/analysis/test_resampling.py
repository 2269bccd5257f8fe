"""Sums over blocks give the exact formulas, and the bootstrap the known error of correlated series."""

import numpy as np
import pytest
from ase.units import kB

from mlipbench_hpc.analysis import advice
from mlipbench_hpc.analysis.blocks import block_average
from mlipbench_hpc.analysis.profiles import pieces
from mlipbench_hpc.analysis.resampling import Weights, bootstrap, combined, reweighted
from mlipbench_hpc.analysis.reweighting import Quality, direct_weights, reduced
from mlipbench_hpc.analysis.spread import Spread

KT = kB * 300
FRAMES, BINS, MEMBERS = 240, 6, 4


@pytest.fixture
def sampled() -> tuple[np.ndarray, np.ndarray]:
    """Counts (T, B) that add up to 12 in every frame, and h (M, T), the driver's first."""
    noise = np.random.default_rng(0)
    counts = noise.multinomial(12, np.full(BINS, 1 / BINS), size=FRAMES).astype(float)
    h = 0.5 * noise.normal(size=(MEMBERS, FRAMES)) + 0.1 * counts[:, 0]
    h[0] = 0
    return counts, h


def cea_corrections(h: np.ndarray) -> np.ndarray:
    """(M, T) weights of -[<n h> - <n><h>], Eq. S10 as it is written."""
    return -(h - h.mean(axis=1, keepdims=True)) / h.shape[1]


def weigh(h: np.ndarray, blocks: int = 8) -> Weights:
    return Weights.of(h.shape[1], blocks, np.arange(h.shape[1]), h)


def sums(weights: Weights, counts: np.ndarray, size: int = 1000) -> np.ndarray:
    return weights.sums({"n": counts[part]} for part in pieces(len(counts), size))["n"]


def test_all_blocks_once_are_the_plain_formulas(sampled: tuple[np.ndarray, np.ndarray]) -> None:
    counts, h = sampled
    result = reweighted(weigh(h), sums(weigh(h), counts))
    np.testing.assert_allclose(result.driving, counts.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.cea, counts.mean(axis=0) + cea_corrections(h) @ counts, rtol=1e-11)
    np.testing.assert_allclose(result.direct, direct_weights(h) @ counts, rtol=1e-11)
    np.testing.assert_allclose(result.sigma, result.cea.std(axis=0, ddof=1))


def test_by_hand_with_blocks_taken_twice_or_not() -> None:
    """Frames n = 1, 3, h = ±1 in two blocks. The second block twice: n = 3, h = 1, no correction left."""
    weights = weigh(np.array([[-1.0, 1.0]]), blocks=2)
    part = sums(weights, np.array([[1.0], [3.0]]))
    twice = reweighted(weights, part, np.array([[0.0, 2.0], [1.0, 1.0]]))
    assert twice.driving.tolist() == [[3.0], [2.0]]
    assert twice.cea[:, 0, 0] == pytest.approx([3.0, 2.0 - 1.0])
    e = np.exp(-2.0)
    assert twice.direct[:, 0, 0] == pytest.approx([3.0, (1 + 3 * e) / (1 + e)])


def test_exact_properties_hold_in_every_draw(sampled: tuple[np.ndarray, np.ndarray]) -> None:
    """Σ_b conserved, offsets cancel to 1e-9, the driver unchanged to the bit, changes linear in α."""
    counts, h = sampled
    draws = np.random.default_rng(1).multinomial(8, np.full(8, 1 / 8), 20).astype(float)
    result = reweighted(weigh(h), sums(weigh(h), counts), draws)
    np.testing.assert_allclose(result.cea.sum(axis=-1), 12.0, rtol=1e-12)
    np.testing.assert_array_equal(result.cea[:, 0], result.driving)
    moved = weigh(h + np.array([[0.0], [100 / KT], [-1e4], [7.0]]))
    np.testing.assert_allclose(reweighted(moved, sums(moved, counts), draws).cea, result.cea, atol=1e-9)
    scaled = weigh(3.5 * h)
    changes = reweighted(scaled, sums(scaled, counts), draws).cea - result.driving[:, None]
    np.testing.assert_allclose(changes, 3.5 * (result.cea - result.driving[:, None]), atol=1e-11)


def test_a_hundred_ev_of_offset_is_no_nan(sampled: tuple[np.ndarray, np.ndarray]) -> None:
    counts, h = sampled
    energies = KT * h
    far = weigh((energies + 100.0) / KT)
    error = bootstrap(far, sums(far, counts))
    near = weigh(reduced(energies, np.zeros(FRAMES), 300.0))
    np.testing.assert_allclose(
        reweighted(far, sums(far, counts)).direct, reweighted(near, sums(near, counts)).direct, rtol=1e-9
    )
    assert np.isfinite(error.direct).all()
    assert np.isfinite(error.cea).all()


def test_negative_values_stand() -> None:
    """n = 0, 0, 0, 4 with h = 0, 0, 0, 4: <n h> - <n><h> = 4 - 1 = 3, so CEA is 1 - 3 = -2."""
    weights = weigh(np.array([[0.0, 0.0, 0.0, 4.0]]), blocks=2)
    assert reweighted(weights, sums(weights, np.array([[0.0], [0.0], [0.0], [4.0]]))).cea[0, 0] == -2.0


def test_pieces_do_not_matter_and_the_remainder_is_left_out(sampled: tuple[np.ndarray, np.ndarray]) -> None:
    counts, h = sampled
    weights = weigh(h[:, :-5], blocks=7)  # 235 frames: 7 x 33 and 4 left over
    whole = sums(weights, counts[:-5])
    for size in (1, 7, 50):
        np.testing.assert_allclose(sums(weights, counts[:-5], size), whole, rtol=1e-12)
    np.testing.assert_allclose(reweighted(weights, whole).driving, counts[:231].mean(axis=0))


def test_frames_without_energies_count_for_the_driver_alone(
    sampled: tuple[np.ndarray, np.ndarray],
) -> None:
    counts, h = sampled
    carried = np.arange(0, FRAMES, 3)
    weights = Weights.of(FRAMES, 8, carried, h[:, carried])
    result = reweighted(weights, sums(weights, counts))
    np.testing.assert_allclose(result.driving, counts.mean(axis=0))
    expected = counts.mean(axis=0) + cea_corrections(h[:, carried]) @ counts[carried]
    np.testing.assert_allclose(result.cea, expected, rtol=1e-11)


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fill 8 blocks"):
        Weights.of(7, 8, np.arange(7), np.zeros((2, 7)))
    one = weigh(np.zeros((2, 7)), blocks=1)
    with pytest.raises(ValueError, match="at least 2 blocks"):
        bootstrap(one, sums(one, np.ones((7, 1))))


def series(phi: float, frames: int, noise: np.random.Generator, amount: int) -> np.ndarray:
    """(amount, frames) of x_t = φ x_{t-1} + ε_t, variance 1, stationary from the start."""
    x = np.empty((amount, frames))
    x[:, 0] = noise.normal(size=amount)
    for t in range(1, frames):
        x[:, t] = phi * x[:, t - 1] + np.sqrt(1 - phi**2) * noise.normal(size=amount)
    return x


def test_the_error_of_a_correlated_average_is_the_known_one() -> None:
    """AR(1), φ = 0.9: Var of the mean is (1 + φ)/(1 - φ)/T = 19/T to leading order."""
    frames, phi = 20_000, 0.9
    x = series(phi, frames, np.random.default_rng(2), 40).T
    weights = weigh(np.zeros((1, frames)), blocks=40)
    error = bootstrap(weights, sums(weights, x), draws=400)
    known = np.sqrt((1 + phi) / (1 - phi) / frames)
    assert np.sqrt(np.mean(error.driving**2)) == pytest.approx(known, rel=0.06)
    np.testing.assert_allclose(error.driving, block_average(x, 40).standard_error, rtol=0.12)


def test_the_error_of_a_reweighted_average_is_that_of_many_runs() -> None:
    """n and h follow one AR(1) process; the spread of CEA over 300 runs is what one run's bootstrap says."""
    frames, noise = 2000, np.random.default_rng(3)
    result, errors, covered = [], [], []
    for x in series(0.8, frames, noise, 300):
        n, h = (x + noise.normal(size=frames))[:, None], 0.5 * x[None]
        weights = weigh(h, blocks=20)
        part = sums(weights, n)
        error = bootstrap(weights, part, draws=100)
        result.append(reweighted(weights, part).cea[0, 0])
        errors.append(error.cea[0, 0])
        covered.append(error.interval[0, 0, 0] <= -0.5 <= error.interval[1, 0, 0])
    assert np.mean(result) == pytest.approx(-0.5, abs=4 * np.std(result) / np.sqrt(300) + 0.01)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(result), rel=0.12)
    assert 0.85 < np.mean(covered) < 0.98


def test_draws_are_seeded(sampled: tuple[np.ndarray, np.ndarray]) -> None:
    counts, h = sampled
    part = sums(weigh(h), counts)
    np.testing.assert_array_equal(bootstrap(weigh(h), part).cea, bootstrap(weigh(h), part).cea)
    assert (bootstrap(weigh(h), part, seed=1).cea != bootstrap(weigh(h), part).cea).any()


def test_both_errors_add_in_squares() -> None:
    assert combined(np.array([3.0, 1.0]), np.array([4.0, np.nan])).tolist() == pytest.approx(
        [5.0, np.nan], nan_ok=True
    )


def test_advice_names_the_farthest_member_that_is_not_trusted() -> None:
    good, fair, bad = Quality(0.5, 900, 2), Quality(1.5, 300, 2), Quality(2.5, 20, 2)
    assert advice.next_member({1: good}) is None
    assert advice.next_member({1: good, 2: fair}) == 2
    assert advice.next_member({1: bad, 2: fair, 3: Quality(2.2, 20, 2)}) == 1
    assert "none has to be run" in advice.about_members({1: good})
    assert advice.about_members({1: bad}).startswith("Run member 1 directly next: std(h) = 2.5 kT")


def test_advice_on_length_by_hand() -> None:
    """2·SE = 0.2 at most; for 0.05 it takes 4² = 16 times the 1000 frames: 15000 more, 0.15 ns at 10 fs."""
    error = np.array([0.1, 0.02, np.nan])
    assert advice.frames_needed(1000, error, 0.05) == 16_000
    assert "takes at least 15000 more frames, 0.15 ns (16 times" in advice.about_length(
        "ρ", 1000, error, 0.05, 0.01
    )
    assert advice.about_length("ρ", 1000, error, 0.2, None).endswith("within the tolerance of 0.2.")
    assert advice.frames_needed(1000, np.array([np.nan]), 0.05) is None


def kinds(sampling: float, sigma: float, error: float, std_h: float = 0.5, frames: float = 900) -> str | None:
    """Advice on 2·SE `sampling` and a band of 2 σ; error: standard error of σ²."""
    members = Spread(np.array(sigma**2 + 0.01), np.array(0.01), np.array(error), blocks=11)
    return advice.about_kinds("ρ", np.array([sampling]), members, 2.0, {1: Quality(std_h, frames, 2)})


def test_advice_on_the_larger_error() -> None:
    """Limits of the band: 2 √(σ² ± 2.228 · error)."""
    training = str(kinds(0.1, 0.1, 0.001))
    assert "training band 0.2, 95 % interval 0.176 to 0.221" in training
    assert "more MD narrows the sum of both little: train on more frames" in training
    assert "sampling dominates, so more MD narrows the sum of both" in str(kinds(0.3, 0.1, 0.001))
    assert kinds(np.nan, 0.1, 0.001) is None
    assert kinds(0.1, 0.1, np.nan) is None


def test_advice_on_a_band_that_is_not_resolved_or_not_reached() -> None:
    assert "which error is the larger is unresolved, so more MD first" in str(kinds(0.1, 0.1, 0.02))
    for words in (kinds(0.1, 0.1, 0.001, std_h=2.5), kinds(0.1, 0.1, 0.001, frames=59)):
        assert "which error is the larger is not known" in str(words)
        assert "0.2" not in str(words)


def test_advice_on_too_few_independent_frames() -> None:
    assert "15 independent effective frames, and a band needs at least 30" in advice.about_members(
        {1: Quality(0.5, 30, 2)}
    )
