"""The kernel jax of DP, made beside deepmd-kit: its answers are the trained graph's, and what it refuses."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dp_models import SMALL, train

from mlipbench_hpc.architectures.dp import adapter as dp
from mlipbench_hpc.architectures.dp import model as dp_model
from mlipbench_hpc.architectures.dp_in_jax import adapter, preparation
from mlipbench_hpc.architectures.dp_in_jax.blueprint import FILE
from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.shared import probes
from mlipbench_hpc.architectures.testing import harmonic, water
from mlipbench_hpc.contract.folder import checkpoints
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Frames

Models = Callable[[str, bool], Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Function from dtype and type_one_side to the folder of a training."""
    made: dict[tuple[str, bool], Path] = {}

    def model(dtype: str, one_side: bool) -> Path:
        if (dtype, one_side) not in made:
            folder = tmp_path_factory.mktemp(dtype) / "model"
            frames = harmonic(water(4, seed=1))
            made[dtype, one_side] = train(folder, frames, frames, dtype, type_one_side=one_side, epochs=4)
        return made[dtype, one_side]

    return model


def job(folder: Path, model: Path, dtype: str = "float64") -> KernelJob:
    folder.mkdir(exist_ok=True)
    return KernelJob(folder, model, {}, water(2, seed=5), dtype)


@pytest.mark.parametrize("one_side", [True, False])
def test_answers_are_those_of_the_trained_graph(models: Models, tmp_path: Path, one_side: bool) -> None:
    """Compression in float64 rounds nothing; JAX, which is not here, is not imported."""
    model = models("float64", one_side)
    values = adapter.prepare(job(tmp_path / "kernel", model))
    kept = Frames.load(tmp_path / "kernel" / probes.NAME)
    energies, forces = dp.load(model, {}, "cpu", "float64").evaluate(kept, 1)
    np.testing.assert_allclose(kept.energies, energies, rtol=1e-12)
    np.testing.assert_allclose(kept.forces, forces, rtol=0, atol=1e-9)
    assert values["compressed_force_deviation_of_rms"] < 1e-8
    assert values["probes"] == 2
    assert sorted(path.name for path in (tmp_path / "kernel").iterdir()) == [
        "model.json", "probes.npz", "weights.npz",
    ]  # fmt: skip
    assert "jax" not in sys.modules


def test_weights_are_those_of_the_training(models: Models, tmp_path: Path) -> None:
    """One net for each neighbour, whatever the centre; places for neighbours as deepmd-kit counted them."""
    model = models("float32", True)
    adapter.prepare(job(tmp_path / "kernel", model, "float32"))
    _, last = next(checkpoints(model))
    with np.load(last / "state.npz") as archive:
        state = dict(archive)
    with np.load(tmp_path / "kernel" / FILE) as archive:
        weights = dict(archive)
    for pair in range(9):
        expected = state[f"filter_type_all/matrix_2_{pair % 3}"]
        np.testing.assert_array_equal(weights["embedding.1.weight"][pair], expected)
    np.testing.assert_array_equal(weights["fitting.1.step"][2], state["layer_1_type_2/idt"])
    np.testing.assert_array_equal(weights["mean"], state["descrpt_attr/t_avg"][:, 0])
    record = json.loads((tmp_path / "kernel/model.json").read_text())
    assert 4 * sum(record["room"]) == state["descrpt_attr/t_avg"].shape[1]
    assert (record["cutoff"], record["smooth_from"]) == (SMALL["rcut"], 0.5)


