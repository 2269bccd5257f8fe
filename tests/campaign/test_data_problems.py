"""A campaign's data files: looked at before anything runs, remembered while they do not change."""

import json
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.files import file_facts
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError, Problem
from mlipbench_hpc.campaign.spec import FileDataset, Units
from mlipbench_hpc.contract.key import file_digest

CAMPAIGN = """\
name: mine
datasets:
  water:
    file:
      path: data/water.xyz
      format: extxyz
      units: {energy: eV, force: eV/Å}
      sha256: SHA
md: {}
"""


def extxyz(count: int, force: str = "0.1", energy: str = "energy=-10.0", same: bool = False) -> str:
    """`count` frames of one molecule of water, whose O moves; the last one carries `force` and `energy`."""
    text = ""
    for frame in range(count):
        last = frame == count - 1
        x = 0.0 if same and last else 0.1 * frame
        text += '3\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" '
        text += (energy if last else f"energy=-10.{frame}") + "\n"
        text += f"O {x} 0 0 {force if last else '0.1'} 0 0\nH 0.96 0 0 0 0 0\nH -0.24 0.93 0 0 0 0\n"
    return text


def write(tmp_path: Path, content: str | bytes, sha256: str | None = None) -> Path:
    (tmp_path / "data").mkdir(exist_ok=True)
    data = tmp_path / "data" / "water.xyz"
    data.write_bytes(content if isinstance(content, bytes) else content.encode())
    campaign = tmp_path / "campaign.yaml"
    line = f"      sha256: {sha256}\n" if sha256 else ""
    campaign.write_text(CAMPAIGN.replace("      sha256: SHA\n", line))
    return campaign


def problems_of(campaign: Path, cache: Path | None = None) -> tuple[Problem, ...]:
    with pytest.raises(CampaignError) as caught:
        validate(campaign, cache)
    return caught.value.problems


def test_facts_of_sound_data(tmp_path: Path):
    campaign = write(tmp_path, extxyz(4))
    data = tmp_path / "data" / "water.xyz"
    validated = validate(campaign, tmp_path / "cache")
    expected = DatasetFacts(file_digest(data), (3, 3, 3, 3), {"H2O1": 4}, (1, 8))
    assert validated.datasets == {"water": expected}
    assert validated.inputs == [(data, file_digest(data))]
    assert (
        validate(write(tmp_path, extxyz(4), file_digest(data)), tmp_path / "cache").datasets
        == validated.datasets
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (extxyz(3, force="nan"), "frame 2: force label missing or not a number; received 1 of 3 atoms"),
        (
            extxyz(3, force="150.0"),
            "frame 2: absurd force component; received 150 eV/Å; expected at most 100 eV/Å",
        ),
        (extxyz(3, energy=""), "frame 2: energy label missing or not a number; received nan"),
        (extxyz(3, same=True), "frame 2: the same structure as frame 0; expected each structure once"),
        (pickle.dumps({"energy": 1}), "this is a Python pickle, not extxyz text; nothing was loaded from it"),
        (pickle.dumps({"energy": 1}, protocol=0), "this is a Python pickle, not extxyz text"),
        (b"PK\x03\x04rest", "this is a zip archive (as torch and numpy write), not extxyz text"),
        ("", "this is an empty file, not extxyz text"),
        ("3\nwater\nO 0 0 0\n", "frame 0: "),
        ("hello world\n", "frame 0: "),
    ],
)
def test_bad_data_is_refused_at_the_line_of_its_path(tmp_path: Path, content: str | bytes, words: str):
    (problem,) = problems_of(write(tmp_path, content))
    assert (problem.line, problem.path) == (5, "datasets.water.file.path")
    assert f"{tmp_path / 'data' / 'water.xyz'}: " in str(problem)
    assert words in str(problem)


UNLABELLED = """\
name: one
datasets:
  raw:
    structures: {path: data/water.xyz, format: extxyz, frames: 3}
  labelled:
    label: {frames: raw, potential: spc-fw}
splits:
  main: {dataset: SPLIT, validation: 1, test: 1, train: 1, members: 1}
md: {}
"""


def unlabelled(tmp_path: Path, content: str, split: str = "labelled") -> Path:
    campaign = write(tmp_path, content)
    campaign.write_text(UNLABELLED.replace("SPLIT", split))
    return campaign


