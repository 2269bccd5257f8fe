"""The first peak by a fit: of a Gaussian, at any width of bins, and its error over blocks."""

import numpy as np
import pytest
from scipy.stats import norm, skewnorm

from mlipbench_hpc.analysis import peaks
from mlipbench_hpc.analysis.blocks import jackknife


def bins(width: float) -> np.ndarray:
    """Edges of bins up to 12 Å."""
    return np.arange(0, 12 + width / 2, width)


def profiles(density: np.ndarray) -> np.ndarray:
    return np.stack([density, -0.1 * density])


def equal(density: np.ndarray) -> np.ndarray:
    """Ten blocks without any scatter."""
    return np.array([profiles(density)] * 10)


def scattered(density: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Ten blocks (10, 2, B) whose mean and standard error, std(ddof=1)/√10, are these, independent by bin."""
    noise = np.random.default_rng(1).normal(size=(10, len(density)))
    noise -= noise.mean(axis=0)
    noise *= np.sqrt(10) / noise.std(axis=0, ddof=1)
    return np.array([profiles(block) for block in density + errors * noise])


def layered(edges: np.ndarray) -> np.ndarray:
    """Averages over bins of a Gaussian at 2.97 Å, width 0.35 Å, height 2.6, below a film from 5.5 Å."""
    first = 2.6 * 0.35 * np.sqrt(2 * np.pi) * np.diff(norm.cdf(edges, 2.97, 0.35)) / np.diff(edges)
    return first + 1 / (1 + np.exp(-((edges[1:] + edges[:-1]) / 2 - 5.5) / 0.2))


@pytest.mark.parametrize("width", [0.05, 0.1, 0.15, 0.25, 0.3])
def test_the_peak_does_not_depend_on_the_bins(width: float) -> None:
    edges = bins(width)
    z, density = (edges[1:] + edges[:-1]) / 2, layered(edges)
    height, top = peaks.fit(z, density, peaks.centre(z, equal(density)))
    assert height == pytest.approx(2.97, abs=0.005)
    assert top == pytest.approx(2.6, rel=0.01)


def test_the_error_over_blocks_is_the_scatter_over_runs() -> None:
    """Counts of 10 blocks of 400 molecules in bins of 0.1 Å, 200 times: errors as large as the scatter."""
    random, edges = np.random.default_rng(0), bins(0.1)
    z, result = (edges[1:] + edges[:-1]) / 2, []
    for _ in range(200):
        heights = random.normal(2.97, 0.35, size=(10, 400))
        blocks = np.array([profiles(np.histogram(own, edges)[0] / 40) for own in heights])
        around = peaks.centre(z, blocks)
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
    assert np.isnan(peaks.centre(z, equal(rising)))
    assert np.isnan(peaks.first_layer(z, profiles(rising), np.nan)[1:]).all()
    assert np.isnan(peaks.fit(z, np.zeros_like(z), 3.0)).all()


def test_the_bias_of_a_skewed_peak_is_what_the_report_states() -> None:
    """A skew normal of shape 4, width 0.3 Å and height 6, at all places of bins of 0.25 Å."""
    edges, fine = bins(0.25), np.linspace(1.5, 4.5, 6001)
    z, shape = (edges[1:] + edges[:-1]) / 2, skewnorm(4, 2.55, 0.3)
    highest, scale = fine[shape.pdf(fine).argmax()], 6 / shape.pdf(fine).max()
    bias = []
    for shift in np.linspace(0, 0.25, 9):
        density = scale * np.diff(shape.cdf(edges - shift)) / 0.25
        height, top = peaks.fit(z, density, peaks.centre(z, equal(density)))
        bias.append([height - highest - shift, top / 6 - 1])
    far, low = np.array(bias).T
    assert 0.03 < far.min() < far.max() < 0.09
    assert -0.15 < low.min() < low.max() < 0.01


# Profiles of the quickstart: bins of 0.25 Å, densities and standard errors in g/cm³ from 2.125 Å on.
Z = 2.125 + 0.25 * np.arange(15)
BOTH = np.array([0.04, 0.49, 2.12, 2.24, 1.14, 0.18, 0.58, 1.53, 2.50, 0.65, 0.62, 0.56, 0.56, 1.07, 1.04])
BOTH_SE = np.array([0.04, 0.34, 0.44, 0.43, 0.41, 0.11, 0.32, 0.29, 0.52, 0.31, 0.32, 0.20, 0.37, 0.43, 0.42])
FLAT = np.array([0.06, 1.19, 1.82, 1.85, 1.22, 1.20, 1.05, 1.17, 1.33, 1.35, 0.70, 0.55, 0.76, 1.01, 0.10])
FLAT_SE = np.array([0.06, 0.29, 0.65, 0.65, 0.29, 0.19, 0.25, 0.21, 0.33, 0.42, 0.40, 0.21, 0.20, 0.26, 0.05])


def test_the_first_of_two_maxima_is_the_peak_though_the_second_is_higher() -> None:
    """Between them the density falls to 0.18 ± 0.11, by 2.06 ± 0.44 from the first, at 2.8 Å."""
    blocks = scattered(BOTH, BOTH_SE)
    assert peaks.first_maximum(Z, blocks[:, 0]) == (3, [])
    assert peaks.centre(Z, blocks) == pytest.approx(2.79, abs=0.05)
    assert peaks.ambiguity(Z, blocks) == ""


def test_maxima_that_agree_are_ambiguous() -> None:
    """1.85 ± 0.65 at 2.88 Å and 1.35 ± 0.42 at 4.38 Å, and no fall by two errors between them."""
    blocks = scattered(FLAT, FLAT_SE)
    top, others = peaks.first_maximum(Z, blocks[:, 0])
    assert top == 3
    assert 9 in others
    assert np.isnan(peaks.centre(Z, blocks))
    assert "maxima of its density at 2.88 and 4.38" in peaks.ambiguity(Z, blocks)


def test_small_bumps_below_the_peak_do_not_count() -> None:
    """A resolved maximum of 4 % of the peak, and an unresolved one on its flank."""
    density = np.array([0.0, 0.2, 0.0, 1.0, 0.9, 3.0, 5.0, 3.0, 1.0, 0.5, 0.3, 0.2, 0.1, 0.1, 0.1])
    errors = np.where(np.arange(15) < 3, 1e-3, 0.1)
    assert peaks.first_maximum(Z, scattered(density, errors)[:, 0]) == (6, [])


def test_the_density_of_the_fit_may_exceed_every_bin() -> None:
    """A Gaussian of width 0.2 Å and height 7.2 between bins of 0.25 Å: by hand the highest bin has 6.6."""
    edges = bins(0.25)
    z = (edges[1:] + edges[:-1]) / 2
    density = 7.2 * 0.2 * np.sqrt(2 * np.pi) * np.diff(norm.cdf(edges, 2.58, 0.2)) / 0.25
    assert density.max() == pytest.approx(6.59, abs=0.02)
    assert peaks.fit(z, density, peaks.centre(z, equal(density))) == pytest.approx((2.58, 7.2), rel=0.01)
