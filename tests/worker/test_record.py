"""Trajectories of other programs as runs: read back frame by frame, analysed, refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_files import CELL, NUMBERS, POSITIONS, lattice, moved, xyz

from mlipbench_hpc.contract.folder import Store, read_json, write_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, Task
from mlipbench_hpc.data.frames import composition
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.worker import recorded_files
from mlipbench_hpc.worker.__main__ import attempt

READ = {
    "format": "extxyz", "frame_every": 0.05, "cell": [], "elements": {}, "metal": "Au", "ending": ".xyz",
    "topology_ending": "",
}  # fmt: skip
ANALYSED = {
    "rdf": {"pairs": [["O", "O"]], "r_max": 4.0, "bin": 0.5}, "profiles": {"metal": "Au", "bin": 0.5},
    "dynamics": {"dipole_correlation": 1.0, "survival": 2.0, "origins": "all", "coordination": 3.2},
    "blocks": 10, "equilibration": 0.1, "temperature": 300.0,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def run(store: Store, verb: str, parameters: dict[str, Any], **others: Any) -> tuple[Task, dict[str, Any]]:
    """The task, and its result or failure."""
    task = Task(verb, 1, "tests", "0" * 64, parameters, **others)
    folder = store.begin(task)
    code = attempt(folder, None, commit=True)
    if code == EXIT_COMMITTED:
        return task, store.result(task.key) or {}
    assert code == EXIT_OF_FAILURE["input"]
    return task, read_json(folder / "failure.json")


def written(folder: Path, positions: np.ndarray, text: str = "") -> Path:
    path = folder / "dft.xyz"
    path.write_text(text or xyz([lattice()] * len(positions), positions))
    return path


def test_frames_are_read_back_at_the_stated_interval(store: Store, tmp_path: Path) -> None:
    positions = moved(30)
    sha256 = store.add_input(written(tmp_path, positions))
    task, result = run(store, "record", READ, inputs={"trajectory": sha256})
    values = result["values"]
    assert (values["frames"], values["outcome"], values["atoms"]) == (30, "completed", POSITIONS.shape[1])
    assert values["time_ps"] == pytest.approx(1.5)
    trajectory = open_trajectory(store.task(task.key) / "trajectory.nc")
    np.testing.assert_allclose(trajectory.times, 0.05 * np.arange(1, 31))
    np.testing.assert_allclose(trajectory.positions, positions, atol=2e-4)
    np.testing.assert_allclose(trajectory.cells[0], CELL, atol=1e-6)
    assert sorted(result["outputs"]) == ["topology.pdb", "trajectory.nc"]


def test_it_is_analysed_as_a_run_without_energies(store: Store, tmp_path: Path) -> None:
    """After 0.1 ps, 2 frames, 28 are left: two whole blocks of ten each hold 2, so 20 are analysed."""
    sha256 = store.add_input(written(tmp_path, moved(30)))
    task, _ = run(store, "record", READ, inputs={"trajectory": sha256})
    _, result = run(store, "analyse", ANALYSED, upstream={"md": task.key})
    values = result["values"]
    assert (values["frames"], values["frames_analysed"]) == (30, 20)
    assert values["thermo"] == {"skipped": "a trajectory alone: its energies and temperatures are not known"}
    assert not any(name.startswith("temperature") for name in values["stationarity"].get("series", {}))
    assert values["rdf"]["pairs"]


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("", {"format": "xdatcar"}, "the trajectory"),
        ("2\nno cell\nAr 0 0 0\nAr 1 2 3\n", {}, "state `cell` with three edges, such as 10 Å"),
        ("nothing\n", {}, "the trajectory"),
    ],
)
def test_what_cannot_be_read_is_refused(
    store: Store, tmp_path: Path, text: str, changes: dict[str, Any], said: str
) -> None:
    sha256 = store.add_input(written(tmp_path, moved(3), text))
    _, failure = run(store, "record", READ | changes, inputs={"trajectory": sha256})
    assert failure["kind"] == "input"
    assert said in failure["message"]
    assert "/tmp" not in failure["message"]


def test_files_are_opened_before_a_campaign_runs(tmp_path: Path) -> None:
    """One that can be read, one cut in its first frame, one of another format."""
    good, out = written(tmp_path, moved(3)), tmp_path / "out"
    half = tmp_path / "half.xyz"
    half.write_text(good.read_text()[:200])
    files = [
        READ | {"trajectory": str(path), "topology": "", "format": kind}
        for path, kind in ((good, "extxyz"), (half, "extxyz"), (good, "xtc"))
    ]
    out.mkdir()
    write_json(tmp_path / "request.json", {"files": files, "out": str(out)})
    assert recorded_files.main([str(tmp_path / "request.json")]) == 0
    right, *wrong = read_json(out / "opened.json")
    assert (right["formula"], right["frames"], right["warnings"]) == (composition(NUMBERS), 3, [])
    assert len(right["first"]) == 64
    cut, other = (content["wrong"] for content in wrong)
    assert "no whole frame" in cut
    assert "it does not begin as its format should" in other
    assert str(tmp_path) not in cut + other
