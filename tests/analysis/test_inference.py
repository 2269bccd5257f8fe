"""Tests of differences against scipy, and their false positives and power over synthetic campaigns."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from mlipbench_hpc.analysis.blocks import block_average
from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.analysis.inference import (
    LEVEL,
    Comparison,
    Control,
    ErrorTerm,
    committee_error,
    equal_windows,
    holm,
    mean_error,
    member_error,
    welch,
)

CAMPAIGNS = 2000


def terms_of(*samples: np.ndarray) -> list[ErrorTerm]:
    return [ErrorTerm(float(np.std(own, ddof=1) / np.sqrt(len(own))), len(own) - 1) for own in samples]


def test_equal_degrees_of_freedom_are_students_t() -> None:
    """Of two samples of n with equal variances scipy has 2n - 2, of one against a constant n - 1 as here."""
    first, second = np.random.default_rng(0).normal(size=(2, 6)) + np.array([[0.9], [0.0]])
    result = welch(float(first.mean() - second.mean()), terms_of(first, second))
    statistic = stats.ttest_ind(first, second, equal_var=False).statistic
    assert result.difference / result.error == pytest.approx(statistic)
    assert result.p == pytest.approx(2 * stats.t.sf(abs(statistic), 5))
    alone = stats.ttest_1samp(first, 0.0)
    assert welch(float(first.mean()), terms_of(first)).p == pytest.approx(alone.pvalue)


def test_critical_at_the_weighted_mean_of_the_quantiles() -> None:
    """e² = 3 and 1 of 3 and 9 degrees: at p = 0.05, t = (3·3.182 + 1·2.262)/4."""
    terms = [ErrorTerm(3**0.5, 3), ErrorTerm(1.0, 9)]
    critical = (3 * 3.182446 + 2.262157) / 4
    assert welch(-2.0 * critical, terms).p == pytest.approx(0.05, rel=1e-5)
    assert welch(0.0, terms).p == pytest.approx(1.0)
    assert 0 < welch(1e6, terms).p < 1e-15


@pytest.mark.parametrize("terms", [[], [ErrorTerm(0.0, 3)], [ErrorTerm(np.nan, 3), ErrorTerm(1.0, 9)]])
def test_without_an_error_nothing_is_said(terms: list[ErrorTerm]) -> None:
    assert np.isnan(welch(1.0, terms).p)
    assert np.isnan(welch(np.nan, [ErrorTerm(1.0, 3)]).p)


def test_degrees_of_freedom_and_interval_give_the_p_stated() -> None:
    """Student's p at them is p; where the difference is the half interval, p = 0.05."""
    terms = [ErrorTerm(0.0187, 3), ErrorTerm(0.0054, 12)]
    own = welch(0.1665, terms)
    assert own.t == pytest.approx(0.1665 / np.hypot(0.0187, 0.0054))
    assert 3 < own.dof < 12
    assert 2 * stats.t.sf(own.t, own.dof) == pytest.approx(own.p, rel=1e-6)
    assert welch(own.interval, terms).p == pytest.approx(0.05, rel=1e-5)
    alone = welch(0.9, terms[:1])
    assert alone.dof == 3
    assert alone.interval == pytest.approx(stats.t.ppf(0.975, 3) * 0.0187)
    assert np.isnan(welch(1.0, []).dof)
    assert np.isnan(welch(1.0, []).interval)


def test_holm_by_hand() -> None:
    """0.01 · 3, 0.02 · 2, then 0.03 · 1 is below the one before: 0.04; NaN is no test."""
    adjusted = holm(np.array([0.02, np.nan, 0.01, 0.03]))
    assert adjusted == pytest.approx([0.04, np.nan, 0.03, 0.04], nan_ok=True)
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]


def test_error_of_a_member_against_a_truth() -> None:
    """√(2² + 1)·0.1; without α the truth is one more member, √2·0.1."""
    assert member_error(0.1, 6, 2.0) == ErrorTerm(pytest.approx(0.1 * 5**0.5), 5)
    assert member_error(0.1, 6, None).error == pytest.approx(0.1 * 2**0.5)


def test_errors_of_a_committee() -> None:
    """Against a truth √(2² + 1/4)·0.1, without α √(1 + 1/4)·0.1; against another committee 0.1/√4."""
    assert committee_error(0.1, 4, 2.0) == ErrorTerm(pytest.approx(0.1 * 4.25**0.5), 3)
    assert committee_error(0.1, 4, None).error == pytest.approx(0.1 * 1.25**0.5)
    assert mean_error(0.1, 4) == ErrorTerm(pytest.approx(0.05), 3)