def test_structures_need_no_labels_and_their_labels_are_given_to_them(tmp_path: Path):
    result = validate(unlabelled(tmp_path, extxyz(4).replace("energy=-10.0", "")), tmp_path / "cache")
    digest = file_digest(tmp_path / "data" / "water.xyz")
    assert result.datasets["raw"] == DatasetFacts(digest, (3, 3, 3), {"H2O1": 3}, (1, 8))
    assert result.datasets["labelled"] == DatasetFacts("", (3, 3, 3), {"H2O1": 3}, (1, 8))
    assert result.inputs == [(tmp_path / "data" / "water.xyz", digest)]


@pytest.mark.parametrize(
    ("content", "split", "path", "words"),
    [
        (extxyz(3, same=True), "labelled", "datasets.raw.structures.path", "the same structure as frame 0"),
        ("", "labelled", "datasets.raw.structures.path", "this is an empty file, not extxyz text"),
        (
            extxyz(3),
            "raw",
            "splits.main.dataset",
            "its frames carry no labels; received raw; expected a dataset with labels, such as one with "
            "label: {frames: raw, potential: …}",
        ),
    ],
)
def test_structures_that_cannot_be_used(tmp_path: Path, content: str, split: str, path: str, words: str):
    (problem,) = problems_of(unlabelled(tmp_path, content, split))
    assert problem.path == path
    assert words in str(problem)


def test_a_missing_file_and_a_pipe(tmp_path: Path):
    campaign = write(tmp_path, "")
    data = tmp_path / "data" / "water.xyz"
    data.unlink()
    (problem,) = problems_of(campaign)
    assert (problem.line, problem.message, problem.received) == (5, "no such file or folder", str(data))
    os.mkfifo(data)
    (problem,) = problems_of(campaign)
    assert problem.message == "no such file or folder"


def test_a_changed_file_is_refused_with_both_digests(tmp_path: Path):
    campaign = write(tmp_path, extxyz(2), sha256="0" * 64)
    (problem,) = problems_of(campaign)
    assert (problem.line, problem.path) == (8, "datasets.water.file.sha256")
    assert problem.received == file_digest(tmp_path / "data" / "water.xyz")
    assert problem.expected.startswith("0" * 64)


def test_data_and_schema_mistakes_come_together(tmp_path: Path):
    campaign = write(tmp_path, extxyz(3, force="nan"))
    campaign.write_text(campaign.read_text().replace("md: {}", "mdd: {}"))
    assert [problem.line for problem in problems_of(campaign)] == [5, 8]


def facts_of(data: Path, cache: Path, largest_force: float = 100.0) -> object:
    units = Units(energy="eV", force="eV/Å")
    spec = FileDataset(path="x", format="extxyz", units=units).model_copy(
        update={"largest_force": largest_force}
    )
    return file_facts(data, spec, cache)


def test_facts_are_remembered_until_the_file_or_the_way_of_reading_changes(tmp_path: Path):
    write(tmp_path, extxyz(4))
    data, cache = tmp_path / "data" / "water.xyz", tmp_path / "cache"
    first = facts_of(data, cache)
    (memory,) = cache.iterdir()
    known = json.loads(memory.read_text())
    memory.write_text(json.dumps({**known, "species": [79]}))
    remembered = facts_of(data, cache)
    assert isinstance(remembered, DatasetFacts)
    assert remembered.species == (79,)
    assert isinstance(facts_of(data, cache, largest_force=0.05), list)
    time.sleep(0.01)
    data.write_text(extxyz(4, force="nan"))
    assert isinstance(facts_of(data, cache), list)
    memory.write_text("{ half")
    data.write_text(extxyz(4))
    assert facts_of(data, cache) == first


def test_remembered_frames_keep_their_compositions(tmp_path: Path):
    """Methane-like frames come last in the file, and first in the alphabet."""
    text = extxyz(3) + extxyz(6)[len(extxyz(3)) :].replace("\nO ", "\nC ")
    write(tmp_path, text)
    data, cache = tmp_path / "data" / "water.xyz", tmp_path / "cache"
    looked, remembered = facts_of(data, cache), facts_of(data, cache)
    assert isinstance(looked, DatasetFacts), looked
    assert isinstance(remembered, DatasetFacts)
    assert remembered.formulas == looked.formulas
    assert len(set(looked.formulas)) == 2


