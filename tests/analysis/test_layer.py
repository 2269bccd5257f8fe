"""The first layer against profiles whose numbers follow from how they were made."""

import numpy as np
import pytest

from mlipbench_hpc.analysis.layer import filling, fills, first_layer

Z = -1.95 + 0.1 * np.arange(150)


def profiles(density: np.ndarray, cosine: float = -0.3) -> np.ndarray:
    return np.array([density, cosine * density])


def test_the_vertex_of_a_parabola_is_found_between_bins() -> None:
    density = np.maximum(0, 3.0 - 4 * (Z - 2.83) ** 2)
    cosine, height, top = first_layer(Z, profiles(density))
    assert (cosine, height, top) == pytest.approx((-0.3, 2.83, 3.0))


def test_only_the_first_layer_counts_and_by_molecules() -> None:
    density, oriented = np.zeros_like(Z), np.zeros_like(Z)
    # three molecules at 3 Å that point down, one at 4.45 Å that points up; far more beyond 4.5 Å
    for height, amount, cosine in ((3.05, 3.0, -1.0), (4.45, 1.0, 1.0), (4.55, 50.0, 1.0), (-0.95, 9.0, 1.0)):
        place = np.abs(Z - height).argmin()
        density[place], oriented[place] = amount, amount * cosine
    result = first_layer(Z, np.array([density, oriented]))
    assert result == pytest.approx([-0.5, 3.05, 3.0])


@pytest.mark.parametrize("density", [np.zeros_like(Z), np.exp(Z)], ids=["empty", "rising"])
def test_without_a_peak_there_is_no_number(density: np.ndarray) -> None:
    cosine, height, top = first_layer(Z, profiles(density))
    assert np.isnan([height, top]).all()
    assert np.isnan(cosine) == (not density.any())


@pytest.mark.parametrize("width", [0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 4.5 / 7, 4.5])
def test_widths_that_divide_the_layer_fill_it(width: float) -> None:
    assert fills(width)


@pytest.mark.parametrize(
    ("width", "near"),
    [(0.2, "0.18 or 0.25"), (0.4, "0.3 or 0.45"), (0.001001, "0.01"), (5.0, "4.5"), (9.0, "4.5")],
)
def test_other_widths_do_not_and_the_nearest_that_do_are_told(width: float, near: str) -> None:
    assert not fills(width)
    assert filling(width).endswith(f"such as {near} Å")
    assert all(fills(float(one)) for one in near.split(" or "))


def test_the_layer_ends_at_4_5_angstrom_whatever_bins_fill_it() -> None:
    """Molecules at 4.45 Å count and those at 4.55 Å do not; in bins of 0.2 Å they would be one bin."""
    for width in (0.1, 0.25, 0.5):
        z = (np.arange(100) + 0.5) * width
        counts = np.array([((z - width / 2 <= h) & (h < z + width / 2)) for h in (4.45, 4.55)], dtype=float)
        cosine = first_layer(z, np.array([counts.sum(axis=0), counts[0] - counts[1]]))[0]
        assert cosine == 1.0
