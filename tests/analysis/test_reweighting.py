"""The exact properties of CEA and direct reweighting, and a system whose answer is known."""

import numpy as np
import pytest
from ase.units import kB

from mlipbench_hpc.analysis.resampling import Weights, reweighted
from mlipbench_hpc.analysis.reweighting import direct_weights, quality, reduced

KT = kB * 300


def cea(counts: np.ndarray, energies: np.ndarray, driver: np.ndarray) -> np.ndarray:
    weights = Weights.of(len(counts), 1, np.arange(len(counts)), reduced(energies, driver, 300.0))
    return reweighted(weights, weights.sums([{"n": counts}])["n"]).cea


@pytest.fixture
def sampled() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts (T, B) that add up to 12 in every frame, member energies (M, T) and the driver's (T,) eV."""
    noise = np.random.default_rng(0)
    counts = noise.multinomial(12, np.full(8, 1 / 8), size=500).astype(float)
    driver = noise.normal(scale=0.3, size=500) - 1000.0
    return counts, driver + 0.02 * noise.normal(size=(5, 500)), driver


def test_by_hand() -> None:
    """Two frames, n = 1 and 3, h = 0 and 2: <n h> - <n><h> = 3 - 2 = 1, so <n>_i = 2 - 1."""
    counts, driver = np.array([[1.0], [3.0]]), np.zeros(2)
    assert cea(counts, np.array([[0.0, 2 * KT]]), driver) == pytest.approx(1.0)
    weights = direct_weights(np.array([[0.0, 2.0]]))
    assert weights @ counts == pytest.approx((1 + 3 * np.exp(-2)) / (1 + np.exp(-2)))


def test_cea_conserves_the_sum_over_bins(sampled: tuple[np.ndarray, ...]) -> None:
    np.testing.assert_allclose(cea(*sampled).sum(axis=1), 12, rtol=1e-12)


def test_cea_does_not_feel_constants(sampled: tuple[np.ndarray, ...]) -> None:
    counts, energies, driver = sampled
    shifted = cea(counts, energies + np.array([[0.0], [100.0], [-3.0], [1e4], [7.0]]), driver)
    np.testing.assert_allclose(shifted, cea(*sampled), atol=1e-9)


def test_the_driver_is_unchanged_to_the_bit(sampled: tuple[np.ndarray, ...]) -> None:
    counts, _, driver = sampled
    np.testing.assert_array_equal(cea(counts, driver[None], driver)[0], counts.mean(axis=0))
    np.testing.assert_allclose(
        direct_weights(reduced(driver[None], driver, 300.0)) @ counts, [counts.mean(axis=0)], rtol=1e-12
    )


def test_cea_is_linear_so_alpha_before_is_alpha_after(sampled: tuple[np.ndarray, ...]) -> None:
    """Rescaling E_i → E* + α(E_i - E*) before CEA scales every change, hence σ, by α afterwards."""
    counts, energies, driver = sampled
    alpha = 2.7
    before = cea(counts, driver + alpha * (energies - driver), driver)
    after = counts.mean(axis=0) + alpha * (cea(*sampled) - counts.mean(axis=0))
    np.testing.assert_allclose(before, after, rtol=1e-10)
    np.testing.assert_allclose(before.std(axis=0, ddof=1), alpha * cea(*sampled).std(axis=0, ddof=1))


def test_direct_weights_survive_a_large_offset(sampled: tuple[np.ndarray, ...]) -> None:
    counts, energies, driver = sampled
    h = (energies + 100.0 - driver) / KT
    result = direct_weights(h) @ counts
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, direct_weights(reduced(energies, driver, 300.0)) @ counts, rtol=1e-9)
    np.testing.assert_allclose(direct_weights(np.array([[-800.0, 800.0]])), [[1.0, 0.0]])


def test_a_shifted_oscillator_has_its_mean_where_it_belongs() -> None:
    """x of a spring about 0, reweighted to one about d: direct gives d, and so does CEA to first order."""
    k, shift, kt = 1.0, 0.05, KT
    x = np.random.default_rng(1).normal(scale=np.sqrt(kt / k), size=400_000)
    driver, other = k * x**2 / 2, k * (x - shift) ** 2 / 2
    h = reduced(other[None], driver, 300.0)
    error = 4 * np.sqrt(kt / k / len(x))
    assert direct_weights(h) @ x == pytest.approx(shift, abs=error)
    assert cea(x[:, None], other[None], driver) == pytest.approx(shift, abs=error)


def test_effective_sample_size_by_hand_and_for_the_driver() -> None:
    h = np.array([0.0, np.log(3.0)])  # weights 3/4 and 1/4
    assert quality(h).effective == pytest.approx(1 / (9 / 16 + 1 / 16))
    result = quality(np.zeros(400))
    assert (result.std_h, result.inefficiency) == (0.0, 1.0)
    assert result.effective == pytest.approx(400)
    assert result.verdict == "trust"


@pytest.mark.parametrize(
    ("std", "frames", "verdict"),
    [
        (0.5, 1000, "trust"),
        (0.5, 60, "caution"),
        (0.5, 30, "run longer"),
        (1.5, 5000, "caution"),
        (2.5, 5000, "run it directly"),
        (2.5, 10, "run it directly"),
    ],
)
def test_verdicts(std: float, frames: int, verdict: str) -> None:
    h = np.random.default_rng(2).permutation(np.linspace(-1, 1, frames))
    result = quality(std * h / h.std(ddof=1))
    assert result.std_h == pytest.approx(std)
    assert result.verdict == verdict


def test_correlated_frames_count_less() -> None:
    h = np.repeat(np.random.default_rng(3).normal(scale=0.5, size=120), 10)
    result = quality(h)
    assert result.inefficiency == pytest.approx(10, rel=0.35)
    assert result.effective > 800
    assert result.independent < 130
