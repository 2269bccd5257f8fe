"""GRACE-1L and GRACE-2L: what every architecture must obey, and how they are trained."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mlipbench_hpc.architectures.grace_1l import adapter as one_layer
from mlipbench_hpc.architectures.grace_1l import training
from mlipbench_hpc.architectures.grace_1l.graphs import graphs
from mlipbench_hpc.architectures.grace_1l.model import load_model
from mlipbench_hpc.architectures.grace_1l.tensor_potential import use_device
from mlipbench_hpc.architectures.grace_1l.training import (
    labelled,
    learner,
    learning_rate,
    loss_parameters,
    rounded,
)
from mlipbench_hpc.architectures.grace_2l import adapter as two_layers
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
from mlipbench_hpc.architectures.grace_1l.training import Learner
from mlipbench_hpc.worker.__main__ import attempt
left, known = int(sys.argv[2]), Learner.known
def count(self, arrays):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return known(self, arrays)
Learner.known = count
attempt(Path(sys.argv[1]), None, commit=True)
"""


# Neighbours and scale (eV) that a training on the frames of Subject.job measures, as `rounded` gives them.
CONSTANTS = (6.6, 0.95)


def ratio(value: float, other: float) -> float:
    """The larger over the smaller."""
    return max(value / other, other / value)


