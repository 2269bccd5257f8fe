"""md as the worker runs it: interruption, restart to the bit, damage, instability, and what it writes."""

import csv
import hashlib
import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlipbench_hpc.contract.folder import Store, outputs
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_INTERRUPTED, Architecture, Task
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.worker.__main__ import attempt

SITES = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
PARAMETERS: dict[str, Any] = {
    "replica": 0,
    "seed": 7,
    "temperature": 300.0,
    "timestep": 0.001,
    "steps": 60,
    "frame_every": 4,
    "checkpoint_every": 10,
    "engine": "ase",
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.02, "length": 3},
    "fixed_atoms": [0, 3],
    "fixed_layers": None,
    "wall": "start",
    "stability": {"conserved_energy": 0.004, "temperature": 3000.0, "hydrogen_oxygen": None},
    "start_frame": 0,
    "hyperparameters": {},
    "device": "cpu",
    "dtype": "float64",
    "threads": 1,
}
LANGEVIN = {"thermostat": {"kind": "langevin", "friction": 5.0}}
COMPARED = ("trajectory.nc", "thermo.csv", "segments.json", "topology.pdb")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    monkeypatch.delenv("SPRINGS_TROUBLE", raising=False)
    return result


def commit(store: Store, verb: str, name: str, save: Any) -> str:
    """A committed task of one file, written by `save`; returns its key."""
    task = Task(verb, 1, "tests", "0" * 64, {})
    if store.result(task.key):
        return task.key
    folder = store.begin(task)
    save(folder / name)
    head = {"key": task.key, "attempt": folder.name, "values": {}, "upstream": {}}
    assert store.commit(folder, {**head, "outputs": outputs(folder)})
    return task.key


def md(store: Store, **changes: Any) -> Task:
    """An md task over eight atoms on a cube, with its upstream committed."""
    numbers = np.array([11, 17] * 4)
    frames = Frames(
        offsets=np.array([0, 8]),
        numbers=numbers,
        positions=SITES,
        cells=6.0 * np.eye(3)[None],
        pbc=np.ones((1, 3), dtype=bool),
        energies=np.full(1, np.nan),
        forces=np.full((8, 3), np.nan),
    )
    upstream = {
        "start": commit(store, "build", "frames.npz", frames.save),
        "model": commit(store, "train", "sites.npy", lambda path: np.save(path, SITES)),
    }
    parameters = PARAMETERS | changes
    architecture = Architecture("springs", "springs", "0" * 64)
    return Task("md", 1, "tests", "0" * 64, parameters, upstream, architecture=architecture)


def run(store: Store, task: Task) -> dict[str, Any]:
    """The result of an attempt that must succeed."""
    folder = store.begin(task)
    assert attempt(folder, None, commit=True) == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(task.key)
    assert result is not None
    return result


def broken_off(
    store: Store, task: Task, at: int, monkeypatch: pytest.MonkeyPatch, kind: str = "term"
) -> Path:
    """The folder of an attempt that got SIGTERM, or vanished, at its `at`-th force evaluation."""
    folder = store.begin(task)
    monkeypatch.setenv("SPRINGS_TROUBLE", f"{at} {kind}")
    if kind == "term":
        assert attempt(folder, None, commit=True) == EXIT_INTERRUPTED
    else:
        child = os.fork()
        if child == 0:
            attempt(folder, None, commit=True)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    monkeypatch.delenv("SPRINGS_TROUBLE")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in COMPARED}


