"""The same numbers as other people's programs: MAICoS for densities, waterdynamics for survival."""

import warnings
from typing import Any

import numpy as np
import pytest
from interface import CELL, LZ, TOP, slab
from numpy.typing import NDArray

from mlipbench_hpc.analysis.dynamics import Dynamics
from mlipbench_hpc.analysis.fused import first_layer
from mlipbench_hpc.analysis.onepass import block_means
from mlipbench_hpc.analysis.profiles import MOL_PER_L, WATER_G_PER_CM3, Profiler

FRAMES, LAGS, WIDTH = 60, 12, 0.1
FRAME = slab(np.linspace(2.05, 14.05, 24).tolist(), [0.3] * 24, [(4.0, 4.0, 3.05), (1.0, 2.0, 6.05)])


@pytest.fixture(scope="module")
def positions() -> NDArray[np.floating]:
    """(F, N, 3) Å, float32: heights walk from bin to bin and stay 0.02 Å or more from the edges."""
    generator = np.random.default_rng(5)
    steps = 0.1 * generator.integers(-8, 9, size=(FRAMES, len(FRAME.numbers)))
    result = np.repeat(FRAME.positions[None], FRAMES, axis=0)
    loose = np.isin(FRAME.numbers, (8, 11))
    moved = np.where(loose, np.cumsum(steps, axis=0) + generator.uniform(-0.03, 0.03, size=steps.shape), 0.0)
    oxygens = np.flatnonzero(FRAME.numbers == 8)
    for hydrogen in (1, 2):
        moved[:, oxygens + hydrogen] = moved[:, oxygens]
    result[..., 2] += moved
    return result.astype("f4")


@pytest.fixture
def universe(positions: NDArray[np.floating]) -> Any:
    """Of a copy, for MAICoS moves the atoms."""
    mda = pytest.importorskip("MDAnalysis")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = np.array([{79: "Au", 8: "O", 1: "H", 11: "Na"}[number] for number in FRAME.numbers])
        result = mda.Universe.empty(len(names), trajectory=True)
        result.add_TopologyAttr("names", names)
        result.add_TopologyAttr("ids", np.arange(len(names)))
        result.add_TopologyAttr("masses", np.ones(len(names)))
        box = [*np.diag(CELL), 90, 90, 90]
        result.load_new(positions.copy(), dimensions=np.array([box] * FRAMES, dtype="f4"))
    return result


def profiles(positions: NDArray[np.floating]) -> tuple[Profiler, dict[str, NDArray[np.floating]]]:
    result = Profiler.of(FRAME.numbers, positions[0].astype(float), CELL, 79, WIDTH)
    means, _ = block_means(result, [positions], FRAMES, 2)
    return result, {name: values.mean(axis=0) for name, values in means.items()}


@pytest.mark.filterwarnings("ignore")
def test_densities_are_those_of_maicos(positions: NDArray[np.floating], universe: Any) -> None:
    """Around the top layer of gold, in bins of 0.1 Å, to 1e-6 of each bin's value."""
    maicos = pytest.importorskip("maicos", reason="make setup ENVS=tests")
    product, result = profiles(positions)
    top = universe.select_atoms(f"name Au and prop z > {TOP - 0.5}")
    for name, ours in (("O", result["density"] / WATER_G_PER_CM3),
                       ("Na", result["concentration-Na"] / MOL_PER_L)):  # fmt: skip
        theirs = maicos.DensityPlanar(
            universe.select_atoms(f"name {name}"), dens="number", bin_width=WIDTH, refgroup=top, unwrap=False
        ).run()
        z, density = theirs.results.bin_pos, np.asarray(theirs.results.profile).ravel()
        place = np.rint((np.mod(z + LZ / 4, LZ) - LZ / 4 - product.z[0]) / WIDTH).astype(int)
        assert sorted(place) == list(range(product.bins))
        np.testing.assert_allclose(ours[place], density, rtol=1e-6, atol=1e-12)
        assert (density > 0).sum() > 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("every", [1, LAGS + 1])
def test_survival_is_that_of_waterdynamics(
    positions: NDArray[np.floating], universe: Any, every: int
) -> None:
    waterdynamics = pytest.importorskip("waterdynamics", reason="make setup ENVS=tests")
    result, _ = profiles(positions)
    dynamics = Dynamics(FRAMES, LAGS, every, dipole=False)
    dynamics.add(*first_layer(result, positions))
    region = f"name O and prop z > {TOP} and prop z <= {TOP + 4.5}"
    theirs = waterdynamics.SurvivalProbability(universe, region).run(tau_max=LAGS, step=every)
    assert theirs.tau_timeseries == list(range(LAGS + 1))
    assert dynamics.survival()[0] == pytest.approx(theirs.sp_timeseries, rel=1e-14)
    assert 0.05 < dynamics.survival()[0][-1] < 0.9
