"""`mlipbench export`: the toy's committee, taken home; refusals leave nothing behind."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import running
from toy import TOY, write_toy

from mlipbench_hpc.cli import main
from mlipbench_hpc.contract.key import file_digest
from mlipbench_hpc.runtime import directly

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose toy campaign, with four members and hence an α, has run to its end."""
    folder = tmp_path_factory.mktemp("finished")
    path = write_toy(folder)
    path.write_text(TOY.replace("members: 2", "members: 4"))
    with running.cleaned(folder):
        ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture(scope="module")
def exported(finished: Path) -> Path:
    ended = running.run(finished, "export", "toy.yaml", "pairs", "--out", "home/pairs")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{finished / 'home/pairs'}: 4 members" in ended.stdout
    return finished / "home" / "pairs"


def committee(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The exported program, where the toy's own package can be imported."""
    path = os.pathsep.join([str(ROOT), running.PLUGINS])
    command = [sys.executable, "committee.py", *words]
    environ = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_it_computes_what_the_evaluations_computed(finished: Path, exported: Path, tmp_path: Path) -> None:
    """Moved to another place; energies against those of the committed tasks, by member."""
    shutil.copytree(exported, tmp_path / "moved")
    ended = committee(tmp_path / "moved")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    table = np.array([line.split()[1:5] for line in ended.stdout.splitlines()], float)
    tasks = {
        record["label"]: path.parent
        for path in (finished / "store/tasks").glob("*/task.json")
        if (record := json.loads(path.read_text()))["verb"] == "evaluate"
    }
    assert len(tasks) == 4
    for member in range(4):
        (folder,) = [tasks[label] for label in tasks if f"member={member} " in label]
        with np.load(folder / "predictions-test.npz") as archive:
            np.testing.assert_allclose(table[:, member], archive["energies"][:3], rtol=1e-6)
    assert len({tuple(row) for row in table.T}) == 4, "four different models"


def test_it_computes_structures_of_the_user(exported: Path, finished: Path) -> None:
    ended = committee(exported, str(finished / "argon.extxyz"))
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 24
    assert "largest spread of a force" in ended.stdout


def test_its_readme_says_what_it_is(exported: Path) -> None:
    text = (exported / "README.md").read_text()
    for words in (
        "# Committee pairs of the campaign toy", "| architecture | toy, preset fast |", "| elements | Ar |",
        "| cutoff | 5.00 Å |", "dataset argon: 24 frames", "8 training frames for each member, 4 for validat",
        "a test's own pair potential", "Calibration factor α", "mlipbench_toy.adapter",
    ):  # fmt: skip
        assert words in text, text
    table = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", text, re.MULTILINE))
    named = {name for name in table if not name.isdigit()}
    there = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert named == there - {"README.md"}
    assert all(file_digest(exported / name) == table[name] for name in named)
    keys = {table[str(member)] for member in range(4)}
    assert len(keys) == 4


def test_records_of_tasks_stay_at_home(exported: Path) -> None:
    assert sorted(path.name for path in (exported / "member-000").iterdir()) == ["model.json"]


def test_a_folder_that_is_there_stays_as_it_is(exported: Path, finished: Path) -> None:
    before = sorted(exported.parent.rglob("*"))
    ended = running.run(finished, "export", "toy.yaml", "pairs", "--out", "home/pairs")
    assert ended.returncode == 2
    assert f"{exported} exists: name a new folder with --out; nothing was written" in ended.stderr
    assert sorted(exported.parent.rglob("*")) == before


def test_a_handout_that_fails_leaves_nothing(
    finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The worker ends with an error when it has written half of the folder."""

    def half(
        _environments: object, _name: str, _module: str, request: dict[str, str], **_more: object
    ) -> bool:
        folder = Path(request["out"])
        folder.mkdir(parents=True)
        (folder / "member-000").write_text("half")
        return False

    monkeypatch.setattr(directly, "start", half)
    words = ["--site", str(finished / "here.yaml"), "--store", str(finished / "store")]
    out = tmp_path / "new" / "pairs"
    assert main(["export", str(finished / "toy.yaml"), "pairs", *words, "--out", str(out)]) == 2
    assert list(tmp_path.rglob("*")) == [tmp_path / "new"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pears", "no committee pears in {path}: there are pairs; did you mean pairs?"),
        ("pairs", "committee pairs is not complete: train committee=pairs round=0 member=0"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    path = write_toy(tmp_path)
    (tmp_path / "here.yaml").write_text(running.SITE)
    place = ["--site", str(tmp_path / "here.yaml"), "--store", str(tmp_path / "store")]
    assert main(["export", str(path), name, *place, "--out", str(tmp_path / "out")]) == 2
    assert words.format(path=path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