def thermo(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    with (folder / "thermo.csv").open(newline="") as stream:
        head, *rows = csv.reader(stream)
    return {name: np.array(rows, float)[:, column] for column, name in enumerate(head)}


def undisturbed(tmp_path: Path, **changes: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Digests and values of the same task run without any trouble, in a store of its own."""
    other = Store(tmp_path / "undisturbed")
    other.create()
    result = run(other, task := md(other, **changes))
    return digests(other.task(task.key)), result["values"]


@pytest.mark.parametrize("thermostat", [{}, LANGEVIN, {"fixed_atoms": []}])
def test_restarts_are_equal_to_the_bit(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thermostat: dict[str, Any]
) -> None:
    """SIGTERM within the first segment, at a boundary and further on; then a process that is gone at once."""
    task = md(store, **thermostat)
    for at, kind in ((5, "term"), (12, "term"), (17, "kill"), (25, "term"), (3, "kill")):
        broken_off(store, task, at, monkeypatch, kind)
    result = run(store, task)
    outcome = digests(store.task(task.key)), result["values"]
    assert outcome == undisturbed(tmp_path, **thermostat)


def test_a_finished_attempt_that_was_not_committed_is_taken_over(store: Store, tmp_path: Path) -> None:
    task = md(store)
    assert attempt(store.begin(task), None, commit=False) == EXIT_COMMITTED
    values = run(store, task)["values"]
    assert (digests(store.task(task.key)), values) == undisturbed(tmp_path)


def test_an_interruption_stops_within_one_step(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 24th evaluation is that of step 23: two segments are kept and nothing of the third is needed."""
    folder = broken_off(store, md(store), 24, monkeypatch)
    assert json.loads((folder / "interrupted.json").read_text())["cause"] == "SIGTERM"
    segments = json.loads((folder / "segments.json").read_text())["segments"]
    assert [(s["first_frame"], s["frames"], s["end_step"]) for s in segments] == [(0, 3, 10), (3, 3, 20)]
    assert sorted(path.name for path in (folder / "checkpoint").iterdir()) == ["000000000010", "000000000020"]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path: Path, lost: int) -> None:
    path.write_bytes(path.read_bytes()[:-lost])


DAMAGES = {
    "checkpoint truncated": (lambda f: cut(f / "checkpoint/000000000030/state.npz", 7), 20),
    "last record half gone": (lambda f: cut(f / "trajectory.nc", 50), 20),
    "row half gone": (lambda f: cut(f / "thermo.csv", 5), 20),
    "a bit of an earlier segment": (lambda f: flip(f / "trajectory.nc", -4 * 152), 10),
    "a bit of the first segment": (lambda f: flip(f / "thermo.csv", 120), 0),
    "segments.json truncated": (lambda f: cut(f / "segments.json", 9), 0),
    "a state that is another's": (
        lambda f: shutil.copytree(
            f / "checkpoint/000000000010", f / "checkpoint/000000000030", dirs_exist_ok=True
        ),
        20,
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_costs_only_what_it_touches(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Stopped right after step 30; the next attempt goes on from the last segment that is whole."""
    task, (harm, expected) = md(store, frame_every=5), DAMAGES[damage]
    harm(broken_off(store, task, 32, monkeypatch))
    folder = broken_off(store, task, 1, monkeypatch)
    segments = json.loads((folder / "segments.json").read_text())["segments"] if expected else []
    assert max([segment["end_step"] for segment in segments], default=0) == expected
    run(store, task)
    assert digests(store.task(task.key)) == undisturbed(tmp_path, frame_every=5)[0]


def test_trajectory_and_thermo_agree(store: Store) -> None:
    """Frames at 0, 4, …, 60; energies of the recorded positions by hand; fixed atoms as they were."""
    result = run(store, task := md(store))
    folder = store.task(task.key)
    trajectory, rows = open_trajectory(folder / "trajectory.nc"), thermo(folder)
    np.testing.assert_array_equal(rows["step"], np.arange(0, 61, 4))
    np.testing.assert_array_equal(rows["time_ps"], trajectory.times)
    u = trajectory.positions.astype(float) - SITES
    square = (u**2).sum(axis=2)
    pairs = 8 * square.sum(axis=1) - (u.sum(axis=1) ** 2).sum(axis=1)
    by_hand = (1.5 * square + 5.0 * square**2).sum(axis=1) + 0.15 * pairs
    np.testing.assert_allclose(rows["potential_eV"], by_hand, atol=1e-5)
    assert not u[:, [0, 3]].any()
    np.testing.assert_allclose(
        rows["temperature_K"], rows["kinetic_eV"] * 2 / (3 * 6 * 8.617333262e-5), rtol=1e-6
    )
    by_species = 3 * rows["temperature_Na_K"] + 3 * rows["temperature_Cl_K"]
    np.testing.assert_allclose(rows["temperature_K"], by_species / 6, rtol=1e-12)
    np.testing.assert_array_equal(trajectory.cells, np.broadcast_to(6.0 * np.eye(3), (16, 3, 3)))
    values = result["values"]
    assert (values["outcome"], values["cause"], values["time_ps"]) == ("completed", None, 0.06)
    assert (values["frames"], values["segments"], values["atoms"], values["mobile_atoms"]) == (16, 6, 8, 6)
    assert values["temperature_K"] == pytest.approx(rows["temperature_K"].mean(), rel=1e-14)
    moved = 1000 * (rows["conserved_eV"] - rows["conserved_eV"][0]) / 8
    assert values["largest_conserved_deviation_meV_per_atom"] == pytest.approx(np.abs(moved).max())
    slope = np.polynomial.Polynomial.fit(rows["time_ps"], moved, 1).convert().coef[1]
    assert values["conserved_drift_meV_per_atom_per_ps"] == pytest.approx(slope, rel=1e-6)


def test_a_run_over_many_walltimes_stays_small_and_its_seconds_add_up(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """150 checkpoints in 21 attempts, as a driver starts them: few files at any time, the same bits."""
    long = {"steps": 600, "checkpoint_every": 4, "stability": STABLE | {"conserved_energy": 10.0}}
    task, most = md(store, **long), 0
    for _ in range(20):
        for old in store.superseded(task.key):
            store.discard(old)
        folder = broken_off(store, task, 25, monkeypatch)
        most = max(most, sum(len(list(path.rglob("*"))) + 1 for path in store.attempts(task.key)))
    assert most <= 150
    timing = json.loads((folder / "interrupted.json").read_text())["timing"]
    result = run(store, task)
    assert result["timing"]["earlier_wall_s"] == timing["earlier_wall_s"] + timing["wall_s"]
    assert timing["earlier_wall_s"] > 0
    assert digests(store.task(task.key)) == undisturbed(tmp_path, **long)[0]


def test_seconds_of_an_attempt_without_record_are_unknown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = md(store)
    broken_off(store, task, 5, monkeypatch, "kill")
    assert run(store, task)["timing"]["earlier_wall_s"] is None


def test_only_the_last_checkpoint_stays(store: Store) -> None:
    run(store, task := md(store))
    rest = sorted(path.name for path in (store.task(task.key) / "checkpoint").iterdir())
    assert rest == ["000000000060"]


def test_mdanalysis_opens_topology_and_trajectory(store: Store) -> None:
    run(store, task := md(store))
    folder = store.task(task.key)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MDAnalysis announces its own removals
        import MDAnalysis

        universe = MDAnalysis.Universe(str(folder / "topology.pdb"), str(folder / "trajectory.nc"))
        assert list(universe.atoms.elements) == ["Na", "Cl"] * 4
        assert list(universe.atoms.names) == ["Na", "Cl"] * 4
        times = [ts.time for ts in universe.trajectory]
        np.testing.assert_allclose(universe.dimensions, [6, 6, 6, 90, 90, 90])
        universe.trajectory.close()
    np.testing.assert_allclose(times, 0.004 * np.arange(16), atol=1e-6)


STABLE = PARAMETERS["stability"]
SLOW_CHAIN = {"kind": "nose-hoover-chain", "damping": 1.0, "length": 3}


@pytest.mark.parametrize(
    ("changes", "cause", "time_ps", "frames"),
    [
        (
            {"hyperparameters": {"trouble": {"at": 1, "kind": "nan"}}},
            "a force is not a finite number",
            0.0,
            0,
        ),
        (
            {"hyperparameters": {"trouble": {"at": 24, "kind": "nan"}}},
            "a force is not a finite number",
            0.023,
            6,
        ),
        ({"hyperparameters": {"swirl": 40.0}}, "conserved energy moved by", None, None),
        ({"stability": STABLE | {"temperature": 10.0}}, r"temperature reached .* K \(limit 10\)", 0.0, 1),
        (
            {"timestep": 0.05, "thermostat": SLOW_CHAIN},
            "temperature reached|conserved energy moved",
            None,
            None,
        ),
        ({"timestep": 0.05} | LANGEVIN, "temperature reached|conserved energy moved", None, None),
    ],
)
def test_unstable_is_a_result_with_a_cause(
    store: Store, changes: dict[str, Any], cause: str, time_ps: float | None, frames: int | None
) -> None:
    result = run(store, task := md(store, **changes))
    values, folder = result["values"], store.task(task.key)
    assert values["outcome"] == "unstable"
    assert re.match(cause, values["cause"])
    assert time_ps is None or (values["time_ps"], values["frames"]) == (time_ps, frames)
    trajectory = open_trajectory(folder / "trajectory.nc")
    assert len(trajectory) == values["frames"]
    assert np.isfinite(trajectory.positions).all()
    if frames is None:
        assert trajectory.times[-1] == values["time_ps"] > 0


def test_an_unstable_run_restarts_to_the_same_end(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"hyperparameters": {"swirl": 1.0}, "steps": 2000}
    task = md(store, **changes)
    broken_off(store, task, 15, monkeypatch)
    values = run(store, task)["values"]
    assert values["outcome"] == "unstable"
    assert values["steps"] > 15
    assert (digests(store.task(task.key)), values) == undisturbed(tmp_path, **changes)


def test_replicas_and_seeds_differ(store: Store) -> None:
    """A campaign that gives every replica one seed still gets different momenta."""
    ends = set()
    for changes in ({}, {"replica": 1}, {"seed": 8}):
        run(store, task := md(store, **changes))
        ends.add(digests(store.task(task.key))["thermo.csv"])
    assert len(ends) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_frame": 3}, "no start_frame 3: the start has 1"),
        ({"fixed_atoms": [2, 8]}, r"fixed_atoms: no atoms \[8\], the start has 8"),
        ({"fixed_atoms": list(range(8))}, "no mobile atom is left"),
        (LANGEVIN | {"engine": "lammps"}, "engine lammps: no thermostat 'langevin'"),
    ],
)
def test_impossible_starts_are_the_users(store: Store, changes: dict[str, Any], message: str) -> None:
    folder = store.begin(md(store, **changes))
    assert attempt(folder, None, commit=True) == 65
    failure = json.loads((folder / "failure.json").read_text())
    assert failure["kind"] == "input"
    assert re.search(message, failure["message"])


@pytest.mark.parametrize(("dtype", "lie"), [("float32", 1.1e-5), ("float64", -1.1e-6)])
def test_an_engine_that_disagrees_with_the_evaluator_simulates_nothing(
    store: Store, dtype: str, lie: float
) -> None:
    """At rest on the sites the energy is zero, so the evaluator's is eight times the lie."""
    folder = store.begin(md(store, dtype=dtype, hyperparameters={"lie": lie}))
    assert attempt(folder, None, commit=True) == 70
    message = json.loads((folder / "failure.json").read_text())["message"]
    assert f"the energy is 0 eV in the engine and {8 * lie:.9g} eV in the evaluator" in message
    run(store, md(store, dtype=dtype, hyperparameters={"lie": 0.8 * lie}))


PROTOCOL = {"equilibrate": {"steps": 30, "every": 10}}


@pytest.mark.parametrize("thermostat", [{}, LANGEVIN], ids=["chain", "langevin"])
def test_momenta_are_drawn_anew_while_a_start_settles(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thermostat: dict[str, Any]
) -> None:
    """Equal with and without an interruption; every draw has the temperature; drift counts after the last."""
    changes = PROTOCOL | thermostat | {"stability": PARAMETERS["stability"] | {"conserved_energy": 1.0}}
    task = md(store, **changes)
    broken_off(store, task, 25, monkeypatch)
    values = run(store, task)["values"]
    assert (digests(store.task(task.key)), values) == undisturbed(tmp_path, **changes)
    with (store.task(task.key) / "thermo.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    after = [float(row["conserved_eV"]) for row in rows if int(row["step"]) > 30]
    assert (values["frames"], len(after)) == (16, 8)
    assert values["largest_conserved_deviation_meV_per_atom"] == pytest.approx(
        1000 * max(abs(energy - after[0]) for energy in after) / 8
    )
