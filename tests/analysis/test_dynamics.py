"""C_dip, P_surv and visits: by brute force, by hand, against MDAnalysis, and whatever the pieces."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mlipbench_hpc.analysis.dynamics import GROUP, SUMS, Dynamics, Visits
from mlipbench_hpc.data.frames import Floats

Inside = NDArray[np.bool_]


def random_layer(frames: int, molecules: int = 70, seed: int = 0) -> tuple[Inside, Floats]:
    """Molecules that come and go slowly and turn slowly."""
    generator = np.random.default_rng(seed)
    walk = np.cumsum(generator.normal(scale=0.3, size=(frames, molecules)), axis=0)
    turning = np.cumsum(generator.normal(scale=0.2, size=(frames, molecules, 3)), axis=0) + 1.0
    return np.cos(walk) > 0.3, turning / np.linalg.norm(turning, axis=-1, keepdims=True)


def run(inside: Inside, directions: Floats, cuts: list[int] | None = None, **how: int) -> Dynamics:
    dynamics = Dynamics(len(inside), **{"lags": 7, **how})
    for one, other in zip(
        np.array_split(inside, cuts or [0]), np.array_split(directions, cuts or [0]), strict=True
    ):
        dynamics.add(one, other)
    return dynamics


def brute(inside: Inside, directions: Floats, lags: int, every: int) -> dict[str, list[list[float]]]:
    """Values of each origin at each lag, one molecule at a time."""
    result: dict[str, list[list[float]]] = {name: [[] for _ in range(lags + 1)] for name in SUMS}
    for origin in range(0, len(inside), every):
        for lag in range(lags + 1):
            if origin + lag >= len(inside):
                continue
            here = [i for i in range(inside.shape[1]) if inside[origin, i]]
            both = [i for i in here if inside[origin + lag, i]]
            stayed = [i for i in here if inside[origin : origin + lag + 1, i].all()]
            result["dipole"][lag].append(
                sum(float(directions[origin, i] @ directions[origin + lag, i]) for i in both)
            )
            result["both"][lag].append(len(both))
            result["stayed"][lag].append(len(stayed))
            result["begun"][lag].append(len(here))
            if here:
                result["both_share"][lag].append(len(both) / len(here))
                result["stayed_share"][lag].append(len(stayed) / len(here))
                result["origins"][lag].append(1)
    return result


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("frames", [30, GROUP + 11, 2 * GROUP])
def test_sums_are_those_of_a_loop_over_molecules(frames: int, every: int) -> None:
    inside, directions = random_layer(frames)
    dynamics, expected = run(inside, directions, every=every), brute(inside, directions, 7, every)
    for name in SUMS:
        sums = dynamics.sums[name].sum(axis=0)
        assert sums == pytest.approx([sum(values) for values in expected[name]], rel=1e-12, abs=1e-12)
    ratios = [sum(a) / sum(b) for a, b in zip(expected["dipole"], expected["both"], strict=True)]
    assert dynamics.dipole_correlation()[0] == pytest.approx(ratios, rel=1e-12)
    assert dynamics.survival()[0] == pytest.approx([np.mean(one) for one in expected["stayed_share"]])
    assert dynamics.survival(continuous=False, mean_of_ratios=False)[0] == pytest.approx(
        [sum(a) / sum(b) for a, b in zip(expected["both"], expected["begun"], strict=True)]
    )


def test_pieces_change_no_bit() -> None:
    inside, directions = random_layer(3 * GROUP + 5)
    whole = run(inside, directions)
    for cuts in ([1, 2, 3], [200], list(range(0, len(inside), 17)), [GROUP, 2 * GROUP]):
        other = run(inside, directions, cuts)
        for name in SUMS:
            assert np.array_equal(whole.sums[name], other.sums[name])


def test_survival_is_mdanalysis_own() -> None:
    """MDAnalysis.lib.correlations, which waterdynamics calls: continuous, mean of ratios."""
    correlations = pytest.importorskip("MDAnalysis.lib.correlations")
    inside, directions = random_layer(200, molecules=9)
    inside[40:60] = False
    for every in (1, 4):
        sets = [set(np.flatnonzero(row)) for row in inside]
        expected = correlations.autocorrelation(sets, 7, window_step=every)[1]
        assert run(inside, directions, every=every).survival()[0] == pytest.approx(expected, rel=1e-12)


def test_one_that_stays_and_one_that_leaves() -> None:
    """Of two molecules one leaves after two of four frames and comes back in the last."""
    inside = np.array([[1, 1], [1, 1], [1, 0], [1, 1]], dtype=bool)
    directions = np.zeros((4, 2, 3))
    directions[:, 0, 2] = 1.0
    directions[:, 1] = [[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, -1]]
    dynamics = run(inside, directions, lags=3, blocks=1)
    assert dynamics.sums["begun"].sum(axis=0).tolist() == [7, 5, 4, 2]
    assert dynamics.sums["both"].sum(axis=0).tolist() == [7, 4, 3, 2]
    assert dynamics.sums["stayed"].sum(axis=0).tolist() == [7, 4, 2, 1]
    assert dynamics.dipole_correlation()[0] == pytest.approx([1, 3 / 4, 2 / 3, 0])
    assert dynamics.survival(mean_of_ratios=False)[0] == pytest.approx([1, 4 / 5, 2 / 4, 1 / 2])
    assert dynamics.survival()[0] == pytest.approx([1, (1 + 1 / 2 + 1) / 3, (1 / 2 + 1 / 2) / 2, 1 / 2])


def test_nobody_inside_is_nan_and_an_empty_origin_is_skipped() -> None:
    inside, directions = random_layer(50)
    nobody = run(np.zeros_like(inside), directions)
    assert np.isnan(nobody.dipole_correlation()[0]).all()
    assert np.isnan(nobody.survival()[0]).all()
    inside[:10] = False
    assert run(inside, directions).survival()[0][0] == 1.0


def test_one_frame_and_more_lags_than_frames() -> None:
    inside, directions = random_layer(1)
    one = run(inside, directions)
    assert one.lags == 0
    assert one.survival()[0] == pytest.approx([1.0])
    assert np.isnan(one.survival()[1].larger).all()
    with pytest.raises(ValueError, match="at least 1"):
        Dynamics(0, 1)


def test_errors_are_those_of_repeated_runs() -> None:
    """The jackknife over ten blocks against the spread of forty independent runs, within a third."""
    runs = [run(*random_layer(400, molecules=20, seed=seed), lags=4) for seed in range(40)]
    values = np.array([one.survival()[0] for one in runs])
    errors = np.array([one.survival()[1].larger for one in runs])
    spread = values[:, 1:].std(axis=0, ddof=1)
    assert np.sqrt((errors[:, 1:] ** 2).mean(axis=0)) == pytest.approx(spread, rel=0.35)


def test_visits_by_hand() -> None:
    inside = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0]], dtype=bool)
    result = Visits(3)
    for part in (inside[:1], inside[1:4], inside[4:]):
        result.add(part)
    assert result.share.tolist() == [0.8, 0.6, 0.0]
    assert result.number.tolist() == [2, 2, 0]
    assert result.length[:2].tolist() == [2.0, 1.5]
    assert np.isnan(result.length[2])
