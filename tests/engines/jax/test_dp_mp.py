"""DP-MP and its one-layer model DP-JAX: what every architecture must obey, and how they are trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mlipbench_hpc.architectures.dp_jax import adapter as one_layer
from mlipbench_hpc.architectures.dp_mp import adapter as two_layers
from mlipbench_hpc.architectures.dp_mp.training import STEP, adam, epochs_of, learning_rate, prefactors
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.testing import Conformance, water
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import concatenate


class Shared(Conformance):
    """What both have in common."""

    small: ClassVar[dict[str, Any]] = {
        "rcut": 3.0, "neuron": [4, 8], "axis_neuron": 2, "fitting_neuron": [8, 8], "epochs": 4,
        "batch_size": 2,
    }  # fmt: skip
    learning: ClassVar[dict[str, Any]] = {"epochs": 40, "batch_size": 1, "fitting_neuron": [16, 16]}
    weights = "weights.npz"
    one_file = True
    forks = False

    def test_compositions_share_a_batch(self, tmp_path: Path) -> None:
        """One program trains on all of them, and a composition may be new in validation."""
        frames = concatenate([water(3, 6, seed=23), water(2, 2, seed=24)])
        rows: list[dict[str, float]] = []
        job = self.job(tmp_path / "mixed", train=frames, validation=water(1, 4, seed=25), report=rows.append)
        programs = STEP._cache_size()
        assert self.adapter.train(job)["epochs"] == 4
        assert STEP._cache_size() <= programs + 1
        assert rows[-1]["learning_rate"] == pytest.approx(self.hyperparameters()["stop_lr"])

    def test_single_precision_agrees_in_spite_of_large_energies(
        self, trained: dict[str, Path], model: Evaluator
    ) -> None:
        """float32 would round a total of -2.8 keV to 2e-4 eV; the reference energies are added in float64."""
        frames, single = water(4, seed=13), self.load(trained, "float32")
        for narrow, wide in zip(single.evaluate(frames, 4), model.evaluate(frames, 4), strict=True):
            np.testing.assert_allclose(narrow, wide, rtol=0, atol=5e-5)

    def test_open_directions_equal_a_cell_with_enough_vacuum(self, model: Evaluator) -> None:
        """Atoms lie outside a cell that is open, and a molecule needs none."""
        frames = water(1, seed=26)
        cell = frames.cells[0].copy()
        cell[2] = [0, 0, 30.0]
        wide = replace(frames, cells=cell[None])
        flat = replace(wide, pbc=np.array([[True, True, False]]), cells=(cell * [[1], [1], [0.1]])[None])
        lone = replace(frames, pbc=np.zeros((1, 3), dtype=bool), cells=np.zeros((1, 3, 3)))
        alone = replace(frames, cells=40.0 * np.eye(3)[None])
        for open_, closed in ((flat, wide), (lone, alone)):
            for values, expected in zip(model.evaluate(open_, 1), model.evaluate(closed, 1), strict=True):
                np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)

    def test_frames_without_neighbours_are_refused(self, tmp_path: Path) -> None:
        frames = water(2, seed=18)
        spread = replace(frames, positions=3 * frames.positions, cells=3 * frames.cells)
        job = self.job(tmp_path / "far", train=spread, hyperparameters=self.hyperparameters(rcut=1.0))
        with pytest.raises(InputFailure, match=r"no two atoms are within rcut = 1\.0"):
            self.adapter.train(job)

    def test_more_axes_than_columns_are_refused(self, tmp_path: Path) -> None:
        job = self.job(tmp_path / "no", hyperparameters=self.hyperparameters(axis_neuron=9))
        with pytest.raises(InputFailure, match="axis_neuron = 9 must be at most 8, the last of neuron"):
            self.adapter.train(job)


class TestDpMp(Shared):
    adapter = two_layers
    small: ClassVar[dict[str, Any]] = {**Shared.small, "message_neuron": [8, 8]}
    title = "DP-MP"


class TestDpJax(Shared):
    adapter = one_layer
    title = "DP-JAX"


def test_adam_moves_by_the_rate_while_the_slope_is_constant() -> None:
    weights = {"w": np.array([1.0, -2.0])}
    zeros = {"w": np.zeros(2)}
    state = {"weights": weights, "first": zeros, "second": zeros, "count": np.zeros(())}
    for number in range(1, 4):
        state = adam(state, {"w": np.array([5.0, -0.01])}, 0.1)
        np.testing.assert_allclose(state["weights"]["w"], [1 - 0.1 * number, -2 + 0.1 * number], atol=1e-6)


def test_the_schedule_is_that_of_deepmd_kit() -> None:
    chosen = {
        "start_lr": 0.01, "stop_lr": 0.0001, "start_pref_e": 0.02, "limit_pref_e": 1.0,
        "start_pref_f": 1000.0, "limit_pref_f": 100.0,
    }  # fmt: skip
    assert [learning_rate(chosen, part) for part in (0.0, 0.5, 1.0)] == pytest.approx([0.01, 0.001, 0.0001])
    assert prefactors(chosen, 0.01) == pytest.approx([0.02, 1000.0])
    assert prefactors(chosen, 0.001) == pytest.approx([0.902, 190.0])


def test_updates_are_rounded_up_to_epochs() -> None:
    """150,000 updates in batches of 3: Table S-I of the paper, for 50 and 1000 structures."""
    table = {"epochs": 450, "updates": 150_000, "batch_size": 3}
    assert [epochs_of(frames, table) for frames in (50, 1000)] == [8824, 450]
    assert epochs_of(50, {**table, "updates": 0}) == 450
