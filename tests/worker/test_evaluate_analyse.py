"""evaluate, decide and analyse as the worker runs them, against numbers known beforehand."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from committed import commit

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import (
    EXIT_COMMITTED,
    EXIT_INTERRUPTED,
    Architecture,
    InputFailure,
    Task,
)
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.calibrate import require_different
from mlipbench_hpc.worker.observables.thermo import mobile_atoms
from mlipbench_hpc.worker.stretch import Stretch

DYNAMICS = {"dipole_correlation": 1.0, "survival": 2.0, "origins": "all", "coordination": 3.2}
ADAPTER = """
import numpy as np

class Evaluator:
    def __init__(self, offset, log):
        self.offset, self.log = offset, log

    def evaluate(self, frames, batch_size):
        with open(self.log, "a") as stream:
            print(len(frames), batch_size, file=stream)
        return frames.positions[frames.offsets[:-1], 0] + self.offset, 2 * frames.positions

def load(folder, hyperparameters, device, dtype):
    assert (device, dtype) == ("cpu", "float64")
    return Evaluator(hyperparameters["offset"], hyperparameters["log"])
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    package = tmp_path / "code" / "straight_line"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "adapter.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(str(package.parent))
    result = Store(tmp_path / "store")
    result.create()
    return result


def run(store: Store, task: Task, deadline: float | None = None) -> dict[str, Any]:
    """Run a task as `python -m mlipbench_hpc.worker` does; returns its result, {} when it was interrupted."""
    folder = store.begin(task)
    code = attempt(folder, deadline, commit=True)
    if code == EXIT_INTERRUPTED:
        return {}
    assert code == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(task.key)
    assert result is not None
    return result


def dataset(tmp_path: Path) -> tuple[Frames, bytes]:
    """Thirty frames of two hydrogens; labels E = x of the first atom, F = 2 r."""
    positions = np.random.default_rng(0).normal(size=(60, 3))
    frames = Frames(
        offsets=np.arange(0, 61, 2),
        numbers=np.ones(60, dtype=np.int64),
        positions=positions,
        cells=np.repeat(9.0 * np.eye(3)[None], 30, axis=0),
        pbc=np.ones((30, 3), dtype=bool),
        energies=positions[::2, 0],
        forces=2 * positions,
    )
    frames.save(tmp_path / "frames.npz")
    return frames, (tmp_path / "frames.npz").read_bytes()


def evaluate_task(store: Store, tmp_path: Path) -> Task:
    split = {"validation": [3, 1], "test": list(range(29, 9, -1)), "members": [[0, 2]]}
    upstream = {
        "frames": commit(store, "build", {}, {"frames.npz": dataset(tmp_path)[1]}),
        "split": commit(store, "split", {}, {"split.json": json.dumps(split).encode()}),
        "model": commit(store, "train", {}),
    }
    parameters = {
        "hyperparameters": {"offset": 0.25, "log": str(tmp_path / "calls")},
        "device": "cpu", "dtype": "float64", "threads": 1, "batch_size": 2, "metal": "Au",
        "conditions": [
            {"frames": 18, "temperature": 300.0, "rattle_every": 2},
            {"frames": 12, "temperature": None, "rattle_every": None},
        ],
    }  # fmt: skip
    architecture = Architecture("straight-line", "straight_line", "1" * 64)
    return Task("evaluate", 1, "tests", "0" * 64, parameters, upstream, architecture=architecture)


