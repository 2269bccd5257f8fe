"""The eSEN adapter: what every architecture must obey, and what is eSEN's own."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from fairchem.core import FAIRChemCalculator
from fairchem.core.units.mlip_unit import InferenceSettings, load_predict_unit

from mlipbench_hpc.architectures.esen import adapter
from mlipbench_hpc.architectures.esen.evaluator import EsenEvaluator
from mlipbench_hpc.architectures.esen.graphs import DATASET, batch, graph
from mlipbench_hpc.architectures.esen.model import Blueprint
from mlipbench_hpc.architectures.esen.training import schedule
from mlipbench_hpc.architectures.testing import Conformance, water
from mlipbench_hpc.contract.folder import checkpoints
from mlipbench_hpc.contract.task import EXIT_COMMITTED, InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.__main__ import attempt

# An attempt that vanishes before one of its updates. Arguments: its folder, the number of updates before.
KILLED = """
import os, signal, sys
from pathlib import Path
from mlipbench_hpc.architectures.esen.training import Trainer
from mlipbench_hpc.worker.__main__ import attempt
left, update = int(sys.argv[2]), Trainer.update
def count(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return update(*arguments)
Trainer.update = count
attempt(Path(sys.argv[1]), None, commit=True)
"""


class TestEsen(Conformance):
    adapter = adapter
    small: ClassVar[dict[str, Any]] = {
        "cutoff": 3.0, "num_layers": 2, "sphere_channels": 4, "hidden_channels": 4, "edge_channels": 4,
        "num_distance_basis": 8, "epochs": 4, "batch_size": 2,
    }  # fmt: skip
    learning: ClassVar[dict[str, Any]] = {"epochs": 20, "batch_size": 1, "num_layers": 1}
    weights = "model.pt"
    one_file = True
    title = "eSEN"

    def disturb(self, seed: int) -> None:
        super().disturb(seed)
        torch.manual_seed(seed)

    def test_a_training_killed_within_an_epoch_ends_as_one_that_was_not(
        self, trained: dict[str, Path], tmp_path: Path
    ) -> None:
        """Three updates an epoch: killed in the second one."""
        run = self.training(tmp_path, "float32")
        first = run.parts.attempts(run.task.key)[0]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", KILLED, str(first), "4"]
        assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == -9
        assert [epoch for epoch, _ in checkpoints(first)] == [1]
        assert attempt(run.parts.begin(run.task), None, commit=True) == EXIT_COMMITTED
        whole = (trained["float32"] / self.weights).read_bytes()
        assert (run.parts.task(run.task.key) / self.weights).read_bytes() == whole

    def test_fairchem_predicts_the_same_from_the_same_file(
        self, trained: dict[str, Path], model: EsenEvaluator
    ) -> None:
        """Its predictor reads model.pt alone, finds neighbours itself and adds the reference energies."""
        settings = InferenceSettings(
            tf32=False, compile=False, activation_checkpointing=False, base_precision_dtype="float64"
        )
        path = trained[self.widest()] / self.weights
        calculator = FAIRChemCalculator(
            load_predict_unit(str(path), inference_settings=settings, device="cpu"), task_name=DATASET
        )
        frames = water(2, seed=20)
        energies, forces = model.evaluate(frames, 2)
        for index in range(2):
            atoms = frames.atoms(index)
            atoms.calc = calculator
            # It takes positions, cells and reference energies in float32.
            assert atoms.get_potential_energy() == pytest.approx(energies[index], abs=1e-3, rel=0)
            np.testing.assert_allclose(atoms.get_forces(), forces[frames.atoms_of(index)], rtol=0, atol=1e-4)

    def test_single_precision_agrees_in_spite_of_large_energies(
        self, trained: dict[str, Path], model: EsenEvaluator
    ) -> None:
        """float32 would round a total of -2.8 keV to 2e-4 eV; the reference energies are added in float64."""
        frames, single = water(4, seed=13), self.load(trained, "float32")
        for narrow, wide in zip(single.evaluate(frames, 4), model.evaluate(frames, 4), strict=True):
            np.testing.assert_allclose(narrow, wide, rtol=0, atol=5e-5)
        assert torch.get_default_dtype() == torch.float32

    def test_random_angles_neither_show_nor_are_used_up(self, trained: dict[str, Path]) -> None:
        """fairchem-core turns every edge by one: the same ones each time, whatever the process draws."""
        frames, single = water(2, seed=21), self.load(trained, "float32")
        torch.manual_seed(5)
        first, drawn = single.evaluate(frames, 2), torch.rand(3)
        torch.manual_seed(5)
        assert torch.equal(torch.rand(3), drawn)
        for values, again in zip(first, single.evaluate(frames, 2), strict=True):
            np.testing.assert_array_equal(values, again)

    def test_open_directions_equal_a_cell_with_enough_vacuum(self, model: EsenEvaluator) -> None:
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

    def test_fewer_orders_than_degrees_obey_too(self, tmp_path: Path) -> None:
        chosen = self.hyperparameters(mmax=1, num_layers=1, epochs=1)
        adapter.train(self.job(tmp_path / "orders", hyperparameters=chosen))
        orders = adapter.load(tmp_path / "orders", chosen, "cpu", "float64")
        self.test_forces_are_minus_the_gradient_of_the_energy(orders)
        self.test_rotation_turns_the_forces(orders)

    def test_updates_say_how_long_the_training_is(self, tmp_path: Path) -> None:
        """Seven updates in batches of two: three epochs of three updates for six frames."""
        rows: list[dict[str, float]] = []
        chosen = self.hyperparameters(updates=7, num_layers=1)
        job = self.job(tmp_path, hyperparameters=chosen, report=rows.append)
        assert self.adapter.train(job)["epochs"] == 3
        assert len(rows) == 3

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"mmax": 3}, "mmax = 3 must be at most lmax = 2"),
            ({"sphere_channels": 5}, "sphere_channels = 5 must be even"),
            ({"cutoff": 1.0}, r"no two atoms are within cutoff = 1\.0"),
        ],
    )
    def test_what_cannot_be_built_is_refused(
        self, tmp_path: Path, changes: dict[str, Any], message: str
    ) -> None:
        frames = water(2, seed=18)
        spread = replace(frames, positions=3 * frames.positions, cells=3 * frames.cells)
        with pytest.raises(InputFailure, match=message):
            adapter.train(self.job(tmp_path, train=spread, hyperparameters=self.hyperparameters(**changes)))

    def test_a_pickle_is_not_run(self, trained: dict[str, Path], tmp_path: Path) -> None:
        for path in trained["float32"].iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        torch.save(Blueprint({}, [1], [0.0], 1.0, 0.0), tmp_path / self.weights)
        with pytest.raises(Exception, match="Weights only load failed"):
            adapter.load(tmp_path, {}, "cpu", "float32")


@pytest.mark.parametrize("layers", [1, 2])
def test_an_atom_feels_others_one_cutoff_beyond_its_layers(layers: int) -> None:
    """A chain of atoms that see the next ones only, and the features that the first one's energy is made of.

    What an atom begins with is already summed over its neighbours: it feels one link more than it has layers.
    """
    chosen = TestEsen.hyperparameters(num_layers=layers)
    torch.manual_seed(0)
    model = Blueprint(chosen, [1, 8], [0.0, 0.0], 1.0, 0.0).build("float64").eval()
    line = 0.7 * chosen["cutoff"] * np.arange(layers + 3)[:, None] * [[1.0, 0.0, 0.0]]

    def features(positions: Floats) -> torch.Tensor:
        numbers, open_ends = np.where(np.arange(len(line)) % 2, 1, 8), np.zeros(3, dtype=bool)
        item = graph(numbers, positions, np.zeros((3, 3)), open_ends, chosen["cutoff"])
        return model.backbone(batch([item], "float64", "cpu"))["node_embedding"][0].detach()

    changes = []
    for atom in range(1, len(line)):
        moved = line.copy()
        moved[atom] += [0.1, 0.3, 0.0]
        changes.append(float((features(moved) - features(line)).abs().max()))
    felt = [change > 1e-12 for change in changes]
    assert felt == [atom <= layers + 1 for atom in range(1, len(line))], changes


def test_the_learning_rate_rises_from_a_fifth_and_falls_to_one_percent() -> None:
    factor = schedule({"epochs": 10, "batch_size": 2, "warmup_epochs": 1.5}, 9)
    rates = [factor(update) for update in range(51)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[7] == pytest.approx(1.0)
    assert rates[3] == pytest.approx(0.2 + 0.8 * 3 / 7)
    assert all(later < earlier for earlier, later in pairwise(rates[7:]))
    assert rates[50] == pytest.approx(0.01)
