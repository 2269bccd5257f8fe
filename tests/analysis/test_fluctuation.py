"""Width of a fluctuating number: its length correction, its error, and series too short for it."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import t

from mlipbench_hpc.analysis.fluctuation import width
from mlipbench_hpc.data.frames import Floats

RUNS = 400


def autoregressive(frames: int, phi: float) -> Floats:
    """Series (RUNS, frames) of variance 1 whose correlation falls by `phi` a frame."""
    random = np.random.default_rng(3)
    noise = random.normal(size=(RUNS, frames)) * np.sqrt(1 - phi**2)
    noise[:, 0] = random.normal(size=RUNS)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=1))


def test_of_alternating_values() -> None:
    """±2 about 5: deviations of 2 in every frame; neighbours are anticorrelated, so g = 1 and T/g = 100."""
    own = width(5 + 2 * np.tile([1.0, -1.0], 50))
    assert own.value == pytest.approx(2 / np.sqrt(1 - 1 / 100))
    assert own.error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("frames", "phi", "least"), [(400, 0.0, 0.93), (2000, 0.9, 0.91), (400, 0.8, 0.89)])
def test_correlated_series_of_known_width(frames: int, phi: float, least: float) -> None:
    """AR(1) of variance 1: the mean square is unbiased, and ± t·SE covers 1."""
    every = [width(series) for series in autoregressive(frames, phi)]
    values, errors = np.array([(own.value, own.error) for own in every]).T
    assert np.mean(values**2) == pytest.approx(1, abs=3 * np.std(values**2) / np.sqrt(RUNS))
    factors = t.ppf(0.975, [own.squares.dof for own in every])
    assert np.mean(np.abs(values - 1) < factors * errors) >= least


def test_without_the_correction_short_runs_are_too_narrow() -> None:
    """g = (1 + φ)/(1 - φ) = 19 at φ = 0.9: of 400 frames the mean square lacks 19/400 = 4.75 %."""
    every = [width(series) for series in autoregressive(400, 0.9)]
    assert np.mean([own.squares.mean for own in every]) == pytest.approx(1 - 0.0475, abs=0.03)


def test_a_run_shorter_than_its_correlation_has_no_width() -> None:
    assert np.isnan(width(np.linspace(0.0, 1.0, 200)).value)
