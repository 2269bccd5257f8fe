"""Studies of roughness, visibility and solvation from the command to the page, in miniature."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import running
from ase import Atoms
from ase.io import write
from interface import CELL, slab
from scipy.signal import savgol_filter

from mlipbench_hpc.data.trajectory import open_trajectory

HEIGHTS = np.array([2.0, 2.5, 3.0, 6.0, 6.5, 7.0])
CAMPAIGN = """\
name: toy
datasets:
  bare: {structures: {path: film.extxyz, format: extxyz}}
  film: {label: {frames: bare, potential: screened}}
splits:
  main: {dataset: film, validation: 4, test: 8, train: 12, members: 2}
models:
  pairs: {architecture: toy, hyperparameters: {epochs: 6}}
committees:
  pairs: {model: pairs, split: main}
md:
  film:
    committee: pairs
    start: {dataset: film, frames: [1, 3]}
    timestep: 0.1 fs
    length: 6 fs                            # before the toy's water breaks apart
    frame_every: 0.2 fs
    checkpoint_every: 2 fs
    fixed_layers: 3
    stability: {temperature: 100000 K, conserved_energy: 1 eV/atom, contact: 0.5 Å}
    replicas: 2
analysis:
  reweight: null
  rdf: {pairs: [[O, O]], r_max: 4 Å}
  dynamics: {coordination: 4.4 Å}
studies:
  sight:
    kind: visibility
    committees: [pairs]
    floor: {split: main, potential: screened, radii: [3 Å, 6 Å], hosts: 4, waters: 2, donors: 4}
  rough:
    kind: roughness
    committees: [pairs]
    reference: screened
    start: {dataset: film, frames: [1, 5]}
    each: 1
    points: 51
  shells:
    kind: solvation
    runs: [film]
"""


def films() -> list[Atoms]:
    """Frames in turn without an ion and with one, where the first layer has no water."""
    noise, images = np.random.default_rng(0), []
    for index in range(30):
        ions = [tuple(noise.uniform((0, 5.7, 3.5), (9, 6.3, 4.5)))] * (index % 2)
        cosines = noise.uniform(-0.8, 0.8, size=6).tolist()
        frame = slab((HEIGHTS + noise.uniform(-0.2, 0.2, size=6)).tolist(), cosines, ions)
        images.append(Atoms(frame.numbers, frame.positions, cell=CELL, pbc=True))
    return images


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a campaign that has run to its end."""
    folder = tmp_path_factory.mktemp("probes")
    write(folder / "film.extxyz", films(), format="extxyz")
    (folder / "toy.yaml").write_text(CAMPAIGN)
    with running.cleaned(folder):
        ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "store/reports/toy/results.json").read_text())
    return content


def tasks(folder: Path, verb: str) -> list[tuple[dict[str, Any], Path]]:
    """Task and folder of every committed task of a verb, by label."""
    found = [
        (json.loads(path.read_text()), path.parent) for path in (folder / "store/tasks").glob("*/task.json")
    ]
    return sorted(
        ((task, path) for task, path in found if task["verb"] == verb), key=lambda one: one[0]["label"]
    )


def test_the_floor_is_the_spread_of_the_committed_forces(finished: Path) -> None:
    ((_, folder),) = tasks(finished, "locality")
    arrays = np.load(folder / "forces.npz", allow_pickle=False)
    numbers = results(finished)["visibility"]["sight"]["floor_meV_per_A"]
    for kind, name in enumerate(("same_ions", "any_ions")):
        for place, radius in enumerate(("3", "6")):
            variances = []
            for host in np.unique(arrays["host"]):
                for oxygen in np.unique(arrays["molecule"][:, 0]):
                    own = (arrays["host"] == host) & (arrays["molecule"][:, 0] == oxygen)
                    own &= (arrays["kind"] == kind) & (arrays["radius"] == place)
                    if own.sum() > 1:
                        variances.append(np.var(arrays["forces"][own], axis=0, ddof=1).mean())
            assert numbers[name][radius]["waters"] == len(variances) > 0
            assert numbers[name][radius]["value"] == pytest.approx(1000 * np.sqrt(np.mean(variances)))
    assert numbers["any_ions"]["6"]["value"] < numbers["any_ions"]["3"]["value"], "screened over 2 Å"


def test_roughness_is_what_scipy_leaves_of_the_scans(finished: Path) -> None:
    scans = tasks(finished, "scan")
    assert [task["label"] for task, _ in scans] == [
        "scan scan=rough-pairs committee=pairs member=0", "scan scan=rough-pairs committee=pairs member=1",
        "scan scan=rough-screened potential=screened",
    ]  # fmt: skip
    forces = [np.load(folder / "scans.npz", allow_pickle=False)["force"] for _, folder in scans]
    assert {own.shape for own in forces} == {(2 * 2 * 2, 51)}
    rest = [(own - savgol_filter(own, 25, 3))[:, 12:-12] for own in forces]
    numbers = results(finished)["roughness"]["rough"]["scans"]
    for name, own in (("pairs", rest[:2]), ("screened", rest[2:])):
        rough = numbers[name]["roughness_meV_per_A"]
        assert rough["value"] == pytest.approx(1000 * np.sqrt(np.mean(np.square(own))))
    apart = 1000 * np.sqrt(np.mean(np.square(np.array(forces[:2]) - forces[2])))
    assert numbers["pairs"]["rms_from_reference_meV_per_A"]["value"] == pytest.approx(apart)


def test_coordination_is_that_of_the_trajectories(finished: Path) -> None:
    counts = []
    for _, folder in tasks(finished, "md"):
        trajectory = open_trajectory(folder / "trajectory.nc")
        frames = np.asarray(trajectory.positions, dtype=float)
        analysed = np.flatnonzero(trajectory.times > 0.0006 + 1e-6)
        analysed = analysed[: len(analysed) // 10 * 10]
        apart = frames[:, trajectory.numbers == 8] - frames[:, trajectory.numbers == 11]
        apart -= np.rint(apart / np.diag(CELL)) * np.diag(CELL)
        counts.append((np.linalg.norm(apart[analysed], axis=-1) <= 4.4).sum(axis=1))
    with (finished / "store/reports/toy/figures/solvation-shells.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if float(row["samples"])]
    assert sum(float(row["samples"]) for row in rows) == sum(map(len, counts))
    near = sum(float(row["samples"]) * float(row["oxygens"]) for row in rows)
    assert near == pytest.approx(np.concatenate(counts).sum())
    assert near > 0


def test_the_page_has_the_sections_and_nothing_is_left_to_do(finished: Path) -> None:
    page = (finished / "store/reports/toy/report.html").read_text()
    for name in ("visibility", "roughness", "solvation"):
        assert f'<section id="{name}"' in page
    figures = {"locality-sight", "visibility-sight", "scans-rough", "roughness-rough", "solvation-shells"}
    assert figures <= set(results(finished)["figures"])
    assert any(name.startswith("solvation-shells-film-Na") for name in results(finished)["figures"])
    unfolded = running.run(finished, "unfold", "toy.yaml")
    assert unfolded.returncode == 0, unfolded.stderr
    (finished / "plain.yaml").write_text(unfolded.stdout)
    assert " 0 to run" in running.run(finished, "plan", "plain.yaml").stdout