def of_starts(noise: np.random.Generator, offset: float) -> Comparison:
    """Four starts of a model against ten blocks of a reference."""
    model, reference = offset + noise.normal(size=4), 0.7 * noise.normal(size=10)
    return welch(float(model.mean() - reference.mean()), terms_of(model, reference))


def of_committees(noise: np.random.Generator, offset: float) -> Comparison:
    """The mean over M = 6 members, α = 1.5, against a truth of ten blocks: they share the error α·σ."""
    sigma, alpha = 1.0, 1.5
    members = offset + sigma * alpha * noise.normal() + sigma * noise.normal(size=6)
    truth = 0.8 * noise.normal(size=10)
    training = committee_error(float(members.std(ddof=1)), 6, alpha)
    return welch(float(members.mean() - truth.mean()), [*terms_of(truth), training])


def of_two_models(noise: np.random.Generator, offset: float) -> Comparison:
    """Two committees of six, each with its own mean to which its members scatter: σ/√M each."""
    first, second = noise.normal(size=(2, 6)) + np.array([[offset], [0.0]])
    errors = [mean_error(float(own.std(ddof=1)), 6) for own in (first, second)]
    return welch(float(first.mean() - second.mean()), errors)


def of_members(noise: np.random.Generator, offset: float) -> Comparison:
    """A member of M = 6, α = 1.5, as behind Eq. S11, and a reference, each of ten blocks."""
    sigma, alpha = 1.0, 1.5
    members = sigma * noise.normal(size=6)
    model = offset + sigma * alpha * noise.normal() + sigma * noise.normal()
    blocks, reference = (0.8 * noise.normal(size=10) for _ in range(2))
    training = member_error(float(members.std(ddof=1)), 6, alpha)
    difference = model + float(blocks.mean() - reference.mean())
    return welch(difference, [*terms_of(blocks, reference), training])


@pytest.mark.parametrize(
    ("draw", "offset", "power"),
    [(of_starts, 2.5, 0.75), (of_members, 8.0, 0.9), (of_committees, 6.0, 0.8), (of_two_models, 2.5, 0.9)],
    ids=["starts", "members", "committees", "models"],
)
def test_false_positives_and_power(draw, offset: float, power: float) -> None:
    """At nominal 5 % between 1 and 6 % of 2000 campaigns without a difference; and how many with one."""
    noise = np.random.default_rng(1)
    null = np.mean([draw(noise, 0.0).p <= LEVEL for _ in range(CAMPAIGNS)])
    assert 0.01 <= null <= 0.06
    assert np.mean([draw(noise, offset).p <= LEVEL for _ in range(CAMPAIGNS)]) >= power


def test_holm_keeps_the_table_at_its_level() -> None:
    """Eight comparisons of a table share one reference: any false positive in 1 to 6 % of 1000 campaigns; a
    cell that differs by 6 standard deviations of a start is seen in at least 80 %.
    """
    noise, seen, false = np.random.default_rng(2), 0, 0
    for _ in range(1000):
        reference = 0.7 * noise.normal(size=(8, 10))
        models = noise.normal(size=(8, 4))
        false += (adjusted(models, reference) <= LEVEL).any()
        models[3] += 6.0
        seen += adjusted(models, reference)[3] <= LEVEL
    assert 0.01 <= false / 1000 <= 0.06
    assert seen / 1000 >= 0.8


def adjusted(models: np.ndarray, reference: np.ndarray) -> np.ndarray:
    pairs = zip(models, reference, strict=True)
    return holm(np.array([welch(float(a.mean() - b.mean()), terms_of(a, b)).p for a, b in pairs]))


def series(noise: np.random.Generator, frames: int, phi: float) -> np.ndarray:
    x = noise.normal(size=frames)
    for t in range(1, frames):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi**2) * x[t]
    return x


def test_the_control_of_a_stationary_run_fails_as_often_as_the_test() -> None:
    noise, failed, windows = np.random.default_rng(3), 0, 0
    for _ in range(200):
        control = equal_windows([series(noise, 1200, 0.3)], 120, 10)
        assert control is not None
        failed, windows = failed + control.failed, windows + control.windows
    assert windows >= 1800
    assert 0.01 <= failed / windows <= 0.08


def test_the_control_sees_a_run_slower_than_its_windows() -> None:
    """A run that hops between two states stays in one for a window: each differs from the others.

    Half a period of 200 frames: g = 1 + 2 Σ (1 - t/100) up to t = 100 is 100, so windows of 90 frames are 99
    apart, of which few reach into both states.
    """
    hops = np.repeat([0.0, 1.0] * 10, 200) + 0.1 * np.random.default_rng(4).normal(size=4000)
    control = equal_windows([hops], 90, 10)
    assert control is not None
    assert control.gap == pytest.approx(99, abs=4)
    assert control.windows == (4000 - 90) // (90 + control.gap) + 1
    assert control.failed >= 0.5 * control.windows
    assert control.p < 1e-9


