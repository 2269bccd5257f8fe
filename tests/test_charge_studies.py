"""Mixed and specific training, and reweighting between committees, with the tests' own architecture.

Argon in which one or two atoms are neon stands in for a surface with one or two ions.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import running
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import read, write

from mlipbench_hpc.report.collect import read_table

RUN = "{temperature: 40 K, timestep: 2 fs, length: 0.4 ps, frame_every: 4 fs, checkpoint_every: 80 fs}"
CAMPAIGN = f"""\
name: toy
datasets:
  gas:
    file: {{path: gas.extxyz, format: extxyz, units: {{energy: eV, force: eV/Å}}}}
models:
  pairs: {{architecture: toy}}
committees:
  twin: {{model: pairs, split: charge-specific-2}}
md:
  own:
    committee: twin
    start: {{dataset: gas, frames: [40]}}
    temperature: 40 K
    timestep: 2 fs
    length: 0.4 ps
    frame_every: 4 fs
    checkpoint_every: 80 fs
trajectories:
  dft: {{files: [dft.extxyz], format: extxyz, frame_every: 4 fs, temperature: 40 K}}
analysis:
  reweight: {{stride: 5, md: [charge-specific-2-pairs-at-2]}}
  rdf: {{pairs: [[Ar, Ar]], r_max: 5 Å}}
studies:
  charge:
    kind: mixed-vs-specific
    dataset: gas
    validation: 9
    test: 9
    models: [pairs]
    element: Ne
    counts: [0, 1, 2]
    train: 6
    members: 2
    targets: [{{ions: 2, start: {{dataset: gas, frames: [40]}}}}]
    held_out: [2]
    md: {RUN}
    references: [dft]
  check:
    kind: reweighting-check
    stride: 5
    cases:
      twin: {{run: charge-specific-2-pairs-at-2, against: own}}
      mixed: {{run: charge-specific-2-pairs-at-2, against: charge-mixed-pairs-at-2}}
"""


def frames(folder: Path) -> None:
    """Sixty rattled crystals of 32 atoms, twenty with each number of neon, Lennard-Jones labels."""
    generator, images = np.random.default_rng(0), []
    for number in range(60):
        atoms = bulk("Ar", "fcc", a=5.3, cubic=True) * (2, 2, 2)
        atoms.symbols[: number // 20] = "Ne"
        atoms.positions += generator.normal(scale=0.12, size=atoms.positions.shape)
        atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=5.2, smooth=True)
        atoms.get_forces()
        images.append(atoms)
    write(folder / "gas.extxyz", images, format="extxyz")
    write(folder / "dft.extxyz", recorded(images[-1]), format="extxyz")


def recorded(start: Atoms) -> list[Atoms]:
    """A hundred frames of atoms that jitter about a crystal, as another program would have left them."""
    generator = np.random.default_rng(1)
    shifts = generator.normal(scale=0.1, size=(100, len(start), 3))
    crystal = bulk("Ar", "fcc", a=5.3, cubic=True) * (2, 2, 2)
    return [Atoms(start.symbols, crystal.positions + shift, cell=start.cell, pbc=True) for shift in shifts]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a campaign that has run to its end."""
    folder = tmp_path_factory.mktemp("charge")
    frames(folder)
    (folder / "toy.yaml").write_text(CAMPAIGN)
    with running.cleaned(folder):
        ended = running.run(folder, "run", "toy.yaml", timeout=800)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def committed(folder: Path, verb: str, words: str) -> tuple[Path, dict[str, Any]]:
    """Folder and values of the one committed task of a verb whose label holds all the words."""
    found = []
    for path in (folder / "store/tasks").glob("*/task.json"):
        task = json.loads(path.read_text())
        if task["verb"] == verb and set(words.split()) <= set(task["label"].split()):
            found.append((path.parent, json.loads((path.parent / "result.json").read_text())["values"]))
    (only,) = found
    return only


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "store/reports/toy/results.json").read_text())
    return content


def split_of(folder: Path, name: str) -> dict[str, Any]:
    path, _ = committed(folder, "split", f"split={name}")
    content: dict[str, Any] = json.loads((path / "split.json").read_text())
    return content


def test_every_model_is_tested_on_the_same_frames_of_the_target(finished: Path) -> None:
    """Frames 40 to 59 hold two neon atoms; of nine test frames three."""
    specific, mixed = (split_of(finished, f"charge-{arm}") for arm in ("specific-2", "mixed"))
    target = [index for index in mixed["test"] if index >= 40]
    assert specific["test"] == target
    assert len(target) == 3
    for own, every in zip(specific["members"], mixed["members"], strict=True):
        assert set(own) == {index for index in every if index >= 40}
        assert [sum(20 * k <= index < 20 * k + 20 for index in every) for k in range(3)] == [6, 6, 6]
    assert max(max(member) for member in split_of(finished, "charge-without-2")["members"]) < 40