def test_types_of_a_graph_may_come_in_any_order(models: Models) -> None:
    """As in a graph of somebody else's: the same weights for each element."""
    data = preparation.serialized(models("float64", False))
    expected = preparation.weights_of(data, [1, 8, 11])
    order, nets = [2, 0, 1], data["descriptor"]["embeddings"]["networks"]
    data["type_map"] = [data["type_map"][kind] for kind in order]
    data["descriptor"]["embeddings"]["networks"] = [
        nets[order[centre] + 3 * order[neighbour]] for neighbour in range(3) for centre in range(3)
    ]
    fitting = data["fitting"]["nets"]
    fitting["networks"] = [fitting["networks"][kind] for kind in order]
    for name in ("davg", "dstd"):
        data["descriptor"]["@variables"][name] = data["descriptor"]["@variables"][name][order]
    turned = preparation.weights_of(data, [1, 8, 11])
    for (name, one), (_, other) in zip(preparation.leaves(expected), preparation.leaves(turned), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.fixture
def copy(models: Models, tmp_path: Path) -> Path:
    """A training's folder of which a test may change files."""
    shutil.copytree(models("float64", True), tmp_path / "model")
    return tmp_path / "model"


def test_a_compressed_graph_without_its_checkpoint_is_refused(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "checkpoint")
    with pytest.raises(InputFailure, match="holds a compressed graph without its training's checkpoint"):
        adapter.prepare(job(tmp_path / "kernel", copy))


def test_a_checkpoint_of_another_epoch_is_refused(copy: Path, tmp_path: Path) -> None:
    _, last = next(checkpoints(copy))
    shutil.rmtree(last)
    with pytest.raises(InputFailure, match=r"the last checkpoint in .* is not that of its graph"):
        adapter.prepare(job(tmp_path / "kernel", copy))


def test_a_graph_that_was_not_compressed_needs_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As deepmd-kit's own `dp freeze` leaves it, and users bring it."""

    def left(input: str, output: str, **_options: Any) -> None:
        shutil.copyfile(input, output)

    monkeypatch.setattr(dp_model, "compress", left)
    frames = harmonic(water(3, seed=2))
    model = train(tmp_path / "model", frames, frames, "float64", epochs=1)
    shutil.rmtree(model / "checkpoint")
    (tmp_path / "adopted").mkdir()
    dp.adopt(model / "model.pb", tmp_path / "adopted", "float64")
    values = adapter.prepare(job(tmp_path / "kernel", tmp_path / "adopted"))
    assert values["compressed_force_deviation_of_rms"] < 1e-10


def test_a_model_of_another_precision_is_refused(models: Models, tmp_path: Path) -> None:
    with pytest.raises(InputFailure, match="was frozen in float64, float32 was asked for"):
        adapter.prepare(job(tmp_path / "kernel", models("float64", True), "float32"))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("descriptor.activation_function", "gelu", r"descriptor\.activation_function: 'gelu'"),
        ("descriptor.exclude_types", [[0, 1]], r"descriptor\.exclude_types"),
        ("fitting.numb_fparam", 1, r"fitting\.numb_fparam: 1"),
        ("descriptor.@variables.davg", np.ones((3, 5, 4)), "davg or dstd that differ between neighbours"),
        ("@variables.out_bias", np.ones((1, 3, 1)), "out_bias or out_std"),
    ],
)
def test_what_it_does_not_compute_is_refused(models: Models, path: str, value: Any, message: str) -> None:
    data = preparation.serialized(models("float64", True))
    *parents, last = path.split(".")
    place = data
    for parent in parents:
        place = place[parent]
    place[last] = value
    with pytest.raises(InputFailure, match=f"DP by JAX does not compute a model with {message}"):
        preparation.require_plain(data)


def test_another_descriptor_is_refused(copy: Path, tmp_path: Path) -> None:
    graph = preparation.tf.GraphDef.FromString((copy / "model.pb").read_bytes())
    (node,) = [node for node in graph.node if node.name == preparation.SCRIPT]
    script = json.loads(preparation.constants(graph, (preparation.SCRIPT,))[preparation.SCRIPT].item())
    script["model"]["descriptor"]["type"] = "se_e3"
    node.attr["value"].tensor.CopyFrom(preparation.tf.make_tensor_proto(json.dumps(script)))
    (copy / "model.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(
        InputFailure, match="DP by JAX computes the descriptor se_e2_a, the graph has 'se_e3'"
    ):
        preparation.serialized(copy)
