"""Where a cell with a slab in it is cut open, by hand."""

import numpy as np
import pytest

from mlipbench_hpc.potentials.shared.film import Vacuum

HEIGHTS = np.array([7.5, 9.8, 12.1, 20.0])  # of a cell of 30 Å: empty from 20 Å to 37.5 Å


def test_the_vacuum_is_the_widest_stretch_wherever_the_cell_begins() -> None:
    for shift, low in ((0.0, 20.0), (12.0, 2.0), (-8.0, 12.0)):
        vacuum = Vacuum.of((HEIGHTS + shift) % 30.0, 30.0)
        assert (vacuum.low, vacuum.width) == pytest.approx((low, 17.5))
        np.testing.assert_allclose(vacuum.cut(HEIGHTS + shift), HEIGHTS + 1.25)  # the middle is at 28.75 Å


@pytest.mark.parametrize(("shift", "end"), [(0.0, 3.0), (0.4, 3.0), (0.6, 4.0), (-8.0, 25.0), (22.0, 25.0)])
def test_a_box_begins_on_a_whole_ångström_four_to_five_below_the_slab(shift: float, end: float) -> None:
    heights = HEIGHTS + shift
    vacuum = Vacuum.of(heights, 30.0)
    assert vacuum.lower_end == end
    opened = vacuum.opened(heights)
    assert end + 4.0 <= opened.min() < end + 5.0
    assert opened.max() < end + 30.0
    np.testing.assert_allclose(opened - opened[0], HEIGHTS - 7.5, atol=1e-12)


def test_heights_in_the_box_keep_every_bit() -> None:
    heights = 7.5 + np.random.default_rng(0).uniform(0.0, 12.0, 1000)
    assert np.array_equal(Vacuum.of(heights, 30.0).opened(heights), heights)
