"""adopt as the worker runs it: what it leaves, and its refusals in one sentence each."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.key import tree_digest
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, Architecture, Task
from mlipbench_hpc.worker.__main__ import attempt

ADAPTER = """
import json
import numpy as np
from mlipbench_hpc.architectures.interface import Adopted
from mlipbench_hpc.contract.task import InputFailure

class Model:
    def __init__(self, energy):
        self.energy = energy

    def evaluate(self, frames, batch_size):
        return np.full(len(frames), self.energy), np.zeros_like(frames.positions)

def load(folder, hyperparameters, device, dtype):
    return Model(json.loads((folder / "model.json").read_text())["energy"])
"""
FILES = """
def adopt(file, folder, dtype):
    record = json.loads(file.read_text())
    if "heads" in record:
        raise InputFailure("two heads: keep one")
    (folder / "model.json").write_text(json.dumps(record))
    return Adopted(record["numbers"], {"cutoff": record["cutoff"]}, 7)
"""
CARD = """
name = "constant"
environment = "tests"
engines = ["ase"]
devices = ["cpu"]
dtypes = ["float64"]
citation = ["none"]
default_preset = "only"
initial = ["cutoff", "width"]
restart = {training = "bitwise", md = "bitwise"}
receptive_field = {cutoff = "cutoff", layers = "layers"}
presets = {only = {}}
[hyperparameters]
cutoff = {type = "float", default = 4.0, help = "Å"}
layers = {type = "int", default = 1, help = "layers"}
width = {type = "int", default = 8, help = "width"}
[cost]
start = "1"
train = "1"
evaluate = "1"
md_ase = "1"
"""
MODEL = {"energy": 1.5, "numbers": [1, 8], "cutoff": 4.0}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, files: bool) -> Architecture:
    """A made-up architecture; files: whether its library has files of its own."""
    package = folder / "code" / name
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "card.toml").write_text(CARD)
    (package / "adapter.py").write_text(ADAPTER + FILES * files)
    monkeypatch.syspath_prepend(str(package.parent))
    return Architecture("constant", name, "0" * 64)


def source(folder: Path, content: Any, as_folder: bool) -> Path:
    """A user's model, as a file or as a folder with the records of the task that left it."""
    text = content if isinstance(content, str) else json.dumps(content)
    if not as_folder:
        (folder / "model").write_text(text)
        return folder / "model"
    place = folder / "member-000"
    place.mkdir()
    for name, words in (("model.json", text), ("result.json", "{}"), ("curve.csv", "epoch\n")):
        (place / name).write_text(words)
    return place


def ended(store: Store, architecture: Architecture, given: Path, **changes: Any) -> tuple[int, Path]:
    """Exit code and folder of the attempt at adopting it."""
    parameters = {
        "hyperparameters": {"cutoff": 4.0, "layers": 1, "width": 8}, "dtype": "float64", "threads": 1,
        "species": [1, 8],
    } | changes  # fmt: skip
    inputs = {"checkpoint": store.add_input(given)}
    task = Task("adopt", 1, "tests", "0" * 64, parameters, inputs=inputs, architecture=architecture)
    folder = store.begin(task)
    return attempt(folder, None, commit=False), folder


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_model_is_left_as_a_training_leaves_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_folder: bool
) -> None:
    architecture = install(tmp_path, monkeypatch, f"constant_{as_folder}", files=True)
    given = source(tmp_path, MODEL, as_folder)
    code, folder = ended(store, architecture, given)
    assert code == EXIT_COMMITTED, read_json(folder / "failure.json")
    result = read_json(folder / "result.json") or {}
    assert set(result["outputs"]) == {"model.json"}
    assert json.loads((folder / "model.json").read_text()) == MODEL
    values = {"numbers": [1, 8], "parameters": 0 if as_folder else 7, "source_sha256": tree_digest(given)}
    assert result["values"] == values


@pytest.mark.parametrize(
    ("content", "as_folder", "changes", "words"),
    [
        (MODEL, False, {"species": [1, 79]}, "the constant model for H, O does not know Au, which the split"),
        (MODEL | {"cutoff": 6.0}, False, {}, "has cutoff: 6.0, the campaign says cutoff: 4.0: write `hyperp"),
        (MODEL | {"cutoff": 6.0}, True, {}, "has cutoff: 6.0, the campaign says cutoff: 4.0"),
        (
            MODEL | {"hyperparameters": {"width": 16}}, True, {"initial": True},
            "has width: 16, the campaign says width: 8",
        ),
        (MODEL | {"energy": float("nan")}, False, {}, "forces of the constant model are not finite"),
        (MODEL | {"heads": 2}, False, {}, "two heads: keep one"),
        ("pickle", False, {}, "the file cannot be read as such a model: JSONDecodeError: Expecting value"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_one_sentence(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    content: Any, as_folder: bool, changes: dict[str, Any], words: str,
) -> None:  # fmt: skip
    name = f"constant_{abs(hash((str(content), as_folder, str(changes))))}"
    architecture = install(tmp_path, monkeypatch, name, files=True)
    code, folder = ended(store, architecture, source(tmp_path, content, as_folder), **changes)
    failure = read_json(folder / "failure.json") or {}
    assert (code, failure["kind"]) == (EXIT_OF_FAILURE["input"], "input")
    assert words in failure["message"], failure["message"]


def test_widths_may_differ_where_nothing_is_trained(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = install(tmp_path, monkeypatch, "constant_wide", files=True)
    given = source(tmp_path, MODEL | {"hyperparameters": {"width": 16}}, as_folder=True)
    assert ended(store, architecture, given)[0] == EXIT_COMMITTED


def test_an_architecture_without_files_of_its_own_takes_folders(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = install(tmp_path, monkeypatch, "constant_folders", files=False)
    code, folder = ended(store, architecture, source(tmp_path, MODEL, as_folder=False))
    assert code == EXIT_OF_FAILURE["input"]
    assert "is a folder, as `mlipbench export` or a training leaves one, not a file" in str(
        read_json(folder / "failure.json")
    )


def test_bytes_that_changed_in_the_store_are_not_loaded(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = install(tmp_path, monkeypatch, "constant_changed", files=True)
    given = source(tmp_path, MODEL, as_folder=False)
    sha256 = store.add_input(given)
    store.input(sha256).write_text(json.dumps(MODEL | {"energy": 2.0}))
    code, folder = ended(store, architecture, given)
    assert code == EXIT_OF_FAILURE["input"]
    assert f"expected sha256 {sha256}, found {tree_digest(store.input(sha256))}" in str(
        read_json(folder / "failure.json")
    )