def test_windows_of_a_slow_run_fail_independently() -> None:
    """AR(1), φ = 0.9, g = 19, windows of n = 30 frames: their means are correlated by c/v where they adjoin,
    c = φ ((1 - φⁿ)/(1 - φ))²/n² and v = (g - 2 φ (1 - φⁿ)/(n (1 - φ)²))/n, and by φ¹⁸ of it 18 frames apart.
    """
    noise, n, phi = np.random.default_rng(9), 30, 0.9
    own = equal_windows([series(noise, 4000, phi)], n, 10)
    assert own is not None
    assert own.gap == pytest.approx(18, abs=7)
    steps = np.sqrt(1 - phi**2) * noise.normal(size=(3000, 100 + 2 * n + 18))
    runs = lfilter([1.0], [1.0, -phi], steps, axis=1)[:, 100:]
    apart = [np.corrcoef(runs[:, :n].mean(1), runs[:, n + g : 2 * n + g].mean(1))[0, 1] for g in (0, 18)]
    shared = phi * ((1 - phi**n) / (1 - phi)) ** 2 / n**2
    variance = (19 - 2 * phi * (1 - phi**n) / (n * (1 - phi) ** 2)) / n
    assert apart == pytest.approx([shared / variance, phi**18 * shared / variance], abs=0.06)
    assert apart[0] > 0.15


def test_no_control_of_fewer_than_five_windows() -> None:
    assert equal_windows([np.arange(499.0)], 100, 10) is None
    assert equal_windows([np.arange(499.0)], 9, 10) is None


def test_windows_of_all_runs_count() -> None:
    """Runs of 310 and 320 frames hold three windows of 100 each, none of which reaches into the other run."""
    noise = np.random.default_rng(8)
    runs = [noise.normal(size=310), 9.0 + noise.normal(size=320)]
    control = equal_windows(runs, 100, 10)
    assert control is not None
    starts = [(100 + control.gap) * place for place in range(3)]
    means = [run[start : start + 100].mean() for run in runs for start in starts]
    assert control.windows == 6
    assert control.scatter == pytest.approx(np.std(means, ddof=1))
    assert control.error(4) == ErrorTerm(pytest.approx(control.scatter / 2), 5)


@pytest.mark.parametrize(
    ("failed", "windows", "fails"), [(0, 8, False), (2, 8, False), (3, 8, True), (5, 16, True)]
)
def test_a_control_fails_where_chance_does_not_allow_as_many(failed: int, windows: int, fails: bool) -> None:
    control = Control(windows, failed, 1.0)
    expected = stats.binomtest(failed, windows, 0.05, alternative="greater").pvalue
    assert control.p == pytest.approx(expected)
    assert control.fails == fails
    assert control.expected == pytest.approx(0.05 * windows)


def test_the_error_of_blocks_against_the_mean_of_many_runs() -> None:
    """AR(1), φ = 0.5, 1000 frames: ±t·SE of ten blocks, Student's t of 9, covers the mean in 90 to 97 %."""
    noise, t = np.random.default_rng(5), stats.t.ppf(0.975, 9)
    averages = [block_average(series(noise, 1000, 0.5)) for _ in range(300)]
    covered = np.mean([abs(own.mean) <= t * own.standard_error for own in averages])
    assert 0.9 <= covered <= 0.975


def test_of_both_errors_the_larger_counts() -> None:
    """φ = 0.99, 1000 frames: ten blocks of 100 are shorter than the correlation; of φ = 0 they agree."""
    noise = np.random.default_rng(6)
    slow = [series_average(series(noise, 1000, 0.99)) for _ in range(100)]
    assert all(own.error == max(float(own.blocks.standard_error), own.correlated) for own in slow)
    ratio = np.median([own.correlated / float(own.blocks.standard_error) for own in slow])
    assert ratio > 1, "blocks alone are too small an error here"
    fast = series_average(noise.normal(size=1000))
    assert fast.error == pytest.approx(1 / 1000**0.5, rel=0.5)
    assert fast.dof == 9
    assert series_average(np.repeat([0.0, 1.0], 500)).dof < 3


@pytest.mark.parametrize("phi", [0.5, 0.9, 0.97])
def test_the_larger_error_covers_the_mean_of_slow_series(phi: float) -> None:
    """AR(1), 1000 frames, also where blocks are as short as the correlation: covered in at least 90 %."""
    noise = np.random.default_rng(7)
    averages = [series_average(series(noise, 1000, phi)) for _ in range(300)]
    covered = np.mean([abs(own.mean) <= stats.t.ppf(0.975, own.dof) * own.error for own in averages])
    assert 0.9 <= covered <= 0.995