def test_a_second_look_at_much_data_is_quick(tmp_path: Path):
    folder = tmp_path / "npy"
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n" * 100)
    (folder / "type_map.raw").write_text("Ne\n")
    generator = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)[:100] * 3.0
    coordinates = grid + generator.uniform(0, 1, (400, 100, 3))
    np.save(folder / "set.000" / "coord.npy", coordinates.reshape(400, 300))
    np.save(folder / "set.000" / "box.npy", np.tile(np.diag([15.0] * 3).ravel(), (400, 1)))
    np.save(folder / "set.000" / "energy.npy", generator.normal(size=400))
    np.save(folder / "set.000" / "force.npy", generator.normal(size=(400, 300)))
    spec = FileDataset(path="x", format="deepmd-npy", units=Units(energy="eV", force="eV/Å"))
    first = file_facts(folder, spec, tmp_path / "cache")
    started = time.perf_counter()
    assert file_facts(folder, spec, tmp_path / "cache") == first
    assert time.perf_counter() - started < 0.1


STRUCTURE = """\
name: mine
systems:
  own:
    structure:
      path: own.xyz
      format: extxyz
datasets:
  water:
    generate: {system: own, potential: spc-fw, temperatures: [300 K], frames: 4}
  again:
    label: {frames: twice, potential: spc-fw}
  twice:
    label: {frames: water, potential: spc-fw}
"""


def structure(tmp_path: Path, content: str, sha256: str = "") -> Path:
    (tmp_path / "own.xyz").write_text(content)
    campaign = tmp_path / "campaign.yaml"
    pin = f"      sha256: {sha256}\n" if sha256 else ""
    campaign.write_text(STRUCTURE.replace("extxyz\n", f"extxyz\n{pin}"))
    return campaign


def test_a_structure_of_the_user_s_is_known_before_anything_runs(tmp_path: Path):
    validated = validate(structure(tmp_path, extxyz(1)), tmp_path / "cache")
    digest = file_digest(tmp_path / "own.xyz")
    assert validated.inputs == [(tmp_path / "own.xyz", digest)]
    assert validated.systems["own"] == DatasetFacts(digest, (3,), {"H2O1": 1}, (1, 8))
    expected = DatasetFacts("", (3, 3, 3, 3), {"H2O1": 4}, (1, 8))
    assert validated.datasets == dict.fromkeys(("water", "again", "twice"), expected)


@pytest.mark.parametrize(
    ("content", "sha256", "place", "words"),
    [
        (extxyz(2), "", (5, "path"), "more than one frame"),
        ("hello world\n", "", (5, "path"), "frame 0: "),
        (extxyz(1).replace("0.96 0 0", "0.1 0 0"), "", (5, "path"), "atoms on top of each other"),
        (extxyz(1), "0" * 64, (7, "sha256"), "is not the pinned data"),
    ],
)
def test_a_bad_structure_is_refused(
    tmp_path: Path, content: str, sha256: str, place: tuple[int, str], words: str
):
    (problem,) = problems_of(structure(tmp_path, content, sha256))
    assert (problem.line, problem.path) == (place[0], f"systems.own.structure.{place[1]}")
    assert words in str(problem)


def test_dipoles_are_found_counted_and_remembered(tmp_path: Path):
    text = extxyz(4, energy='energy=-10.0 dipole="0 0 1"')
    campaign = write(tmp_path, text.replace("energy=-10.0\n", 'energy=-10.0 dipole="0 0 2"\n', 1))
    for _ in range(2):
        result = validate(campaign, tmp_path / "cache").datasets["water"]
        assert result.dipoles == 2
    assert ", dipole known of 2, sha256 " in result.describe()


def test_a_dipole_that_is_named_must_be_there(tmp_path: Path):
    campaign = write(tmp_path, extxyz(4))
    campaign.write_text(campaign.read_text().replace("extxyz\n", "extxyz\n      labels: {dipole: mew}\n"))
    (problem,) = problems_of(campaign)
    assert "no frame has such a dipole; received mew; expected the name of a vector" in str(problem)