def test_errors_are_those_of_the_predictions(finished: Path) -> None:
    mine = results(finished)["mixed_vs_specific"]["charge"]["errors"]["2"]["pairs"]
    assert set(mine) == {"specific-2", "mixed", "small-mixed", "without-2"}
    for arm in ("mixed", "without-2"):
        errors, forces = [], []
        for member in range(2):
            words = f"committee=charge-{arm}-pairs member={member}"
            path, _ = committed(finished, "evaluate", words)
            with np.load(path / "predictions-test.npz") as archive:
                chosen = archive["indices"] >= 40
                energy = (archive["energies"] - archive["label_energies"])[chosen]
                force = (archive["forces"] - archive["label_forces"])[np.repeat(chosen, 32)]
            errors.append(1000 * np.sqrt(np.mean(energy**2)))
            forces.append(1000 * np.sqrt(np.mean(force**2)))
        assert mine[arm]["energy_rmse_meV"]["mean"] == pytest.approx(np.mean(errors))
        assert mine[arm]["force_rmse_meV_per_A"]["greatest"] == pytest.approx(max(forces))


def test_another_name_for_the_same_models_gives_what_the_committee_itself_gives(finished: Path) -> None:
    """`twin` is the specific committee: its members reweight the frames as the committee's own do."""
    path, values = committed(finished, "reweight", "reweighting=check-twin")
    other, own = committed(finished, "reweight", "md=charge-specific-2-pairs-at-2")
    table, expected = (read_table(folder / "reweighted-g_Ar-Ar.csv") for folder in (path, other))
    np.testing.assert_allclose(table["member_1"], expected["member_1"])
    np.testing.assert_allclose(table["member_0"], table["driving_member"])
    np.testing.assert_allclose(table["sigma_observed"], expected["sigma_observed"])
    assert values["members"]["1"] == pytest.approx(own["members"]["1"])
    assert values["members"]["0"]["std_h"] == pytest.approx(0.0, abs=1e-9)


def test_relative_energies_to_another_committee_are_those_of_its_models(finished: Path) -> None:
    path, values = committed(finished, "reweight", "reweighting=check-mixed")
    task = json.loads((path / "task.json").read_text())
    energies = [
        np.load(finished / "store/tasks" / task["upstream"][role] / "energies.npz")["energies"]
        for role in ("energies", "driving")
    ]
    assert [len(one) for one in energies] == [2, 1]
    h = (energies[0] - energies[1]) / (8.617333262e-5 * 40)
    for member, row in enumerate(h):
        assert values["members"][str(member)]["std_h"] == pytest.approx(row.std(ddof=1), rel=1e-6)


def test_a_trajectory_of_another_program_stands_as_a_reference(finished: Path) -> None:
    """Its g(r) is that of its frames, by distances of ASE; its group holds the runs with two neon atoms."""
    path, values = committed(finished, "analyse", "md=dft")
    assert (values["frames_analysed"], values["thermo"]["skipped"][:18]) == (100, "a trajectory alone")
    own = results(finished)["md"]["dft"]
    assert own["replicas"]["0"]["md"]["time_ps"] == pytest.approx(0.4)
    table = read_table(path / "rdf.csv")
    images = read(finished / "dft.extxyz", ":")
    argon = np.array(images[0].symbols) == "Ar"
    counted = [np.triu(image.get_all_distances(mic=True)[argon][:, argon], 1) for image in images]
    inside = np.mean([((d > 0) & (d < 4.5)).sum() for d in counted]) * 2 / argon.sum()
    assert table["n_Ar-Ar"][table["r_A"] < 4.5][-1] == pytest.approx(inside, rel=1e-3)
    page = (finished / "store/reports/toy/report.html").read_text()
    assert "trajectory dft" in page


def test_both_studies_are_on_the_page_and_nothing_is_left(finished: Path) -> None:
    page = (finished / "store/reports/toy/report.html").read_text()
    for name in ("mixed_vs_specific", "reweighting_check"):
        assert f'<section id="{name}"' in page
    checks = results(finished)["reweighting_check"]["check"]["checks"]
    assert {case: [one["observable"] for one in own] for case, own in checks.items()} == {
        "twin": ["g_Ar-Ar"], "mixed": ["g_Ar-Ar"],
    }  # fmt: skip
    unfolded = running.run(finished, "unfold", "toy.yaml")
    (finished / "plain.yaml").write_text(unfolded.stdout)
    assert " 0 to run" in running.run(finished, "plan", "plain.yaml").stdout
