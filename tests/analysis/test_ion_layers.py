"""Layers of ions and their transitions, of heights whose layers are known."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.ion_layers import IonLayers, ion_layers, passes, transitions


def heights_of(*layers: tuple[float, float, int]) -> np.ndarray:
    """Quantiles of Gaussians, (mean, width, number) each: no noise of sampling."""
    from scipy.stats import norm

    return np.concatenate([
        norm.ppf((np.arange(number) + 0.5) / number, mean, width) for mean, width, number in layers
    ])  # fmt: skip


def test_the_border_is_the_minimum_between_both_layers() -> None:
    """Two equal Gaussians at 4.2 and 6.2 Å, which 4.5 Å would cut: the border is at 5.2 Å.

    Smoothed, their width is √(0.2² + 0.25²) = 0.32 Å, so half of the height is at 4.2 + 1.177·0.32.
    """
    layers = ion_layers(heights_of((4.2, 0.25, 4000), (6.2, 0.25, 4000)))
    assert layers is not None
    assert layers.peaks == pytest.approx((4.2, 6.2), abs=0.05)
    assert layers.border == pytest.approx(5.2, abs=0.05)
    half = 1.1774 * np.hypot(0.2, 0.25)
    assert layers.cores == pytest.approx((4.2 + half, 6.2 - half), abs=0.05)


def test_of_three_layers_the_two_highest_count() -> None:
    layers = ion_layers(heights_of((2.6, 0.2, 500), (4.2, 0.2, 4000), (6.4, 0.3, 3000)))
    assert layers is not None
    assert layers.peaks == pytest.approx((4.2, 6.4), abs=0.06)


@pytest.mark.parametrize(
    "heights",
    [
        heights_of((4.2, 0.3, 2000)),
        heights_of((4.2, 0.3, 2000), (4.7, 0.3, 2000)),  # a shoulder
        heights_of((4.2, 0.3, 2000), (6.5, 0.1, 20)),  # an excursion
        np.full((50, 2), 4.2),
        np.array([4.175, 4.225] * 50),  # two equal bins
    ],
)
def test_a_single_layer_has_no_border(heights: np.ndarray) -> None:
    assert ion_layers(heights) is None


def test_a_pass_ends_where_the_other_quarter_begins() -> None:
    """Up to 4 Å and from 6 Å on: there and back are two passes, up to 5.9 Å is none."""
    heights = np.array([
        [4.0, 5.9, 4.1, 3.9, 5.0],
        [3.0, 6.0, 5.0, 6.5, 4.0],
        [5.0, 7.0, 5.0, 5.0, 7.0],
    ]).T  # fmt: skip
    between, both = passes(heights, 4.0, 6.0)
    assert between.tolist() == [0, 2, 0]
    assert both.tolist() == [0, 1, 0]


def test_a_transition_counts_in_the_core_of_the_other_layer() -> None:
    """Across the border and back: none; into the core and back: two; between the cores: its first core."""
    layers = IonLayers((4.0, 6.0), 5.0, (4.5, 5.5))
    heights = np.array([
        [4.0, 5.1, 4.9, 5.4, 4.0],  # never reaches the other core
        [4.0, 5.6, 5.4, 4.6, 4.4],  # does, and comes back
        [4.9, 5.2, 5.6, 5.2, 6.0],  # begins between the cores, on the inner side, and goes out
        [5.2, 5.1, 4.9, 4.8, 4.9],  # reaches none: outer, as in its first frame
    ]).T  # fmt: skip
    visits = layers.visits(heights)
    assert transitions(visits).tolist() == [0, 2, 0, 0]
    assert visits[0].tolist() == [0, 0, 1, 1]
    assert visits[:, 1].tolist() == [0, 1, 1, 1, 0]
