"""build and split as the worker runs them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, InputFailure, Task
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.builders.water import water_box

IMPORT = {
    "kind": "import",
    "format": "extxyz",
    "units": {"energy": "eV", "force": "eV/Å", "dipole": "e·Å", "position": "Å"},
    "labels": {"energy": "energy", "forces": "forces", "dipole": "dipole"},
    "frames": None,
    "largest_force": 50.0,
    "leave_out": None,
    "ignore": [],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def run(store: Store, task: Task) -> dict[str, Any]:
    """The task's result, or its failure.json with `code`."""
    folder = store.begin(task)
    code = attempt(folder, None, commit=True)
    if code == EXIT_COMMITTED:
        return store.result(task.key) or {}
    return {**read_json(folder / "failure.json"), "code": code}


def task(verb: str, parameters: dict[str, Any], **others: Any) -> Task:
    return Task(verb, 1, "tests", "0" * 64, parameters, **others)


def extxyz(path: Path, energies: list[float]) -> Path:
    images = [
        Atoms(
            "OH2", [[0, 0, 0], [1, 0, 0.1 * i], [0, 1, 0]], cell=[9.0] * 3, pbc=True, info={"energy": energy}
        )
        for i, energy in enumerate(energies)
    ]
    for image in images:
        # One H moves by 0.1 Å along z from frame to frame, and the energy falls by 0.01 eV.
        image.arrays["forces"] = 0.1 * np.outer([0, 1, 0], [0, 0, 1])
    write(path, images, format="extxyz")
    return path


def test_import_then_split(store: Store, tmp_path: Path):
    sha256 = store.add_input(extxyz(tmp_path / "water.xyz", [-15.0 - 0.01 * i for i in range(20)]))
    build = task("build", IMPORT, inputs={"data": sha256})
    values = run(store, build)["values"]
    assert (values["frames"], values["atoms"], values["compositions"]) == (20, 60, {"H2O1": 20})
    assert values["energy_mean_eV_per_atom"] == pytest.approx(-15.095 / 3)
    assert values["force_std_eV_per_A"] == pytest.approx(0.1 * np.sqrt(8) / 9)
    sizes = {"validation": 3, "test": 4, "train": 6, "members": 2, "disjoint": True, "seed": 5, "only": {}}
    divide = task("split", sizes, upstream={"frames": build.key})
    assert run(store, divide)["values"]["pool"] == 13
    record = json.loads((store.task(divide.key) / "split.json").read_text())
    assert sorted(record) == ["members", "reference_energies", "test", "validation"]
    used = [*record["validation"], *record["test"], *record["members"][0], *record["members"][1]]
    assert len(set(used)) == len(used) == 19
    energies = record["reference_energies"]
    assert 2 * energies["1"] + energies["8"] == pytest.approx(-15.1, abs=0.1)


def test_one_dataset_gives_specific_and_mixed_sets(store: Store, tmp_path: Path):
    """Waters alone and beside one or two Na, in turn: a specific set knows its own frames and no others."""
    images = [
        Atoms("OH2" + "Na" * (i % 3), [[0.02 * i * z, 0, z] for z in range(3 + i % 3)]) for i in range(30)
    ]
    for image in images:
        sodium = image.symbols.count("Na")
        image.info["energy"] = -15.0 - 2.0 * sodium
        image.arrays["forces"] = np.full((len(image), 3), 0.1)
    write(tmp_path / "salt.xyz", images, format="extxyz")
    build = task("build", IMPORT, inputs={"data": store.add_input(tmp_path / "salt.xyz")})
    run(store, build)
    sizes = {"validation": 2, "test": 2, "train": 4, "members": 2, "disjoint": False, "seed": 5}
    result = {}
    for name, only in (("mixed", {}), ("none", {"Na": 0}), ("two", {"Na": 2})):
        divide = task("split", sizes | {"only": only}, upstream={"frames": build.key})
        assert run(store, divide)["values"]["pool"] == (6 if only else 26)
        result[name] = json.loads((store.task(divide.key) / "split.json").read_text())
    used = {
        name: {i % 3 for i in (*one["validation"], *one["test"], *one["members"][0], *one["members"][1])}
        for name, one in result.items()
    }
    assert used == {"mixed": {0, 1, 2}, "none": {0}, "two": {2}}
    assert sorted(result["none"]["reference_energies"]) == ["1", "8"]
    assert sorted(result["two"]["reference_energies"]) == ["1", "11", "8"]
    assert result["mixed"]["reference_energies"]["11"] == pytest.approx(-2.0)
    own = {"train": {"Na": [0]}, "held_out": {"Na": [0]}}
    restricted = {"only": {}, "validation": 6, "test": 6, "restrict": own}
    divide = task("split", sizes | restricted, upstream={"frames": build.key})
    assert run(store, divide)["values"]["pool"] == 6, "10 waters alone, of which 2 + 2 are held out"
    parts = json.loads((store.task(divide.key) / "split.json").read_text())
    assert sorted(parts["reference_energies"]) == ["1", "8"], "no sodium, which no set holds"
    divide = task("split", sizes | {"only": {"Na": 3}}, upstream={"frames": build.key})
    assert "frames with Na3: 0 frames cannot give 8" in run(store, divide)["message"]


