"""DP-MP and its one-layer model DP-JAX: what every architecture must obey, and how they are trained."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mlipbench_hpc.architectures.dp_jax import adapter as one_layer
from mlipbench_hpc.architectures.dp_mp import adapter as two_layers
from mlipbench_hpc.architectures.dp_mp.training import STEP, adam, learning_rate, prefactors
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.testing import Conformance, water
from mlipbench_hpc.contract.folder import checkpoints
from mlipbench_hpc.contract.task import EXIT_COMMITTED, InputFailure
from mlipbench_hpc.data.frames import concatenate
from mlipbench_hpc.worker.__main__ import attempt

# An attempt that vanishes before one of its updates. Arguments: its folder, the number of updates before.
KILLED = """
import os, signal, sys
from pathlib import Path
from mlipbench_hpc.architectures.dp_mp import training
from mlipbench_hpc.worker.__main__ import attempt
left, step = int(sys.argv[2]), training.STEP
def count(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
training.STEP = count
attempt(Path(sys.argv[1]), None, commit=True)
"""


class Shared(Conformance):
    """What both have in common."""

    small: ClassVar[dict[str, Any]] = {
        "rcut": 3.0, "neuron": [4, 8], "axis_neuron": 2, "fitting_neuron": [8, 8], "epochs": 4,
        "batch_size": 2,
    }  # fmt: skip
    learning: ClassVar[dict[str, Any]] = {"epochs": 40, "batch_size": 1, "fitting_neuron": [16, 16]}
    weights = "weights.npz"
    one_file = True

    def test_compositions_share_a_batch(self, tmp_path: Path) -> None:
        """One program trains on all of them, and a composition may be new in validation."""
        frames = concatenate([water(3, 6, seed=23), water(2, 2, seed=24)])
        rows: list[dict[str, float]] = []
        job = self.job(tmp_path / "mixed", train=frames, validation=water(1, 4, seed=25), report=rows.append)
        programs = STEP._cache_size()
        assert self.adapter.train(job)["epochs"] == 4
        assert STEP._cache_size() <= programs + 1
        assert rows[-1]["learning_rate"] == pytest.approx(self.hyperparameters()["stop_lr"])

    def test_a_training_killed_within_epochs_ends_as_one_that_was_not(
        self, trained: dict[str, Path], tmp_path: Path
    ) -> None:
        """Three updates an epoch: killed in the second epoch, then, from its start, in the third.

        The first process compiles its own programs, as every process of a campaign does.
        """
        run = self.training(tmp_path, "float32")
        first, second = run.parts.attempts(run.task.key)
        shared = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        own = {name: value for name, value in shared.items() if name != "JAX_COMPILATION_CACHE_DIR"}
        for folder, updates, epochs, environ in ((first, 4, [1], own), (second, 5, [2], shared)):
            command = [sys.executable, "-c", KILLED, str(folder), str(updates)]
            assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == -9
            assert [epoch for epoch, _ in checkpoints(folder)] == epochs
        assert attempt(run.parts.begin(run.task), None, commit=True) == EXIT_COMMITTED
        whole = (trained["float32"] / self.weights).read_bytes()
        assert (run.parts.task(run.task.key) / self.weights).read_bytes() == whole

    def test_updates_say_how_long_the_training_is(self, tmp_path: Path) -> None:
        """Seven updates in batches of two: three epochs of three updates for six frames."""
        rows: list[dict[str, float]] = []
        job = self.job(tmp_path, hyperparameters=self.hyperparameters(updates=7), report=rows.append)
        assert self.adapter.train(job)["epochs"] == 3
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
        film = replace(frames, cells=cell[None])
        thin = replace(film, pbc=np.array([[True, True, False]]), cells=(cell * [[1], [1], [0.1]])[None])
        cluster = replace(frames, pbc=np.zeros((1, 3), dtype=bool), cells=np.zeros((1, 3, 3)))
        box = replace(frames, cells=40.0 * np.eye(3)[None])
        for without, vacuum in ((thin, film), (cluster, box)):
            for values, expected in zip(model.evaluate(without, 1), model.evaluate(vacuum, 1), strict=True):
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
