"""Histograms of series, against counts by hand."""

import numpy as np
import pytest

from mlipbench_hpc.worker.series import BINS, histogram


@pytest.mark.parametrize("rounding", [0.0, 1e-15, 3e-13])
@pytest.mark.parametrize("value", [0.0, -52.75, 1e6])
def test_a_series_that_is_constant_to_rounding_is_in_one_bin(value: float, rounding: float) -> None:
    counts, edges = histogram(value * (1.0 + rounding * np.arange(4.0) / 3.0))
    assert counts.sum() == counts.max() == 4
    assert len(edges) == BINS + 1
    assert (np.diff(edges) > 0).all()


def test_a_series_that_varies_is_spread_over_its_range() -> None:
    counts, edges = histogram(5.0 + np.arange(80.0) / 79.0)
    assert counts.tolist() == [2] * 40
    assert edges[[0, -1]].tolist() == [5.0, 6.0]