def test_evaluate(store: Store, tmp_path: Path) -> None:
    frames, _ = dataset(tmp_path)
    task = evaluate_task(store, tmp_path)
    values = run(store, task)["values"]
    assert values["validation"]["frames"] == 2
    assert values["test"]["frames"] == 20
    assert values["test"]["energy"]["rmse_meV"] == pytest.approx(250)
    assert values["test"]["energy"]["centred_rmse_meV"] == pytest.approx(0, abs=1e-9)
    assert values["test"]["force"]["all"]["rmse_meV_per_A"] == 0
    # of frames 10 to 17 those in even places from 1 are rattled; 18 to 29 have no temperature
    strata = [(own["temperature_K"], own["composition"], own["frames"]) for own in values["test"]["strata"]]
    assert strata == [(None, None, 12), (300.0, None, 4)]
    assert values["validation"]["strata"] == []
    # one process, chunks of eight batches of two
    assert (tmp_path / "calls").read_text().split("\n")[:-1] == ["2 2", "16 2", "4 2"]
    with np.load(store.task(task.key) / "predictions-test.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["indices"], np.arange(29, 9, -1))
        np.testing.assert_allclose(saved["energies"], frames.energies[29:9:-1] + 0.25)
        np.testing.assert_array_equal(saved["forces"], saved["label_forces"])
        np.testing.assert_array_equal(saved["label_energies"], frames.energies[29:9:-1])
        np.testing.assert_array_equal(saved["offsets"], np.arange(0, 41, 2))


def test_after_a_lack_of_memory_batches_are_smaller_and_numbers_the_same(
    store: Store, tmp_path: Path
) -> None:
    task, other = evaluate_task(store, tmp_path), Store(tmp_path / "other")
    before = run(store, task)
    (tmp_path / "calls").unlink()
    other.create()
    again = evaluate_task(other, tmp_path)
    assert attempt(other.begin(again), None, commit=True, smaller_by=8) == EXIT_COMMITTED
    result = other.result(again.key)
    assert (tmp_path / "calls").read_text().split("\n")[:-1] == ["2 1", "8 1", "8 1", "4 1"]
    assert result is not None
    assert [result[name] for name in ("key", "manifest", "outputs", "values")] == [
        before[name] for name in ("key", "manifest", "outputs", "values")
    ]
    assert result["timing"]["batches_divided_by"] == 8


def test_evaluate_stops_at_the_deadline(store: Store, tmp_path: Path) -> None:
    assert run(store, evaluate_task(store, tmp_path), deadline=1.0) == {}
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(
    ("errors", "enough", "mean", "words"),
    [
        ([90.0, 110.0], True, 100.0, "at most the target"),
        ([90.0, 111.0], False, 100.5, "above the target"),
        ([90.0, None], False, None, "no finite validation force error"),
    ],
)
def test_decide(
    store: Store, errors: list[float | None], enough: bool, mean: float | None, words: str
) -> None:
    upstream = {
        f"member-{m:03d}": commit(
            store, "evaluate", {"validation": {"force": {"all": {"rmse_meV_per_A": error}}}}
        )
        for m, error in enumerate(errors)
    }
    values = run(store, Task("decide", 1, "tests", "0" * 64, {"force_rmse": 0.1, "round": 0}, upstream))[
        "values"
    ]
    assert values["enough"] is enough
    assert values["force_rmse_meV_per_A"] == mean
    assert words in values["reason"]


def md_files(frames: int, side: float, atoms: int = 30, broken: bool = False) -> dict[str, bytes]:
    """An ideal gas of O and H, one frame and one thermo row every 0.1 ps from t = 0."""
    generator = np.random.default_rng(5)
    numbers = np.array([8, 1, 1] * (atoms // 3))
    records = np.zeros(frames, record_type(atoms))
    records["time"] = 0.1 * np.arange(frames)
    records["coordinates"] = generator.uniform(-side, side, size=(frames, atoms, 3))
    records["cell_lengths"], records["cell_angles"] = side, 90.0
    if broken:
        records["coordinates"][-1] = np.nan
    start = header(numbers)
    rows = [
        ["step", "time_ps", "potential_eV", "kinetic_eV", "conserved_eV", "temperature_K", "temperature_O_K"]
    ]
    for k in range(frames):
        rows.append(
            [str(x) for x in (k, 0.1 * k, -60 + 0.3 * (k % 2), 1.0, -59 + 0.006 * k, 300 + k % 2, 290)]
        )
    thermo = "\n".join(",".join(row) for row in rows) + "\n"
    return {
        "trajectory.nc": start[:4] + numrecs(frames) + start[8:] + records.tobytes(),
        "thermo.csv": thermo.encode(),
    }


def analyse(
    store: Store, files: dict[str, bytes], outcome: dict[str, Any], **changed: Any
) -> tuple[dict[str, Any], Path]:
    parameters = {
        "rdf": {"pairs": [["O", "O"], ["O", "H"]], "r_max": 4.0, "bin": 0.5},
        "profiles": {"metal": "Au", "bin": 0.5}, "dynamics": DYNAMICS, "blocks": 10,
        "equilibration": 1.0, "temperature": 300.0,
    }  # fmt: skip
    task = Task(
        "analyse", 1, "tests", "0" * 64, parameters | changed, {"md": commit(store, "md", outcome, files)}
    )
    values = run(store, task)["values"]
    return values, store.task(task.key)


def test_fixed_atoms_have_no_temperature() -> None:
    """Of three atoms the second is where it was in the last analysed frame."""
    positions = np.zeros((5, 3, 3))
    positions[4, [0, 2]] = 0.1
    positions[1, 1] = 9.0  # before what is analysed
    stretch = Stretch(SimpleNamespace(positions=positions), np.array([2, 3, 4]), 0)
    assert mobile_atoms(stretch).tolist() == [True, False, True]


def test_analyse(store: Store) -> None:
    values, folder = analyse(store, md_files(114, side=10.0), {"outcome": "completed"})
    assert (values["frames"], values["frames_analysed"]) == (114, 100)
    # 100 frames, each for the 0.1 ps between them
    assert values["analysed_ps"] == pytest.approx(10.0)
    assert values["thermo"]["temperature_K"]["mean"] == pytest.approx(300.5)
    kinetic = [values["thermo"][name] for name in ("temperature_K", "temperature_O_K")]
    assert [(own["atoms"], own["independent"]) for own in kinetic] == [(30, 100.0), (10, 100.0)]
    # 300 and 301 K in turn: blocks agree, and of both errors the larger counts, std/√100.
    assert values["thermo"]["temperature_K"]["se_blocks"] == pytest.approx(0, abs=1e-9)
    assert values["thermo"]["temperature_K"]["se"] == pytest.approx(0.5 / 99**0.5)
    assert values["thermo"]["potential_eV_per_atom"]["mean"] == pytest.approx((-60 + 0.15) / 30)
    # 0.006 eV a row, ten rows a ps, thirty atoms
    assert values["thermo"]["conserved_drift_meV_per_atom_per_ps"] == pytest.approx(2.0)
    with (folder / "rdf.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["r_A"]) for row in rows] == [0.25 + 0.5 * k for k in range(8)]
    for pair in ("O-O", "O-H"):
        for row in rows[3:]:
            assert abs(float(row[f"g_{pair}"]) - 1) < 5 * float(row[f"se_{pair}"])
    assert values["rdf"]["pairs"]["O-O"]["block_frames"] == 10
    assert any(warning.startswith("3 frames after the last") for warning in values["warnings"])


def test_analyse_clips_the_radius_and_says_so(store: Store) -> None:
    values, _ = analyse(store, md_files(60, side=6.0), {"outcome": "completed"})
    assert values["rdf"]["r_max_A"] == pytest.approx(3.0)
    assert any("cut from 4 Å to 3.000 Å" in warning for warning in values["warnings"])


def test_pair_that_is_not_there_is_said(store: Store) -> None:
    rdf = {"pairs": [["Na", "O"]], "r_max": 4.0, "bin": 0.5}
    values, folder = analyse(store, md_files(60, side=10.0), {"outcome": "completed"}, rdf=rdf)
    assert values["rdf"]["pairs"] == {}
    assert not (folder / "rdf.csv").exists()
    assert any("0 Na and 10 O" in warning for warning in values["warnings"])


def test_short_unstable_run_is_skipped_in_words(store: Store) -> None:
    outcome = {"outcome": "unstable", "cause": "temperature", "time_ps": 1.4}
    values, folder = analyse(store, md_files(16, side=10.0), outcome)
    assert "5 of 16 frames" in values["skipped"]
    assert not (folder / "rdf.csv").exists()
    assert any("unstable (temperature)" in warning for warning in values["warnings"])


def test_unstable_run_is_analysed_up_to_its_last_finite_frame(store: Store) -> None:
    outcome = {"outcome": "unstable", "cause": "NaN", "time_ps": 3.9}
    values, _ = analyse(store, md_files(41, side=10.0, broken=True), outcome)
    assert values["frames_analysed"] == 20
    assert any(warning.startswith("9 frames after the last") for warning in values["warnings"])
    assert "O-O" in values["rdf"]["pairs"]


def test_empty_trajectory_is_skipped(store: Store) -> None:
    values, _ = analyse(
        store, md_files(0, side=10.0), {"outcome": "unstable", "cause": "NaN", "time_ps": 0.0}
    )
    assert "0 of 0 frames" in values["skipped"]


def test_members_that_are_one_model_are_refused():
    energies = np.array([[1.0, 2.0, 3.0], [1.1, 2.0, 3.0], [1.0, 2.0, 3.0]])
    with pytest.raises(InputFailure, match="members 0 and 2 give the same energies on all 3 validation"):
        require_different(energies)
    require_different(energies[:2])
