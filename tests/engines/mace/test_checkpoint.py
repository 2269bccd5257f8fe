"""Whole models of mace-torch as users bring them: used as they are, and as the start of a training."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mace.calculators import MACECalculator

from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.mace import adapter
from mlipbench_hpc.architectures.mace.mace_torch import modules, o3, quiet
from mlipbench_hpc.architectures.testing import water
from mlipbench_hpc.contract.task import InputFailure

from .test_mace import TestMace as Mace

SMALL = {**Mace.small, "num_channels": 4, "max_L": 1}
# As of MACE-MP's models: other blocks, a transform of distances, a repulsion; five elements with energies.
FOUNDATION: dict[str, Any] = {
    "interaction_cls_first": "RealAgnosticDensityInteractionBlock",
    "interaction_cls": "RealAgnosticDensityResidualInteractionBlock",
    "distance_transform": "Agnesi",
    "pair_repulsion": True,
}
ATOMS_EV = {1: -1.1, 6: -8.1, 8: -7.4, 11: -1.3, 79: -3.2}


def foundation(path: Path, **changes: Any) -> Path:
    """A whole model with random weights, saved as mace-torch saves one."""
    torch.manual_seed(4)
    chosen = {**FOUNDATION, **changes}
    blocks = {name: modules.interaction_classes[chosen.pop(name)] for name in list(FOUNDATION)[:2]}
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with quiet():
        model = modules.ScaleShiftMACE(
            r_max=3.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=2, num_interactions=2,
            num_elements=len(ATOMS_EV), hidden_irreps=o3.Irreps("4x0e+4x1o"), MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=np.array([list(ATOMS_EV.values())]), avg_num_neighbors=9.0,
            atomic_numbers=list(ATOMS_EV), correlation=2, gate=torch.nn.functional.silu, radial_MLP=[8],
            atomic_inter_scale=0.7, atomic_inter_shift=0.2, **blocks, **chosen,
        )  # fmt: skip
        torch.save(model, path)
    torch.set_default_dtype(before)
    return path


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of such a model, with the file in it."""
    folder = tmp_path_factory.mktemp("adopted")
    found = adapter.adopt(foundation(folder / "large.model"), folder, "float64")
    assert found.numbers == list(ATOMS_EV)
    wanted = {"r_max": 3.0, "num_channels": 4, "max_L": 1, "max_ell": 2, "correlation": 2, "radial_MLP": [8]}
    assert {name: found.hyperparameters[name] for name in wanted} == wanted
    assert found.hyperparameters["readout_width"] == 16
    return folder


def evaluator(folder: Path) -> Evaluator:
    model: Evaluator = adapter.load(folder, {}, "cpu", "float64")
    return model


def test_a_model_of_another_maker_gives_the_energies_of_mace_torch_itself(adopted: Path) -> None:
    frames = water(2, seed=30)
    energies, forces = evaluator(adopted).evaluate(frames, 2)
    with quiet():
        calculator = MACECalculator(str(adopted / "large.model"), device="cpu", default_dtype="float64")
    for index in range(2):
        atoms = frames.atoms(index)
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(energies[index], abs=1e-9, rel=0)
        np.testing.assert_allclose(atoms.get_forces(), forces[frames.atoms_of(index)], rtol=0, atol=1e-9)


def test_only_tensors_are_unpickled_later(adopted: Path) -> None:
    torch.load(adopted / "model.pt", weights_only=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {}}, "holds a dict, expected a whole ScaleShiftMACE"),
        ({"heads": ["pt", "own"], "interaction_cls": "RealAgnosticResidualInteractionBlock"}, "keep one"),
        ({"use_so3": True}, "a construction that is not rebuilt here"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    file = tmp_path / "file.model"
    if "model" in content:
        torch.save(content, file)
    else:
        energies = {"atomic_energies": np.zeros((2, len(ATOMS_EV)))} if "heads" in content else {}
        headed(file, content, energies)
    with pytest.raises(InputFailure, match=message):
        adapter.adopt(file, tmp_path, "float64")


def headed(file: Path, content: dict[str, Any], energies: dict[str, Any]) -> None:
    """The same model with another construction."""
    if not energies:
        foundation(file, **content)
        return
    foundation(file)
    with quiet():
        model = torch.load(file, weights_only=False)
        model.heads = content["heads"]
        torch.save(model, file)


def test_a_training_starts_from_a_model_even_where_labels_have_another_zero(tmp_path: Path) -> None:
    """One epoch at a small rate leaves the forces as they were and takes up the zero."""
    chosen = Mace.hyperparameters(**{**SMALL, "batch_size": 1, "epochs": 3})
    first = Mace.job(tmp_path / "first", hyperparameters=chosen)
    adapter.train(first)
    before = evaluator(tmp_path / "first").evaluate(first.train, 2)
    moved = [
        replace(part, energies=part.energies + 5.0 * part.sizes) for part in (first.train, first.validation)
    ]
    careful = {**chosen, "epochs": 1, "lr": 1e-6, "warmup_epochs": 0, "ema_decay": 0.0}
    after = {}
    for name, initial in (("tuned", tmp_path / "first"), ("fresh", None)):
        job = Mace.job(tmp_path / name, train=moved[0], validation=moved[1], hyperparameters=careful)
        adapter.train(replace(job, initial=initial))
        after[name] = evaluator(tmp_path / name).evaluate(first.train, 2)
    per_atom = (after["tuned"][0] - before[0]) / first.train.sizes
    assert np.abs(per_atom - 5.0).max() < 0.05 * np.abs(first.train.energies / first.train.sizes).max()
    changes = {name: np.abs(forces - before[1]).max() for name, (_, forces) in after.items()}
    assert changes["tuned"] < 1e-3 < 0.1 < changes["fresh"], changes


def test_a_training_from_another_maker_s_model_keeps_its_elements(adopted: Path, tmp_path: Path) -> None:
    job = Mace.job(tmp_path, hyperparameters=Mace.hyperparameters(**{**SMALL, "epochs": 1}))
    job = replace(job, initial=adopted)
    adapter.train(job)
    model: Any = evaluator(tmp_path)
    assert model.known == list(ATOMS_EV)
    error = (model.evaluate(job.train, 2)[0] - job.train.energies) / job.train.sizes
    assert np.abs(error).max() < 0.5


def test_energies_of_atoms_are_in_the_record_alone(adopted: Path) -> None:
    """In the weights too they would count twice in what a training learns, and in kernels."""
    state = torch.load(adopted / "model.pt", weights_only=True)
    own = [values for name, values in state.items() if "atomic_energies" in name]
    assert own
    assert all(not values.any() for values in own)
    record = json.loads((adopted / "model.json").read_text())
    assert record["reference_energies"] == pytest.approx([ATOMS_EV[number] for number in record["numbers"]])
