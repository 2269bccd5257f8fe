"""Models of the user's in place of trained ones: an exported committee, and one of its models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import running
from toy import TOY, write_toy

from mlipbench_hpc.contract.key import tree_digest

LONGER = {"members: 2": "members: 4", "replicas: 2": "replicas: 1", "reweight: null": "reweight: {stride: 3}"}
MINE = """\
  mine:
    model: pairs
    split: main
    checkpoints:
"""
ONE = """\
  one:
    architecture: toy
    checkpoint: {pinned}
"""
STUDY = """\
studies:
  large:
    kind: foundation
    model: one
    split: main
    start: {dataset: argon}
    md: {temperature: 40 K, timestep: 2 fs, length: 0.4 ps, frame_every: 4 fs, checkpoint_every: 80 fs}
    against: [crystal]
"""


def pinned(folder: Path, member: int) -> str:
    """An exported member, as a campaign names it."""
    path = f"home/member-{member:03d}"
    return f"{{path: {path}, sha256: {tree_digest(folder / path)}, trust: true}}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a campaign has trained four members, and another one used them as its own."""
    folder = tmp_path_factory.mktemp("checkpoints")
    path, text = write_toy(folder), TOY
    for before, after in LONGER.items():
        text = text.replace(before, after)
    path.write_text(text)
    with running.cleaned(folder):
        for words in (["run", "toy.yaml"], ["export", "toy.yaml", "pairs", "--out", "home"]):
            ended = running.run(folder, *words)
            assert ended.returncode == 0, ended.stdout + ended.stderr
        (folder / "own.yaml").write_text(own(folder, text))
        ended = running.run(folder, "run", "own.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def own(folder: Path, text: str) -> str:
    """The same campaign with the exported members, and with one of them as a model."""
    files = "".join(f"      - {pinned(folder, member)}\n" for member in range(4))
    text = text.replace("name: toy", "name: own").replace("committees:\n", f"{ONE}committees:\n{MINE}{files}")
    text = text.replace("{pinned}", pinned(folder, 1))
    text = text.replace("  pairs: {model: pairs, split: main}\n", "  single: {model: one, split: main}\n")
    return text.replace("committee: pairs", "committee: mine") + STUDY


def tasks(folder: Path, verb: str, **words: Any) -> list[Path]:
    """Committed tasks of a verb whose label holds all words, in the order of their labels."""
    found = []
    for path in (folder / "store/tasks").glob("*/task.json"):
        record = json.loads(path.read_text())
        labels = record["label"].split()
        if record["verb"] == verb and all(f"{name}={value}" in labels for name, value in words.items()):
            found.append((record["label"], path.parent))
    return [path for _, path in sorted(found)]


def test_members_are_what_they_were(finished: Path) -> None:
    """Evaluated anew from their files: the same energies and forces, and the same MD, to the bit."""
    for member in range(4):
        (before,) = tasks(finished, "evaluate", committee="pairs", member=member)
        (after,) = tasks(finished, "evaluate", committee="mine", member=member)
        with (
            np.load(before / "predictions-test.npz") as first,
            np.load(after / "predictions-test.npz") as second,
        ):
            for name in ("energies", "forces"):
                np.testing.assert_array_equal(first[name], second[name])
    (before,), (after,) = (tasks(finished, "md", committee=name) for name in ("pairs", "mine"))
    assert (before / "thermo.csv").read_bytes() == (after / "thermo.csv").read_bytes()


def test_they_are_calibrated_and_reweighted(finished: Path) -> None:
    """As the trained ones are."""
    (before,), (after,) = (tasks(finished, "calibrate", committee=name) for name in ("pairs", "mine"))
    first, second = (json.loads((path / "result.json").read_text())["values"] for path in (before, after))
    assert first == second
    assert len(tasks(finished, "reweight", committee="mine")) == 1


def test_keys_know_the_bytes_and_no_path(finished: Path) -> None:
    adopted = tasks(finished, "adopt")
    assert len(adopted) == 4, "the single model is the second member"
    for member, path in enumerate(adopted):
        text = (path / "task.json").read_text()
        assert "home" not in text
        assert json.loads(text)["inputs"]["checkpoint"] == tree_digest(finished / f"home/member-{member:03d}")


def test_the_report_says_what_they_are(finished: Path) -> None:
    report = finished / "store/reports/own"
    summary = " ".join((report / "summary.txt").read_text().split())
    assert (
        "Committee single: M = 1, a model of the user's. One model, used as it is: there is no spread"
        in summary
    )
    assert "and no α" in summary
    assert "Committee mine: M = 4, models of the user's." in summary
    assert "which frames the user's models were trained on is not known" in summary
    committee = json.loads((report / "results.json").read_text())["committees"]["mine"]["rounds"]["0"]
    assert (committee["members_trained"], committee["members"]["0"]["training_structures"]) == (4, None)


def test_a_foundation_model_is_compared_with_the_committee(finished: Path) -> None:
    """Bulk argon: no interface, so that errors are compared, and radial distributions in a figure."""
    results = json.loads((finished / "store/reports/own/results.json").read_text())
    large = results["foundation"]["large"]
    assert large["against"]["crystal"] == {"system": "Ar32, 40.0 K", "differences": {}, "figure_8": {}}
    assert set(large["md"]) == {"large"}
    assert large["committees"]["large"]["rounds"]["0"]["members_trained"] == 1
    assert any(
        words.startswith("Study large (foundation): compared with 1 run. They have no single")
        for words in results["verdict"]
    )


def test_they_can_be_exported_again(finished: Path) -> None:
    ended = running.run(finished, "export", "own.yaml", "mine", "--out", "again")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert tree_digest(finished / "again/member-003") == tree_digest(finished / "home/member-003")
    assert "the members are files of the user's" in (finished / "again/README.md").read_text()


def test_a_changed_file_is_refused_before_anything_runs(finished: Path, tmp_path: Path) -> None:
    text = (finished / "own.yaml").read_text()
    wrong = text.replace(tree_digest(finished / "home/member-002"), "0" * 64)
    (finished / "wrong.yaml").write_text(wrong)
    ended = running.run(finished, "validate", "wrong.yaml")
    line = next(n for n, words in enumerate(wrong.splitlines(), 1) if "0" * 64 in words)
    assert ended.returncode == 2
    assert f"wrong.yaml:{line}: committees.mine.checkpoints[2].sha256" in ended.stdout + ended.stderr
    assert tree_digest(finished / "home/member-002") in ended.stdout + ended.stderr
