"""Block errors against hand-worked numbers and the theory of correlated series."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.blocks import block_average, jackknife


def test_hand_worked() -> None:
    # blocks of two: means 1.5, 3.5, 8; mean 13/3; the seventh sample is dropped
    result = block_average(np.array([1.0, 2.0, 3.0, 4.0, 7.0, 9.0, 1000.0]), blocks=3)
    assert result.mean == pytest.approx(13 / 3)
    deviations = [1.5 - 13 / 3, 3.5 - 13 / 3, 8 - 13 / 3]
    assert result.standard_error == pytest.approx((sum(d * d for d in deviations) / 2 / 3) ** 0.5)
    assert (result.blocks, result.block_length, result.dropped, result.reason) == (3, 2, 1, None)


def test_too_few_samples_say_so() -> None:
    result = block_average(np.arange(9.0))
    assert result.mean == 4.0
    assert np.isnan(result.standard_error)
    assert result.reason is not None
    assert "9 samples do not fill 10 blocks" in result.reason
    assert np.isnan(block_average(np.zeros(0)).mean)


def test_columns_are_averaged_apart() -> None:
    series = np.random.default_rng(0).normal(size=(1003, 4)) + np.arange(4)
    result = block_average(series)
    assert result.mean.shape == result.standard_error.shape == (4,)
    assert result.dropped == 3
    alone = block_average(series[:, 2])
    np.testing.assert_allclose([result.mean[2], result.standard_error[2]], [alone.mean, alone.standard_error])


def test_error_of_a_correlated_series() -> None:
    """AR(1) with coefficient a: the mean's variance is (1 + a)/(1 - a) times that of white noise."""
    generator, a, length = np.random.default_rng(1), 0.8, 20_000
    errors = []
    for _ in range(20):
        noise, series = generator.normal(size=length), np.zeros(length)
        for t in range(1, length):
            series[t] = a * series[t - 1] + noise[t]
        errors.append(float(block_average(series).standard_error))
    expected = np.sqrt((1 / (1 - a * a)) * (1 + a) / (1 - a) / length)
    assert np.mean(errors) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(("samples", "blocks"), [(np.float64(3.0), 10), (np.zeros(5), 1)])
def test_refusals(samples: np.ndarray, blocks: int) -> None:
    with pytest.raises(ValueError, match="at least 2 blocks"):
        block_average(samples, blocks)


def test_jackknife_of_a_mean_is_the_block_error() -> None:
    blocks = np.random.default_rng(2).normal(size=(10, 3))
    value, error = jackknife(blocks, lambda average: average)
    np.testing.assert_allclose(value, blocks.mean(axis=0))
    np.testing.assert_allclose(error, blocks.std(axis=0, ddof=1) / 10**0.5)


def test_jackknife_of_a_ratio_by_hand() -> None:
    # blocks (1, 2), (3, 2), (2, 5): 6/9; without each: 5/7, 3/7, 4/4
    value, error = jackknife(np.array([[1.0, 2], [3, 2], [2, 5]]), lambda pair: pair[0] / pair[1])
    left = np.array([5 / 7, 3 / 7, 1.0])
    assert value == pytest.approx(6 / 9)
    assert error == pytest.approx(np.sqrt(2 / 3 * ((left - left.mean()) ** 2).sum()))
