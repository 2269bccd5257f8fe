"""σ over members without the sampling noise of the trajectory that they share, where the answer is known."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.resampling import Weights, bootstrap
from mlipbench_hpc.analysis.spread import mean_spread, pooled_spread, spread

FRAMES, BLOCKS, MEMBERS, CAMPAIGNS = 400, 10, 6, 200


def correlated(noise: np.random.Generator, rows: int, phi: float = 0.6) -> np.ndarray:
    """Standard normal AR(1) series (rows, T)."""
    x = noise.normal(size=(rows, FRAMES))
    for t in range(1, FRAMES):
        x[:, t] = phi * x[:, t - 1] + np.sqrt(1 - phi**2) * x[:, t]
    return x


def test_noise_by_hand() -> None:
    """Two members, two draws (1, 3) and (3, 1) of two blocks: deviations ∓1, ±1, variance 2 each.

    Noise 2 (blocks) · 2 (members) · 2; s² is 2 in both draws, so it has no error.
    """
    drawn = np.array([[[1.0], [3.0]], [[3.0], [1.0]]])
    result = spread(np.array([[2.0], [6.0]]), drawn, blocks=2)
    assert (result.observed[0], result.noise[0], result.error[0]) == (8.0, 8.0, 0.0)
    assert result.sigma[0] == 0.0


def test_what_all_members_share_is_no_noise() -> None:
    """Draws that move all members together leave σ as it is."""
    members, shift = np.array([[0.0], [1.0], [3.0]]), np.random.default_rng(0).normal(size=(50, 1, 1))
    result = spread(members, members + shift, BLOCKS)
    assert result.noise[0] == pytest.approx(0.0, abs=1e-12)
    assert result.sigma[0] == pytest.approx(members.std(ddof=1))


def test_members_without_a_number_in_some_draws() -> None:
    members = np.array([[0.0], [1.0], [3.0]])
    drawn = np.repeat(members[None], 5, axis=0) + np.arange(5)[:, None, None] * np.array(
        [[0.0], [0.1], [0.3]]
    )
    broken = np.concatenate([drawn, np.full((1, 3, 1), np.nan)])
    np.testing.assert_allclose(spread(members, broken, BLOCKS).noise, spread(members, drawn, BLOCKS).noise)
    assert np.isnan(spread(members, np.full((4, 3, 1), np.nan), BLOCKS).sigma).all()


def test_without_draws_the_error_is_that_of_members_alike() -> None:
    """Var(s²) of M = 5 numbers with noise ν and spread σ², simulated: (2 ν² + 4 ν σ²)/(M - 1)."""
    noise, true = np.random.default_rng(1), np.array([-1.0, -0.5, 0.0, 0.2, 1.3])
    seen = (true + 0.7 * noise.normal(size=(20_000, 5))).var(axis=1, ddof=1)
    variance = true.var(ddof=1) + 0.49
    result = pooled_spread(np.array([variance]), np.array([0.49]), 5, BLOCKS)
    assert result.error[0] == pytest.approx(seen.std(), rel=0.03)
    assert result.sigma[0] == pytest.approx(true.std(ddof=1))


def campaign(noise: np.random.Generator, slopes: np.ndarray, shuffled: bool) -> tuple[Weights, np.ndarray]:
    """n(t) of three bins that go together, h_i = slope_i · n + 0.5 · noise; shuffled: h in random order."""
    x = correlated(noise, 1)[0]
    n = np.stack([x, 0.5 * x, -1.5 * x], axis=1) + 0.3 * noise.normal(size=(FRAMES, 3))
    h = slopes[:, None] * x + 0.5 * correlated(noise, len(slopes))
    h[0] = 0.0
    order = noise.permutation(FRAMES) if shuffled else np.arange(FRAMES)
    weights = Weights.of(FRAMES, BLOCKS, np.arange(FRAMES), h[:, order])
    return weights, weights.sums([{"n": n}])["n"]


def test_h_shuffled_in_time_gives_no_spread() -> None:
    """Null: σ² is consistent with 0 in 200 campaigns, while the observed variance is not."""
    noise, slopes = np.random.default_rng(2), np.linspace(-0.3, 0.3, MEMBERS)
    results = [bootstrap(*campaign(noise, slopes, True)).spread for _ in range(CAMPAIGNS)]
    excess = np.array([result.observed - result.noise for result in results])
    error = excess.std(axis=0, ddof=1) / np.sqrt(CAMPAIGNS)
    observed = np.mean([result.observed for result in results], axis=0)
    assert (np.abs(excess.mean(axis=0)) < 3 * error).all()
    assert (observed / 4 > 3 * error).all(), "a bias of a quarter of the noise would be seen"
    resolved = np.mean([result.limits[0] > 0 for result in results], axis=0)
    assert (resolved <= 0.06).all()


def test_known_spread_is_recovered_and_covered() -> None:
    """CEA shifts bin b of member i by -slope_i · cov(n_b, x): σ_b is known, 95 % limits cover it in 90 %."""
    noise, slopes = np.random.default_rng(3), np.array([0.0, -0.4, 0.1, 0.3, -0.2, 0.5])
    true = slopes.std(ddof=1) * np.array([1.0, 0.5, 1.5])
    results = [bootstrap(*campaign(noise, slopes, False)) for _ in range(CAMPAIGNS)]
    excess = np.array([result.spread.observed - result.spread.noise for result in results])
    error = excess.std(axis=0, ddof=1) / np.sqrt(CAMPAIGNS)
    assert (np.abs(excess.mean(axis=0) - true**2) < 3 * error + 0.02 * true**2).all()
    covered = [(result.spread.limits[0] <= true) & (true <= result.spread.limits[1]) for result in results]
    assert (np.mean(covered, axis=0) >= 0.9).all()
    pooled = np.sqrt(np.mean(true**2))
    together = [result.mean_spread.limits for result in results]
    assert np.mean([low <= pooled <= high for low, high in together]) >= 0.9


def test_bins_that_go_together_are_not_independent() -> None:
    """Ten times the same bin: the averaged variance is as uncertain as that of a single bin."""
    noise = np.random.default_rng(4)
    members, drawn = noise.normal(size=(5, 1)), noise.normal(size=(100, 5, 1))
    one = spread(members, drawn, BLOCKS)
    ten = mean_spread(np.repeat(members, 10, axis=1), np.repeat(drawn, 10, axis=2), BLOCKS)
    assert float(ten.error) == pytest.approx(one.error[0])
    assert float(ten.noise) == pytest.approx(one.noise[0])
