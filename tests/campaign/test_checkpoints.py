"""Trained models of the user's, so far as the login node can tell: their bytes and their plain text."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError, Problem, dotted
from mlipbench_hpc.contract.key import tree_digest

GOOD = """\
name: water
systems:
  box: {water_box: {molecules: 8}}
datasets:
  generated:
    generate: {system: box, potential: spc-fw, temperatures: [300 K], frames: 40}
splits:
  four: {dataset: generated, validation: 5, test: 5, train: 20}
models:
  small: {architecture: mace}
  tuned: {architecture: mace, initial: FOLDER}
  fixed: {architecture: mace, checkpoint: FILE}
committees:
  first: {model: tuned, split: four}
  single: {model: fixed, split: four}
  mine: {model: small, split: four, checkpoints: [FOLDER, FILE]}
md:
  bulk: {committee: mine, member: 1, start: {system: box}, length: 2 ps}
"""


def pinned(model: Path, /, **changes: Any) -> str:
    """An entry for a model, as JSON, which is YAML."""
    entry = {"path": model.name, "sha256": tree_digest(model), "trust": True} | changes
    return json.dumps({name: value for name, value in entry.items() if value is not None})


def models(folder: Path, **record: Any) -> tuple[Path, Path]:
    """A folder as a training leaves one, and a library's file."""
    kept = folder / "member-000"
    kept.mkdir(exist_ok=True)
    chosen = {"r_max": 4.0, "num_interactions": 2, "max_ell": 2, "correlation": 2, "lr": 0.5}
    content = {"numbers": [1, 8], "hyperparameters": chosen} | record
    (kept / "model.json").write_text(json.dumps(content))
    (kept / "model.pt").write_bytes(b"weights")
    (folder / "large.model").write_bytes(b"pickle")
    return kept, folder / "large.model"


def written(folder: Path, text: str = GOOD, old: str = "", new: str = "", **record: Any) -> Path:
    """The campaign after one change; `old` is in it when the models' entries are."""
    kept, file = models(folder, **record)
    text = text.replace("FOLDER", pinned(kept)).replace("FILE", pinned(file))
    assert old in text
    path = folder / "campaign.yaml"
    path.write_text(text.replace(old, new))
    return path


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(CampaignError) as caught:
        validate(path, cache=path.parent / "cache")
    return caught.value.problems


def test_files_are_inputs_by_their_sha256(tmp_path: Path) -> None:
    validated = validate(written(tmp_path))
    kept, file = (tree_digest(tmp_path / name) for name in ("member-000", "large.model"))
    assert sorted(sha256 for _, sha256 in validated.inputs) == sorted([kept, kept, file, file])
    assert [validated.campaign.members(name) for name in ("first", "single", "mine")] == [4, 1, 2]


def test_a_file_without_its_sha256_is_told_it(tmp_path: Path) -> None:
    kept, _ = models(tmp_path)
    path = written(tmp_path, old=pinned(kept), new=pinned(kept, sha256=None))
    found = problems_of(path)
    assert [problem.path for problem in found] == [
        dotted(("models", "tuned", "initial", "sha256")),
        dotted(("committees", "mine", "checkpoints", 0, "sha256")),
    ]  # fmt: skip
    assert all(tree_digest(kept) in str(problem) and "is required" in str(problem) for problem in found)
    assert [problem.line for problem in found] == [11, 16]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trust": None}, ["expected `trust: true`", "whose origin you know"]),
        ({"trust": False}, ["expected `trust: true`"]),
        ({"sha256": "1" * 64}, ["is not the pinned model", "correct `sha256`"]),
        ({"sha256": "12"}, ["is not a sha256", "64 hexadecimal digits"]),
        ({"path": "large.modell"}, ["no such file or folder", "did you mean `large.model`?"]),
        ({"paht": "x"}, ["unknown key", "did you mean `path`?"]),
    ],
)
def test_a_mistake_has_its_line(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    _, file = models(tmp_path)
    old = f"checkpoint: {pinned(file)}"
    path = written(tmp_path, old=old, new=f"checkpoint: {pinned(file, **changes)}")
    (problem,) = problems_of(path)
    assert problem.line == 12
    assert problem.path.startswith("models.fixed.checkpoint")
    for word in words:
        assert word in str(problem), str(problem)


def test_the_sha256_that_was_found_is_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    validate(path, cache=tmp_path / "cache")
    (tmp_path / "large.model").write_bytes(b"another")
    found = problems_of(path)
    assert len(found) == 2
    assert all(tree_digest(tmp_path / "large.model") in problem.received for problem in found)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"numbers": [1, 79]}, "the model there does not know O, which the split holds"),
        (
            {"hyperparameters": {"r_max": 6.0, "max_ell": 2}},
            "the mace model there has another shape; received r_max 4.0; expected `hyperparameters: "
            "{r_max: 6.0}` of the model",
        ),
    ],
)
def test_a_model_of_another_shape_is_refused_where_its_text_says_so(
    tmp_path: Path, record: dict[str, Any], words: str
) -> None:
    found = problems_of(written(tmp_path, **record))
    assert {problem.path for problem in found} == {
        "models.tuned.initial.path", "committees.mine.checkpoints[0].path"
    }  # fmt: skip
    assert all(words in str(problem) for problem in found), found


def test_widths_matter_to_a_training_alone(tmp_path: Path) -> None:
    """A committee's member may have any number of channels; a training starts from equal weights."""
    (problem,) = problems_of(written(tmp_path, hyperparameters={"num_channels": 64}))
    assert problem.path == "models.tuned.initial.path"
    assert "num_channels 16" in problem.received


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("member: 1", "member: 2", "md.bulk.member: mine has no such member; received 2; expected 0 to 1"),
        ("tuned: {architecture: mace", "tuned: {architecture: dp", "a training of dp cannot start"),
        ("model: small, split: four, ch", "model: fixed, split: four, ch", "its model is a file already"),
        (
            "model: small, split: four, ch",
            "model: small, split: four, grow: {force_rmse: 1 meV/Å, step: 2, at_most: 2}, ch",
            "expected no `grow` beside `checkpoints`",
        ),
        ("fixed: {architecture: mace, ", "fixed: {architecture: mace, initial: FILE, ", "expected either"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    _, file = models(tmp_path)
    path = written(tmp_path, old=old, new=new.replace("FILE", pinned(file)))
    assert any(words in str(problem) for problem in problems_of(path)), problems_of(path)


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "member-000" / "more").symlink_to(tmp_path / "large.model")
    assert all("only plain files and folders" in str(problem) for problem in problems_of(path))
