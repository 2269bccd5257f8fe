"""The MACE adapter: what every architecture must obey, and what is MACE's own."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from mlipbench_hpc.architectures.card import merge
from mlipbench_hpc.architectures.hyperparameters import training_epochs
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.mace import adapter
from mlipbench_hpc.architectures.mace.training import Trainer, learning_rate
from mlipbench_hpc.architectures.testing import Conformance, water
from mlipbench_hpc.contract.task import InputFailure


class TestMace(Conformance):
    adapter = adapter
    # Not every model shows a TorchScript that rewrites itself: this one does, in training and in MD.
    small: ClassVar[dict[str, Any]] = {
        "r_max": 3.0, "num_channels": 16, "max_L": 0, "max_ell": 2, "correlation": 2, "radial_MLP": [8],
        "num_radial_basis": 4, "epochs": 4, "batch_size": 2,
    }  # fmt: skip
    learning: ClassVar[dict[str, Any]] = {"epochs": 25, "num_channels": 4}
    weights = "model.pt"
    one_file = True
    title = "MACE"

    def disturb(self, seed: int) -> None:
        super().disturb(seed)
        torch.manual_seed(seed)

    def test_messages_that_are_vectors_obey_too(self, tmp_path: Path) -> None:
        chosen = self.hyperparameters(max_L=1, num_channels=4, epochs=1)
        adapter.train(self.job(tmp_path / "vectors", hyperparameters=chosen))
        vectors = adapter.load(tmp_path / "vectors", chosen, "cpu", "float64")
        self.test_forces_are_minus_the_gradient_of_the_energy(vectors)
        self.test_rotation_turns_the_forces(vectors)
        self.test_frames_of_several_sizes_go_into_one_batch(vectors)

    def test_single_precision_agrees_in_spite_of_large_energies(
        self, trained: dict[str, Path], model: Evaluator
    ) -> None:
        """float32 would round a total of -2.8 keV to 2e-4 eV; the reference energies are added in float64."""
        frames = water(4, seed=13)
        single = self.load(trained, "float32")
        for one, other in zip(single.evaluate(frames, 4), model.evaluate(frames, 4), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=5e-5)
        assert torch.get_default_dtype() == torch.float32

    def test_frames_without_neighbours_are_refused(self, tmp_path: Path) -> None:
        frames = water(2, seed=18)
        with pytest.raises(InputFailure, match=r"no two atoms are within r_max = 1\.0"):
            spread = replace(frames, positions=3 * frames.positions, cells=3 * frames.cells)
            chosen = self.hyperparameters(r_max=1.0)
            adapter.train(self.job(tmp_path / "far", train=spread, hyperparameters=chosen))


def test_the_learning_rate_rises_and_falls_to_one_percent() -> None:
    chosen = merge(TestMace.card(), "tiny", {"lr": 0.01, "warmup_epochs": 3})
    rates = [learning_rate(epoch, 40, chosen) for epoch in range(1, 41)]
    assert rates[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert all(later < earlier for earlier, later in pairwise(rates[3:]))
    assert rates[-1] == pytest.approx(1e-4)
    assert learning_rate(1, 1, chosen | {"warmup_epochs": 0}) == pytest.approx(0.01)


def test_the_paper_s_switch_comes_after_three_hundred_epochs(tmp_path: Path) -> None:
    """Table S-II of arXiv:2602.22931: rate 0.01 and weights 1 and 10, then 0.001, 1000 and 100."""
    chosen = merge(TestMace.card(), "paper-full", {})
    assert {learning_rate(epoch, 500, chosen) for epoch in range(1, 301)} == {0.01}
    assert {learning_rate(epoch, 500, chosen) for epoch in range(301, 501)} == {0.001}
    job = TestMace.job(tmp_path / "job", hyperparameters=chosen)
    trainer = Trainer(job, *[None] * 5, epochs=500)  # type: ignore[arg-type] (what the loss does not ask for)
    for epoch, weights in ((300, (1.0, 10.0)), (301, (1000.0, 100.0))):
        loss = trainer.loss(epoch)
        assert (float(loss.energy_weight), float(loss.forces_weight)) == weights


def test_updates_of_the_paper_count_batches() -> None:
    """Table S-I: 800 epochs of 500 frames and 400 of 1000, in batches of three."""
    chosen = merge(TestMace.card(), "paper-efficiency", {})
    assert [training_epochs(chosen, frames) for frames in (50, 100, 500, 1000)] == [2000, 2000, 800, 400]
