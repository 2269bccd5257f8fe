"""The first peak by a fit: of a Gaussian, at any width of bins, and its error over blocks."""

import numpy as np
import pytest
from scipy.stats import norm

from mlipbench_hpc.analysis import peaks
from mlipbench_hpc.analysis.blocks import jackknife


def bins(width: float) -> np.ndarray:
    """Edges of bins up to 12 Å."""
    return np.arange(0, 12 + width / 2, width)


def profiles(density: np.ndarray) -> np.ndarray:
    return np.stack([density, -0.1 * density])


def layered(edges: np.ndarray) -> np.ndarray:
    """Averages over bins of a Gaussian at 2.97 Å, width 0.35 Å, height 2.6, below a film from 5.5 Å."""
    first = 2.6 * 0.35 * np.sqrt(2 * np.pi) * np.diff(norm.cdf(edges, 2.97, 0.35)) / np.diff(edges)
    return first + 1 / (1 + np.exp(-((edges[1:] + edges[:-1]) / 2 - 5.5) / 0.2))


@pytest.mark.parametrize("width", [0.05, 0.1, 0.15, 0.25, 0.3])
def test_the_peak_does_not_depend_on_the_bins(width: float) -> None:
    edges = bins(width)
    z, density = (edges[1:] + edges[:-1]) / 2, layered(edges)
    height, top = peaks.fit(z, density, peaks.centre(z, profiles(density)))
    assert height == pytest.approx(2.97, abs=0.005)
    assert top == pytest.approx(2.6, rel=0.01)


def test_the_error_over_blocks_is_the_scatter_over_runs() -> None:
    """Counts of 10 blocks of 400 molecules in bins of 0.1 Å, 200 times: errors as large as the scatter."""
    random, edges = np.random.default_rng(0), bins(0.1)
    z, result = (edges[1:] + edges[:-1]) / 2, []
    for _ in range(200):
        heights = random.normal(2.97, 0.35, size=(10, 400))
        blocks = np.array([profiles(np.histogram(own, edges)[0] / 40) for own in heights])
        around = peaks.centre(z, blocks.mean(axis=0))
        mean, error = jackknife(blocks, lambda part, place=around: peaks.first_layer(z, part, place))
        result.append([mean[1], error[1], mean[2], error[2]])
    height, height_error, top, top_error = np.array(result).T
    assert np.sqrt(np.mean(height_error**2)) == pytest.approx(height.std(), rel=0.2)
    assert np.sqrt(np.mean(top_error**2)) == pytest.approx(top.std(), rel=0.25)
    assert height.mean() == pytest.approx(2.97, abs=3 * height.std() / 200**0.5 + 0.002)


def test_without_a_first_peak_there_is_none() -> None:
    edges = bins(0.1)
    z = (edges[1:] + edges[:-1]) / 2
    rising = np.maximum(z - 1, 0.0)
    assert np.isnan(peaks.centre(z, profiles(rising)))
    assert np.isnan(peaks.first_layer(z, profiles(rising), np.nan)[1:]).all()
    assert np.isnan(peaks.fit(z, np.zeros_like(z), 3.0)).all()
