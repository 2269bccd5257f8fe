"""Coverage and own runs: by hand, and simulated from the model behind them."""

import math

import numpy as np
import pytest
from scipy import stats

from mlipbench_hpc.analysis.coverage import Coverage, coverage, deviation, own_runs


def test_own_runs_by_hand() -> None:
    """Values 1, 2, 3 with errors 0.3, 0.4, 0.5: s² = 1, noise 0.5/3, mean 2 with √(0.5/3)/√3."""
    own = own_runs(np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.4, 0.5]), np.array([9.0, 9.0, 9.0]))
    assert own.mean == 2.0
    assert own.sampling == pytest.approx(math.sqrt(0.5) / 3)
    assert own.sigma == pytest.approx(math.sqrt(1 - 0.5 / 3))
    assert own.dof == pytest.approx(0.5**2 / (0.3**4 + 0.4**4 + 0.5**4) * 9)


def test_equal_members_have_no_spread_and_still_a_sampling_error() -> None:
    own = own_runs(np.full(6, 0.3), np.full(6, 0.02), np.full(6, 9.0))
    assert own.sigma == 0.0
    assert own.spread.limits[1] > 0
    assert own.sampling == pytest.approx(0.02 / math.sqrt(6))


@pytest.mark.parametrize("values", [[1.0], [1.0, math.nan]])
def test_what_is_no_committee_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least 2 members"):
        own_runs(np.array(values), np.ones(len(values)), np.full(len(values), 9.0))


def test_deviation_by_hand() -> None:
    """α = 2, M = 4: √(4 + 1/4)·σ; sampling of both sides in squares."""
    own = own_runs(np.array([0.0, 1.0, 2.0, 3.0]), np.zeros(4), np.full(4, 9.0))
    apart = deviation(own, 1.0, 0.3, 2.0)
    assert (apart.difference, apart.sampling) == (0.5, pytest.approx(0.3))
    assert apart.training == pytest.approx(math.sqrt(4.25) * math.sqrt(5 / 3))
    assert apart.both == pytest.approx(math.hypot(0.3, apart.training))
    assert deviation(own, 1.0, 0.3, None).training == pytest.approx(math.sqrt(1.25) * math.sqrt(5 / 3))


def test_coverage_by_hand() -> None:
    """z = 0.5, -1.5, 2.5, 1: half within 1, three quarters within 2; Σz² = 9.75."""
    own = coverage([0.5, -3.0, 2.5, 0.2], [1.0, 2.0, 1.0, 0.2])
    assert own.number == 4
    assert own.shares == (0.5, 0.75)
    assert own.rms == pytest.approx(math.sqrt(9.75 / 4))
    ends = [math.sqrt(9.75 / stats.chi2.ppf(p, 4)) for p in (0.975, 0.025)]
    assert (own.low, own.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))
    assert own.covers == (ends[0] <= 1 <= ends[1])


def test_errors_of_zero_are_left_out_and_said() -> None:
    own = coverage([0.5, 0.1, 0.3], [1.0, 0.0, 1.0])
    assert (own.number, own.left_out) == (2, 1)
    nothing = coverage([0.5], [1.0])
    assert nothing.number == 1
    assert math.isnan(nothing.rms)
    assert not nothing.covers


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_the_interval_holds_the_factor_of_the_errors_in_95_percent(factor: float) -> None:
    """4,000 studies of seven committees each, whose errors are too small by `factor`: ± 0.7 % expected."""
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(4000):
        errors = random.uniform(0.5, 2.0, 7)
        own = coverage(factor * errors * random.normal(size=7), errors)
        inside += own.low <= factor <= own.high
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)


def simulated(
    seed: int, alpha: float, sampling: float, members: int = 6
) -> tuple[float, float, float, float]:
    """Difference of one committee to the truth, and its three errors.

    Members share an error α·σ·ξ and scatter by σ·η_i (σ = 1); their runs and that of the truth add noise.
    """
    random = np.random.default_rng([seed, 7])
    errors = np.full(members, sampling)
    values = alpha * random.normal() + random.normal(size=members) + sampling * random.normal(size=members)
    own = own_runs(values, errors, np.full(members, 9.0))
    apart = deviation(own, 0.3 * sampling * random.normal(), 0.3 * sampling, alpha)
    return apart.difference, apart.sampling, apart.training, apart.both


@pytest.mark.parametrize(("alpha", "sampling"), [(1.5, 0.3), (0.8, 1.0), (2.0, 0.0)])
def test_both_errors_together_cover_what_the_model_makes(alpha: float, sampling: float) -> None:
    """The model's own rms of differences; and the median of |z|, between those of a normal and of t with 5.

    With 12 % beyond either: where noise is as large as σ the estimate of σ² is 0 in some committees.
    """
    rows = np.array([simulated(seed, alpha, sampling) for seed in range(3000)])
    z = np.abs(rows[:, 0]) / rows[:, 3]
    low, high = stats.norm.ppf(0.75), stats.t.ppf(0.75, 5)
    assert 0.88 * low < np.median(z) < 1.12 * high
    true = math.sqrt((alpha**2 + 1 / 6) + sampling**2 / 6 + (0.3 * sampling) ** 2)
    assert np.sqrt(np.mean(rows[:, 0] ** 2)) == pytest.approx(true, rel=0.05)


def test_sampling_errors_alone_cover_too_little_where_training_matters() -> None:
    """Shares within 1σ: sampling alone far below, training with it near what six members can give."""
    rows = np.array([simulated(seed, 1.5, 0.5) for seed in range(500)])
    alone, both = (coverage(rows[:, 0], rows[:, place]) for place in (1, 3))
    assert isinstance(alone, Coverage)
    assert alone.shares[0] < 0.25
    assert both.shares[0] == pytest.approx(0.60, abs=0.08)
    assert alone.rms > 4.0


def test_what_is_expected_of_six_members_is_simulated() -> None:
    """Without noise z is Student's t of five degrees: shares 0.637 and 0.898, rms √(5/3)."""
    rows = np.array([simulated(seed, 1.2, 0.0) for seed in range(5000)])
    own = coverage(rows[:, 0], rows[:, 3], dof=5)
    assert own.expected == (
        pytest.approx(0.6368, abs=1e-4),
        pytest.approx(0.8981, abs=1e-4),
        math.sqrt(5 / 3),
    )
    assert own.shares == (pytest.approx(0.637, abs=0.025), pytest.approx(0.898, abs=0.015))
    assert own.rms == pytest.approx(math.sqrt(5 / 3), rel=0.08)
    assert coverage([1.0, 1.0], [1.0, 1.0]).expected == (
        pytest.approx(0.6827, abs=1e-4),
        pytest.approx(0.9545, abs=1e-4),
        1.0,
    )
    assert coverage([1.0, 1.0], [1.0, 1.0], dof=2).expected[2] == math.inf
