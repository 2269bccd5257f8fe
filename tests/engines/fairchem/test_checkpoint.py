"""Inference checkpoints of fairchem-core as users bring them, made here with random weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairchem.core import FAIRChemCalculator
from fairchem.core.units.mlip_unit import InferenceSettings, load_predict_unit
from torch.optim.swa_utils import AveragedModel

from mlipbench_hpc.architectures.esen import adapter
from mlipbench_hpc.architectures.esen.checkpoint import WHOLE
from mlipbench_hpc.architectures.esen.fairchem_core import MLIPInferenceCheckpoint, instantiate
from mlipbench_hpc.architectures.esen.model import FILE, Blueprint
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.testing import water
from mlipbench_hpc.contract.task import InputFailure

from .test_esen import TestEsen as Esen

SMALL: dict[str, Any] = {**Esen.small, "num_layers": 1, "epochs": 1}
DATASET = "oc25"


def foundation(path: Path, **changes: Any) -> Path:
    """A checkpoint as fairchem-core publishes them: edges made by the model, embeddings of the dataset."""
    torch.manual_seed(6)
    blueprint = Blueprint(Esen.hyperparameters(**SMALL), [1, 8, 79], [-1.0, -7.0, -3.0], 0.8, 0.0)
    config = blueprint.configuration()
    config["backbone"] |= {
        "otf_graph": True, "use_dataset_embedding": True, "dataset_mapping": {DATASET: DATASET},
        "max_neighbors": 300, "always_use_pbc": False,
    } | changes  # fmt: skip
    tasks = [{**task, "datasets": [DATASET]} for task in blueprint.tasks()]
    model = AveragedModel(instantiate(config))
    weights = {key.removeprefix("module."): value for key, value in model.state_dict().items()}
    torch.save(MLIPInferenceCheckpoint(config, weights, model.state_dict(), tasks), path)
    return path


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of such a model, and the file."""
    folder = tmp_path_factory.mktemp("adopted")
    found = adapter.adopt(foundation(folder / "file.pt"), folder, "float64")
    assert found.numbers == [1, 8, 79]
    assert found.hyperparameters["cutoff"] == 3.0
    assert found.hyperparameters["num_layers"] == 1
    return folder


def evaluator(folder: Path, dtype: str = "float64") -> Evaluator:
    model: Evaluator = adapter.load(folder, {}, "cpu", dtype)
    return model


def test_another_maker_s_checkpoint_gives_the_energies_of_fairchem_itself(adopted: Path) -> None:
    settings = InferenceSettings(
        tf32=False, compile=False, activation_checkpointing=False, base_precision_dtype="float64"
    )
    unit = load_predict_unit(str(adopted / "file.pt"), inference_settings=settings, device="cpu")
    calculator, frames, model = (
        FAIRChemCalculator(unit, task_name=DATASET),
        water(2, seed=20),
        evaluator(adopted),
    )
    energies, forces = model.evaluate(frames, 2)
    for index in range(2):
        atoms = frames.atoms(index)
        atoms.calc = calculator
        # It takes positions, cells and reference energies in float32.
        assert atoms.get_potential_energy() == pytest.approx(energies[index], abs=1e-3, rel=0)
        np.testing.assert_allclose(atoms.get_forces(), forces[frames.atoms_of(index)], rtol=0, atol=1e-4)


def test_forces_are_minus_the_gradient_and_members_agree_with_one(adopted: Path) -> None:
    frames, model, step = water(1, seed=21), evaluator(adopted), 1e-4
    forces = model.evaluate(frames, 1)[1]
    ends = []
    for sign in (-1, 1):
        places = frames.positions.copy()
        places[4, 1] += sign * step
        ends.append(model.evaluate(replace(frames, positions=places), 1)[0][0])
    assert -(ends[1] - ends[0]) / (2 * step) == pytest.approx(forces[4, 1], abs=1e-6)
    both = adapter.committee([adopted, adopted], {}, "cpu", "float64").energies(frames, 1)
    np.testing.assert_allclose(both, [model.evaluate(frames, 1)[0]] * 2, rtol=0, atol=1e-9)


def test_a_training_does_not_start_from_what_is_not_built_here(adopted: Path, tmp_path: Path) -> None:
    job = Esen.job(tmp_path, hyperparameters=Esen.hyperparameters(**SMALL), initial=adopted)
    with pytest.raises(InputFailure, match="it can be used as it is"):
        adapter.train(job)


@pytest.mark.parametrize(
    ("changes", "message"),
    [(None, "holds a dict, expected an inference checkpoint"), ({"direct_forces": True}, "not the gradient")],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, changes: dict[str, Any] | None, message: str
) -> None:
    file = tmp_path / "file.pt"
    torch.save({}, file) if changes is None else foundation(file, **changes)
    with pytest.raises(InputFailure, match=message):
        adapter.adopt(file, tmp_path, "float64")


def test_our_own_file_is_ours_again_and_a_training_starts_from_it(tmp_path: Path) -> None:
    """model.pt alone gives the same energies; labels with another zero do not matter to what follows."""
    first = Esen.job(tmp_path / "first", hyperparameters=Esen.hyperparameters(**{**SMALL, "epochs": 3}))
    adapter.train(first)
    (tmp_path / "again").mkdir()
    adapter.adopt(tmp_path / "first" / FILE, tmp_path / "again", "float64")
    assert not (tmp_path / "again" / WHOLE).exists()
    before, after = evaluator(tmp_path / "first"), evaluator(tmp_path / "again")
    for value, expected in zip(after.evaluate(first.train, 2), before.evaluate(first.train, 2), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9)
    moved = replace(first.train, energies=first.train.energies + 5.0 * first.train.sizes)
    careful = Esen.hyperparameters(**{**SMALL, "lr": 1e-6, "ema_decay": 0.0})
    job = replace(
        first, folder=tmp_path / "tuned", train=moved, hyperparameters=careful, initial=tmp_path / "again"
    )
    job.folder.mkdir()
    adapter.train(job)
    energies, forces = evaluator(tmp_path / "tuned").evaluate(moved, 2)
    assert np.abs(energies - moved.energies).max() < 0.1 * np.abs(first.train.energies - moved.energies).min()
    np.testing.assert_allclose(forces, before.evaluate(first.train, 2)[1], rtol=0, atol=1e-3)
