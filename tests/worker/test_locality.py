"""locality as the worker runs it, with labels of a potential whose reach is known."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from committed import commit
from interface import CELL, slab

from mlipbench_hpc.analysis.composition import floor
from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, InputFailure, Potential, Task
from mlipbench_hpc.data.frames import Frames, concatenate
from mlipbench_hpc.potentials.interface import Labelled, Labeller
from mlipbench_hpc.worker import locality
from mlipbench_hpc.worker.__main__ import attempt

HEIGHTS = [2.0, 2.5, 3.0, 6.0, 6.5, 7.0]
FRAMES, TEST = 24, [0, 1, 2, 3, 4, 5, 6, 7]
REACH = 5.0
GIVEN: dict[str, Any] = {
    "radii": [3.0, REACH], "hosts": 4, "waters": 2, "donors": 5, "temperature": 300.0, "tolerance": 2,
    "seed": 1, "potential": "ions", "only": {}, "metal": "Au",
    "conditions": [{"frames": FRAMES, "temperature": 300.0, "rattle_every": None}],
}  # fmt: skip


class IonsWithin(Labeller):
    """Pulls each O towards every ion within `REACH` Å with 1 eV/Å; `global_` for each ion of the cell."""

    def __init__(self, global_: float = 0.0, most: int = 10_000) -> None:
        self.global_, self.most, self.labelled = global_, most, 0

    def label(self, frame: Frames, wall: float) -> Labelled:
        self.labelled += 1
        if self.labelled > self.most:
            raise InputFailure("too many")
        forces = np.zeros_like(frame.positions)
        oxygens, ions = np.flatnonzero(frame.numbers == 8), np.flatnonzero(frame.numbers == 11)
        apart = frame.positions[ions] - frame.positions[oxygens][:, None]
        apart -= np.rint(apart @ np.linalg.inv(CELL)) @ CELL
        distances = np.linalg.norm(apart, axis=-1)
        pull = np.where((distances <= REACH)[..., None], apart / distances[..., None], 0.0)
        forces[oxygens] = pull.sum(axis=1) + self.global_ * len(ions) * np.array([0, 0, 1.0])
        return replace(frame, energies=np.zeros(1), forces=forces), None


def data(ions: tuple[int, ...] = (1, 2)) -> Frames:
    """Frames with, in turn, so many ions at random places 2 to 9 Å above the metal."""
    noise, parts = np.random.default_rng(3), []
    for index in range(FRAMES):
        places = [
            (*noise.uniform(0, 9, size=2), noise.uniform(8, 12)) for _ in range(ions[index % len(ions)])
        ]
        own = slab((np.array(HEIGHTS) + noise.normal(0, 0.1, 6)).tolist(), [0.0] * 6, places)
        count = len(own.numbers)
        parts.append(
            Frames(np.array([0, count]), own.numbers, own.positions, CELL[None], np.ones((1, 3), bool),
                   np.zeros(1), np.zeros((count, 3)))
        )  # fmt: skip
    return concatenate(parts)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def task(store: Store, tmp_path: Path, frames: Frames, **changes: Any) -> Task:
    frames.save(tmp_path / "frames.npz")
    split = json.dumps({"validation": [], "test": TEST, "members": []}).encode()
    upstream = {
        "frames": commit(store, "build", {}, {"frames.npz": (tmp_path / "frames.npz").read_bytes()}),
        "split": commit(store, "split", {}, {"split.json": split}),
    }
    potential = Potential("ions", "tests.ions", 1)
    return Task("locality", 1, "tests", "0" * 64, GIVEN | changes, upstream, potential=potential)


def run(
    store: Store, monkeypatch: pytest.MonkeyPatch, asked: Task, labeller: Labeller
) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
    monkeypatch.setattr(locality, "labeller_of", lambda _: labeller)
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True) == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(asked.key)
    assert result is not None
    with np.load(store.task(asked.key) / "forces.npz", allow_pickle=False) as arrays:
        return result["values"], dict(arrays)


def spread(arrays: Mapping[str, np.ndarray], radius: int, kind: int) -> float:
    """The floor in eV/Å, water by water."""
    chosen = (arrays["radius"] == radius) & (arrays["kind"] == kind)
    waters = np.unique(np.column_stack([arrays["host"], arrays["molecule"][:, 0]])[chosen], axis=0)
    own = [
        chosen & (arrays["host"] == host) & (arrays["molecule"][:, 0] == oxygen) for host, oxygen in waters
    ]
    return floor([[arrays["forces"][mask]] for mask in own]).value


def test_what_is_within_reach_decides_all(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ions farther than 5 Å do nothing: no spread where all within 5 Å stays, some where 3 Å do."""
    values, arrays = run(store, monkeypatch, task(store, tmp_path, data()), IonsWithin())
    assert (values["pool"], values["charges"], values["without_label"]) == (24, 2, 0)
    assert (values["runs"], values["runs_stated"]) == (2, True), "one stretch of each composition"
    assert len(values["hosts"]) == 4
    assert {host["frame"] for host in values["hosts"]} <= set(TEST)
    assert len({host["composition"] for host in values["hosts"]}) == 2, "in turn of both charges"
    for kind in (0, 1):
        assert spread(arrays, 1, kind) == pytest.approx(0.0, abs=1e-12)
    counts = np.unique(arrays["kind"], return_counts=True)[1]
    assert counts[1] >= counts[0] > 0
    assert np.abs(arrays["waters"] - 6).max() <= 2


