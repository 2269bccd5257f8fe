"""scan as the worker runs it, of a model whose force is known and of argon's pair potential."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from driving import MODEL, md
from interface import CELL, Interface, slab

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, Task
from mlipbench_hpc.worker.__main__ import attempt

ASKED: dict[str, Any] = {
    "frames": [0], "particles": ["water", "ion"], "directions": ["normal", "surface"], "each": 1,
    "distance": 1.0, "points": 41, "seed": 5, "metal": "Au", "batch_size": 16,
}  # fmt: skip
# Of tests/plugins/springs: tie, coupling and quartic of every atom to its site and the others.
TIE, COUPLING, QUARTIC = 3.0, 0.3, 20.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    result = Store(tmp_path / "store")
    result.create()
    return result


def frame() -> Interface:
    return slab([2.0, 3.0, 8.0], [0.3, -0.2, 0.0], [(4.0, 4.0, 6.0)])


def task(store: Store, atoms: Atoms | None = None, plugin: str = "springs", **changes: Any) -> Task:
    own = frame()
    start = atoms or Atoms(own.numbers, own.positions, cell=CELL, pbc=True)
    return replace(md(store, start, plugin), verb="scan", parameters=ASKED | MODEL | changes)


def run(store: Store, asked: Task) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True) == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(asked.key)
    assert result is not None
    with np.load(store.task(asked.key) / "scans.npz", allow_pickle=False) as arrays:
        return result["values"], dict(arrays)


def test_springs_pull_back_as_they_should(store: Store) -> None:
    """n atoms moved by s from their sites: each is pulled by k s + q s³ + c (N - n) s."""
    values, arrays = run(store, task(store))
    assert [(one["particle"], one["direction"]) for one in values["scans"]] == [
        ("water", "normal"), ("water", "surface"), ("Na", "normal"), ("Na", "surface"),
    ]  # fmt: skip
    assert values["scans"][2] == {
        "frame": 0, "particle": "Na", "atom": 36, "direction": "normal",
        "roughness_eV_per_A": pytest.approx(0, abs=1e-9),
    }  # fmt: skip
    assert values["scans"][0]["atom"] in (27, 30), "of the first layer"
    shift, atoms = arrays["shift"], len(frame().numbers)
    for row, moved in ((0, 3), (1, 3), (2, 1), (3, 1)):
        pull = TIE * shift + QUARTIC * shift**3 + COUPLING * (atoms - moved) * shift
        np.testing.assert_allclose(arrays["force"][row], -moved * pull, atol=1e-9)
        energy = TIE * shift**2 / 2 + QUARTIC * shift**4 / 4 + COUPLING * (atoms - moved) * shift**2 / 2
        np.testing.assert_allclose(arrays["energy"][row], moved * energy, atol=1e-9)


def test_the_force_is_minus_the_slope_of_the_energy(store: Store) -> None:
    """Argon, of whose crystal every atom counts as an ion; no metal, no water."""
    atoms = Atoms(
        "Ar4", 3.8 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]), cell=[12, 12, 12], pbc=True
    )
    values, arrays = run(store, task(store, atoms, "argon", each=3, points=201, distance=0.8))
    assert len(values["scans"]) == 6
    assert len({one["atom"] for one in values["scans"]}) == 3
    slope = np.gradient(arrays["energy"], arrays["shift"], axis=1)
    np.testing.assert_allclose(arrays["force"][:, 1:-1], -slope[:, 1:-1], atol=2e-4)
    assert arrays["energy"][:, 100] == pytest.approx(np.zeros(6))
    assert values["not_finite"] == 0


def test_the_same_particles_are_moved_whoever_computes(store: Store) -> None:
    one, _ = run(store, task(store, each=2))
    other, _ = run(store, task(store, each=2, hyperparameters={"tie": 5.0}))
    keys = ("particle", "atom", "direction")
    assert [[scan[key] for key in keys] for scan in one["scans"]] == [
        [scan[key] for key in keys] for scan in other["scans"]
    ]
    assert one["scans"] != run(store, task(store, each=1, seed=6))[0]["scans"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"frames": [0, 3]}, "no frame 3: the start has 1"), ({"particles": ["ion"]}, "no ion in these frames")],
)
def test_frames_without_what_is_moved_are_refused(store: Store, changes: dict[str, Any], words: str) -> None:
    own = slab([2.0, 3.0], [0.0, 0.0], [])
    asked = task(store, Atoms(own.numbers, own.positions, cell=CELL, pbc=True), **changes)
    folder = store.begin(asked)
    assert attempt(folder, None, commit=True) == EXIT_OF_FAILURE["input"]
    assert words in read_json(folder / "failure.json")["message"]
