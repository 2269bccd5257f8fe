"""The user's trajectories in a campaign: found, pinned, planned, and named where a reference run stands."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from studied import STUDIED
from toy import argon_frames

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import CampaignError, Validated, validate
from mlipbench_hpc.campaign.recorded import ending
from mlipbench_hpc.campaign.spec.trajectory import Format
from mlipbench_hpc.contract.key import file_digest
from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.worker.foreign.formats import FORMATS

ENTRY = """\
trajectories:
  dft:
    files: [one.xyz, two.xyz]
    format: extxyz
    frame_every: 4 fs
    temperature: 40 K
    equilibration: 20 fs
"""
TEXT = STUDIED.replace("analysis:\n", f"{ENTRY}analysis:\n").replace("reference: crystal", "reference: dft")


def write(folder: Path, text: str = TEXT) -> Path:
    argon_frames(folder)
    for name in ("one", "two"):
        (folder / f"{name}.xyz").write_text(f"{name}\n")
    (folder / "toy.yaml").write_text(text)
    return folder / "toy.yaml"


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(CampaignError) as refused:
        validate(write(folder, text), folder / "cache")
    return [str(problem) for problem in refused.value.problems]


def test_each_file_is_read_and_analysed_and_its_content_is_in_the_key(tmp_path: Path) -> None:
    def tasks(validated: Validated) -> dict[str, list[str]]:
        facts = validated.datasets, validated.systems, find(), {"analysis": "venv:analysis"}
        setting = Setting(*facts, dict.fromkeys(verbs(), 1), recorded=validated.recorded)
        every = expand(validated.campaign, setting, {})
        assert all(item.task.environment == "analysis" for item in every if item.task.verb == "record")
        return {
            verb: [
                item.key for item in every if item.task.verb == verb and item.subjects[0].get("md") == "dft"
            ]
            for verb in ("record", "analyse")
        }

    path = write(tmp_path)
    first = validate(path, tmp_path / "cache")
    assert (tmp_path / "two.xyz", file_digest(tmp_path / "two.xyz")) in first.inputs
    before = tasks(first)
    assert [len(keys) for keys in before.values()] == [2, 2]
    assert tasks(validate(path, tmp_path / "cache")) == before
    (tmp_path / "two.xyz").write_text("other\n")
    after = tasks(validate(path, tmp_path / "cache"))
    for verb, keys in after.items():
        assert [key == old for key, old in zip(keys, before[verb], strict=True)] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("two.xyz]", "three.xyz]", "trajectories.dft.files[1]: no such file"),
        ("two.xyz]", "one.xyz]", "each of `files` once"),
        ("    format: extxyz\n", "    format: exyz\n", "trajectories.dft.format"),
        ("    frame_every: 4 fs\n    temperature: 40 K\n    equi", "    temperature: 40 K\n    equi",
         "trajectories.dft.frame_every: is required"),
        ("    format: extxyz\n    frame",
         f"    sha256: [{'a' * 64}, {'b' * 64}]\n    format: extxyz\n    frame", "is not the pinned data"),
        ("  dft:\n", "  crystal:\n", "an entry of `md` has this name"),
        ("reference: dft", "reference: dtf", "did you mean `dft`?"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    assert any(said in problem for problem in problems(tmp_path, TEXT.replace(old, new, 1)))


def test_files_are_opened_once_by_what_has_their_readers(tmp_path: Path) -> None:
    """A refused file is opened again; one that was read is remembered until it, or its entry, changes."""
    path, cache, opened = write(tmp_path), tmp_path / "cache", list[list[str]]()

    def opener(files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        opened.append([Path(one["trajectory"]).name for one in files])
        assert all(one["frame_every"] == pytest.approx(0.004) and not one["topology"] for one in files)
        good = {"formula": "Ar32", "frames": 50}
        return [
            good if one["trajectory"].endswith("one.xyz") else {"wrong": "the trajectory: no cell in it"}
            for one in files
        ]

    with pytest.raises(
        CampaignError, match=r"trajectories.dft.files\[1\]: no cell in it; received .*two.xyz"
    ):
        validate(path, cache, opener)
    (tmp_path / "two.xyz").write_text("changed\n")
    with pytest.raises(CampaignError):
        validate(path, cache, opener)
    path.write_text(path.read_text().replace("one.xyz, two.xyz", "one.xyz"))
    assert validate(path, cache, opener).recorded["dft"].runs[0].ending == ".xyz"
    path.write_text(path.read_text().replace("format: extxyz\n    frame", "format: xyz\n    frame"))
    (run,) = validate(path, cache, opener).recorded["dft"].runs
    assert (run.formula, run.frames) == ("Ar32", 50)
    assert opened == [["one.xyz", "two.xyz"], ["two.xyz"], ["one.xyz"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"wrong": "its topology: half a frame at its end"}, "dft.topology: half a frame at its end"),
        ({"formula": "Ar32", "frames": 5},
         "dft.equilibration: all of a file is discarded; received 0.02 ps of file 0, which is 0.02 ps long"),
        ({"formula": "Ar32", "frames": 50, "first": "same"},
         "trajectories.dft.files[1]: it begins with the frame of file 0"),
        ({"formula": "Kr4", "frames": 50},
         "studies.hold.reference: other atoms than the run it is compared with; received Kr4; expected Ar"),
    ],
)  # fmt: skip
def test_what_files_hold_is_judged(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    """In the toy campaign `hold` runs argon beside them."""
    with pytest.raises(CampaignError) as refused:
        validate(write(tmp_path), tmp_path / "cache", lambda files: [content] * len(files))
    assert any(said in str(problem) for problem in refused.value.problems), refused.value.problems


def test_copies_of_one_file_are_no_independent_runs(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "two.xyz").write_text("one\n")
    with pytest.raises(CampaignError, match="the same content as file 0"):
        validate(path)


@pytest.mark.parametrize(
    ("run", "against", "said"),
    [
        ("crystal", "dft", ""),
        ("dft", "crystal", "comparisons[0].run: no such entry in `md`"),
        ("crystal", "dff", "did you mean `dft`?"),
    ],
)
def test_a_trajectory_is_what_runs_are_compared_with(
    tmp_path: Path, run: str, against: str, said: str
) -> None:
    line = f"  comparisons: [{{run: {run}, against: {against}, observables: [cosine]}}]\n"
    found = problems(tmp_path, TEXT.replace("analysis:\n", f"analysis:\n{line}"))
    assert any("no water in its start" in problem for problem in found) == (not said), found
    assert not said or any(said in problem for problem in found)
    hot = TEXT.replace("temperature: 40 K\n    equi", "temperature: 50 K\n    equi")
    if not said:
        found = problems(tmp_path, hot.replace("analysis:\n", f"analysis:\n{line}"))
        assert any("runs at two temperatures" in problem for problem in found)


def test_formats_are_those_that_analyse_reads() -> None:
    assert set(get_args(Format)) == set(FORMATS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.b.XYZ", ".xyz"), ("run.lammpstrj.gz", ".lammpstrj.gz"), ("POSCAR_1", ".poscar"), ("XDATCAR", "")],
)
def test_endings(name: str, expected: str) -> None:
    assert ending(Path(name)) == expected