class Shared(Conformance):
    """What both have in common. Weights and learning rate change after the second of four epochs."""

    small: ClassVar[dict[str, Any]] = {
        "rcut": 3.0, "lmax": 1, "max_order": 2, "n_rad_base": 4, "n_rad_max": 4, "prod_func_n_max": 4,
        "embedding_size": 4, "n_mlp_dens": 2, "epochs": 4, "batch_size": 2, "late_fraction": 0.5,
        "late_lr": 0.002, "late_energy_weight": 30.0, "late_forces_weight": 1.0,
    }  # fmt: skip
    learning: ClassVar[dict[str, Any]] = {"epochs": 40, "late_fraction": 0.0}
    weights = "weights.npz"
    one_file = True
    compiles = True

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def coarse(cls) -> Iterator[None]:
        """No constants but CONSTANTS: trainings on any frames of water share programs, with processes too."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "rounded", lambda value: min(CONSTANTS, key=partial(ratio, value)))
            yield


class TestGrace1L(Shared):
    adapter = one_layer
    title = "GRACE-1L"

    def test_compositions_share_a_batch(self, tmp_path: Path) -> None:
        """A composition may be new in validation; the last batch of an epoch is smaller."""
        frames = concatenate([water(3, 6, seed=23), water(2, 2, seed=24)])
        rows: list[dict[str, float]] = []
        job = self.job(tmp_path / "mixed", train=frames, validation=water(1, 4, seed=25), report=rows.append)
        assert self.adapter.train(job)["epochs"] == 4
        assert rows[-1]["learning_rate"] == 0.002

    def test_the_loss_is_the_mean_over_real_atoms_and_frames(
        self, trained: dict[str, Path], model: Evaluator
    ) -> None:
        """Frames of two sizes in one batch: ½ x² below δ = huber_delta, δ (x - ½ δ) above."""
        frames = concatenate([water(1, 6, seed=40), water(1, 2, seed=41)])
        record, weights = load_model(self.title, trained["float64"], "float64")
        items = list(graphs(frames, record.numbers, record.cutoff))
        constant = np.array([model.constant(frames.numbers[frames.atoms_of(i)]).sum() for i in range(2)])
        own = replace(frames, energies=frames.energies - constant)
        (arrays,) = labelled(own, items, 0.0, record).batches([1, 0], 2)
        program = learner(record.blueprint("float64"))
        program.start(weights)
        parts = {"energy": {"weight": 2.0, "delta": 0.7}, "forces": {"weight": 3.0, "delta": 0.7}}
        program.loss.set_loss_component_params(parts)
        program.optimizer.learning_rate.assign(0.0)
        loss = float(program.update(program.known(arrays), np.float64(1.0), np.float64(0.0)))
        energies, forces = model.evaluate(frames, 1)
        errors = (energies - frames.energies) / frames.sizes, forces - frames.forces
        expected = [np.mean(np.where(abs(x) < 0.7, x**2 / 2, 0.7 * (abs(x) - 0.35))) for x in errors]
        assert loss == pytest.approx(2.0 * expected[0] + 3.0 * expected[1], rel=1e-9)

    def test_a_training_killed_within_epochs_ends_as_one_that_was_not(
        self, trained: dict[str, Path], tmp_path: Path
    ) -> None:
        """Three updates an epoch: killed in the second epoch, then, from its start, in the third.

        The first process compiles its own programs, as every process of a campaign does.
        """
        run = self.training(tmp_path, "float32")
        first, second = run.parts.attempts(run.task.key)
        shared = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        own = {name: value for name, value in shared.items() if name != "TF_XLA_FLAGS"}
        for folder, updates, epochs, environ in ((first, 4, [1], own), (second, 5, [2], shared)):
            command = [sys.executable, "-c", KILLED, str(folder), str(updates)]
            assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == -9
            assert [epoch for epoch, _ in checkpoints(folder)] == epochs
        assert attempt(run.parts.begin(run.task), None, commit=True) == EXIT_COMMITTED
        whole = (trained["float32"] / self.weights).read_bytes()
        assert (run.parts.task(run.task.key) / self.weights).read_bytes() == whole

    def test_updates_say_how_long_the_training_is(self, tmp_path: Path) -> None:
        """Seven updates in batches of two: three epochs of three updates for six frames."""
        chosen = self.hyperparameters(updates=7, late_fraction=0.0)
        rows: list[dict[str, float]] = []
        assert (
            self.adapter.train(self.job(tmp_path, hyperparameters=chosen, report=rows.append))["epochs"] == 3
        )
        assert rows[-1]["learning_rate"] == pytest.approx(chosen["stop_lr"])

    def test_single_precision_agrees_in_spite_of_large_energies(
        self, trained: dict[str, Path], model: Evaluator
    ) -> None:
        """float32 would round a total of -2.8 keV to 2e-4 eV; constant energies are added in float64."""
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
        apart = replace(frames, cells=40 * np.eye(3)[None])
        for one, other in ((film, thin), (cluster, apart)):
            for left, right in zip(model.evaluate(one, 1), model.evaluate(other, 1), strict=True):
                np.testing.assert_allclose(left, right, rtol=0, atol=1e-9)

    def test_members_of_a_committee_in_one_process_do_not_mix(
        self, trained: dict[str, Path], model: Evaluator, tmp_path: Path
    ) -> None:
        """They share one program, and each keeps its own weights."""
        self.adapter.train(self.job(tmp_path / "other", seed=4))
        other = self.adapter.load(tmp_path / "other", self.hyperparameters(), "cpu", "float64")
        assert other.program is model.program
        frames = water(2, seed=27)
        alone = model.evaluate(frames, 1)[0]
        assert np.abs(other.evaluate(frames, 1)[0] - alone).max() > 1e-3
        np.testing.assert_array_equal(model.evaluate(frames, 1)[0], alone)

    def test_frames_without_neighbours_are_refused(self, tmp_path: Path) -> None:
        frames = water(2, seed=18)
        spread = replace(frames, positions=3 * frames.positions, cells=3 * frames.cells)
        chosen = self.hyperparameters(rcut=1.0)
        with pytest.raises(InputFailure, match=r"no two atoms are within rcut = 1\.0"):
            self.adapter.train(self.job(tmp_path / "far", train=spread, hyperparameters=chosen))


class TestGrace2L(Shared):
    adapter = two_layers
    small: ClassVar[dict[str, Any]] = {
        **Shared.small,
        "lmax_2": 1,
        "n_rad_max_2": 4,
        "indicator_lmax": 1,
    }
    title = "GRACE-2L"

    def test_an_atom_sees_what_its_neighbours_see(self, model: Evaluator) -> None:
        """In a row of three oxygens 2.5 Å apart, beyond one cutoff from the first but not beyond two."""
        frames = water(1, molecules=1, seed=0)
        row = replace(
            frames, numbers=np.full(3, 8), positions=np.outer([0.0, 2.5, 5.0], [1.0, 0, 0]) + 20.0,
            cells=40.0 * np.eye(3)[None],
        )  # fmt: skip
        ends = []
        for moved in (0.0, 0.2):
            positions = row.positions.copy()
            positions[2, 1] += moved
            ends.append(model.evaluate(replace(row, positions=positions), 1)[1][0])
        assert np.abs(ends[1] - ends[0]).max() > 1e-9
        apart = row.positions + np.outer([0.0, 0.6, 1.2], [1.0, 0, 0])
        np.testing.assert_allclose(model.evaluate(replace(row, positions=apart), 1)[1], 0.0, atol=1e-12)

    @pytest.mark.parametrize("name", ["lmax_2", "indicator_lmax"])
    def test_degrees_beyond_those_of_the_first_layer_are_refused(self, name: str, tmp_path: Path) -> None:
        chosen = self.hyperparameters(**{name: 3})
        with pytest.raises(InputFailure, match=f"{name} = 3 must be at most lmax = 1"):
            self.adapter.train(self.job(tmp_path / "high", hyperparameters=chosen))


SCHEDULE = {
    "lr": 0.01, "stop_lr": 0.002, "late_lr": 0.001, "late_fraction": 0.4, "energy_weight": 1.0,
    "forces_weight": 5.0, "late_energy_weight": 30.0, "late_forces_weight": 1.0, "huber_delta": 0.01,
}  # fmt: skip


def test_a_gpu_that_is_not_there_is_no_cpu() -> None:
    with pytest.raises(RuntimeError, match="finds no GPU"):
        use_device("cuda")


def test_the_learning_rate_falls_along_half_a_cosine_and_switches_after_60_percent() -> None:
    """Five epochs of two updates: six updates before the switch, at 0, 1/5, … of the half cosine."""
    rates = [learning_rate(SCHEDULE, step / 2, 5, 2) for step in range(10)]
    cosine = [0.002 + 0.008 * (1 + np.cos(np.pi * step / 5)) / 2 for step in range(6)]
    assert rates == pytest.approx([*cosine, *[0.001] * 4])


def test_the_weights_switch_when_the_learning_rate_does() -> None:
    """Table S-II: wE = 1, wF = 5 in 300 epochs, then 30 and 1 in 200."""
    for epoch, energy, forces in ((1, 1, 5), (300, 1, 5), (301, 30, 1), (500, 30, 1)):
        parts = loss_parameters(SCHEDULE, epoch, 500)
        expected = {"energy": {"weight": energy, "delta": 0.01}, "forces": {"weight": forces, "delta": 0.01}}
        assert parts == expected
    late = [learning_rate(SCHEDULE, epoch, 500, 1000) == 0.001 for epoch in (299.999, 300)]
    assert late == [False, True]


@pytest.mark.parametrize(("value", "expected"), [(46.71, 47.0), (0.6789, 0.68), (105.0, 100.0)])
def test_constants_have_two_digits(value: float, expected: float) -> None:
    assert rounded(value) == expected