def test_bad_data_and_too_small_data_are_input_failures(store: Store, tmp_path: Path):
    bad = store.add_input(extxyz(tmp_path / "bad.xyz", [-15.0, float("nan")]))
    failure = run(store, task("build", IMPORT, inputs={"data": bad}))
    assert failure["code"] == EXIT_OF_FAILURE["input"]
    assert "frame 1: energy label missing" in failure["message"]
    few = store.add_input(extxyz(tmp_path / "few.xyz", [-15.0, -15.1, -15.2]))
    build = task("build", IMPORT, inputs={"data": few})
    run(store, build)
    sizes = {"validation": 1, "test": 1, "train": 2, "members": 2, "disjoint": False, "seed": 0, "only": {}}
    failure = run(store, task("split", sizes, upstream={"frames": build.key}))
    assert failure["code"] == EXIT_OF_FAILURE["input"]
    assert "3 frames cannot give 4" in failure["message"]


def test_unlabelled_frames_cannot_be_split(store: Store):
    build = task("build", {"kind": "water_box", "molecules": 4, "density": 0.9, "seed": 0})
    assert run(store, build)["values"]["force_std_eV_per_A"] is None
    sizes = {"validation": 1, "test": 1, "train": 1, "members": 1, "disjoint": False, "seed": 0, "only": {}}
    failure = run(store, task("split", sizes, upstream={"frames": build.key}))
    assert "only labelled frames" in failure["message"]


@pytest.mark.parametrize("molecules", [1, 5, 16, 27, 32, 50])
def test_water_boxes_have_the_density_and_the_geometry_asked_for(molecules: int):
    frames = water_box(molecules, 0.997, 2)
    image = frames.atoms(0)
    assert image.get_masses().sum() * 1.66053907 / image.get_volume() == pytest.approx(0.997, rel=1e-3)
    assert frames.numbers.tolist() == [8, 1, 1] * molecules
    assert np.isnan(frames.energies).all()
    distances = image.get_all_distances(mic=True)
    owner = np.arange(3 * molecules) // 3
    same = owner[:, None] == owner
    for first in range(0, 3 * molecules, 3):
        assert distances[first, first + 1 : first + 3] == pytest.approx([1.012, 1.012])
        assert image.get_angle(first + 1, first, first + 2, mic=True) == pytest.approx(113.24)
    assert distances[~same].min(initial=9.0) > 1.2


def test_water_boxes_are_seeded_and_cannot_be_squeezed():
    assert np.array_equal(water_box(8, 1.0, 1).positions, water_box(8, 1.0, 1).positions)
    assert not np.allclose(water_box(8, 1.0, 1).positions, water_box(8, 1.0, 2).positions)
    with pytest.raises(InputFailure, match="lower the density"):
        water_box(32, 4.0, 0)


def test_frames_survive_the_disk(tmp_path: Path):
    frames = water_box(3, 0.9, 0)
    frames.save(tmp_path / "frames.npz")
    again = Frames.load(tmp_path / "frames.npz")
    assert np.array_equal(again.positions, frames.positions)