def test_the_number_of_ions_is_felt_where_it_may_differ(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A force of 1 eV/Å for every ion of the cell: no spread with as many as the host, else the ions' own.

    The variance of their number among a water's composed frames, a third of it for one of three axes.
    """
    _, arrays = run(store, monkeypatch, task(store, tmp_path, data(), donors=8), IonsWithin(global_=1.0))
    assert spread(arrays, 1, 0) == pytest.approx(0.0, abs=1e-12)
    chosen = (arrays["radius"] == 1) & (arrays["kind"] == 1)
    keys = [
        tuple(key) for key in np.column_stack([arrays["host"], arrays["molecule"][:, 0]])[chosen].tolist()
    ]
    ions = arrays["ions"][chosen]
    each = [np.var([n for n, own in zip(ions, keys, strict=True) if own == key], ddof=1) for key in set(keys)]
    assert spread(arrays, 1, 1) == pytest.approx(np.sqrt(np.mean(each) / 3))
    assert spread(arrays, 1, 1) > 0.1


def test_one_charge_has_one_kind(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labeller = IonsWithin()
    values, arrays = run(store, monkeypatch, task(store, tmp_path, data((1,))), labeller)
    assert values["charges"] == 1
    assert set(arrays["kind"]) == {0}
    assert labeller.labelled == len(arrays["kind"])


def test_each_composed_frame_is_labelled_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labeller = IonsWithin()
    _, arrays = run(store, monkeypatch, task(store, tmp_path, data()), labeller)
    same = (arrays["kind"] == 1) & (arrays["ions"] == 0)
    assert not same.any()
    assert labeller.labelled < len(arrays["kind"])


def test_rattled_frames_and_other_temperatures_take_no_part(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions = [
        {"frames": 16, "temperature": 300.0, "rattle_every": 4},
        {"frames": 8, "temperature": 600.0, "rattle_every": None},
    ]
    values, arrays = run(
        store, monkeypatch, task(store, tmp_path, data(), conditions=conditions), IonsWithin()
    )
    assert values["pool"] == 12
    assert not set(arrays["host"]) & {3, 7}


def repeated(times: int) -> Frames:
    """Frames of one charge, each of which stays for so long."""
    return data((1,)).select(np.repeat(np.arange(FRAMES // times), times))


def test_a_near_copy_of_the_host_or_of_a_donor_is_no_donor(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each structure stays for four frames: no two of a host and the donors of its water are of one."""
    asked = {"donors": 5, "hosts": 8, "radii": [3.0]}
    values, arrays = run(store, monkeypatch, task(store, tmp_path, repeated(4), **asked), IonsWithin())
    assert values["donors_near"] > 0
    assert values["hosts_near"] == len(TEST) - len(values["hosts"]) > 0
    assert values["runs_too_short"] == values["runs"] == 1, "six structures are fewer than ten"
    for host in np.unique(arrays["host"]):
        for oxygen in np.unique(arrays["molecule"][arrays["host"] == host, 0]):
            own = (arrays["host"] == host) & (arrays["molecule"][:, 0] == oxygen)
            places = np.sort([host, *arrays["donor"][own]])
            assert np.diff(places).min() >= 2
            assert len(places) <= 6


def test_a_dataset_that_names_no_runs_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions = [{"frames": FRAMES, "temperature": None, "rattle_every": None}]
    asked = task(store, tmp_path, data(), conditions=conditions)
    assert run(store, monkeypatch, asked, IonsWithin())[0]["runs_stated"] is False
    frames = replace(data(), groups=np.array(["a", "b"] * (FRAMES // 2)))
    asked = task(store, tmp_path, frames, conditions=conditions, seed=2)
    assert run(store, monkeypatch, asked, IonsWithin())[0]["runs_stated"] is True


def test_frames_that_cannot_be_labelled_are_counted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, arrays = run(store, monkeypatch, task(store, tmp_path, data()), IonsWithin(most=10))
    lost = ~np.isfinite(arrays["forces"]).all(axis=1)
    assert values["without_label"] == lost.sum() > 0
    assert (~lost).sum() >= 10


@pytest.mark.parametrize(
    ("changes", "labeller", "words"),
    [({"metal": "Pt"}, IonsWithin(), "nothing is composed"), ({}, IonsWithin(most=0), "can label none")],
)
def test_data_of_which_nothing_can_be_composed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: Any, labeller: Any, words: str
) -> None:
    monkeypatch.setattr(locality, "labeller_of", lambda _: labeller)
    folder = store.begin(task(store, tmp_path, data(), **changes))
    assert attempt(folder, None, commit=True) == EXIT_OF_FAILURE["input"]
    assert words in read_json(folder / "failure.json")["message"]
