import hashlib
from pathlib import Path

import pytest

from mlipbench_hpc.contract.key import canonical, digest, file_digest, tree_digest
from mlipbench_hpc.contract.task import Architecture, InputFailure, Resources, Task


def task(**changes: object) -> Task:
    base: dict[str, object] = {
        "verb": "md",
        "version": 1,
        "environment": "analysis",
        "identity": "venv:0",
        "parameters": {"steps": 5},
    }
    return Task(**(base | changes))  # type: ignore[arg-type]


def test_canonical_json_is_known_byte_for_byte() -> None:
    assert canonical({"b": 1.5, "a": ["Å", None, True]}) == b'{"a":["\\u00c5",null,true],"b":1.5}'
    assert digest({}) == hashlib.sha256(b"{}").hexdigest()


def test_nan_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        canonical({"x": float("nan")})


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "train"},
        {"version": 2},
        {"identity": "venv:1"},
        {"parameters": {"steps": 6}},
        {"upstream": {"model": "k"}},
        {"inputs": {"data": "s"}},
        {"architecture": Architecture("toy", "m", "d")},
    ],
)
def test_everything_that_decides_numbers_is_in_the_key(change: dict[str, object]) -> None:
    assert task(**change).key != task().key


@pytest.mark.parametrize(
    "change", [{"label": "x"}, {"resources": Resources(8, 1)}, {"environment": "elsewhere"}]
)
def test_what_decides_no_number_is_not(change: dict[str, object]) -> None:
    assert task(**change).key == task().key


def test_a_task_survives_json_and_an_edited_one_is_refused() -> None:
    original = task(architecture=Architecture("toy", "m", "d"), upstream={"model": "k"})
    assert Task.from_json(original.to_json()) == original
    with pytest.raises(InputFailure, match="it was edited"):
        Task.from_json(original.to_json() | {"parameters": {"steps": 50}})


def test_a_folder_is_known_by_its_content_not_its_place(tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place / "deep").mkdir(parents=True)
        (tmp_path / place / "deep" / "x").write_text("1")
    assert tree_digest(tmp_path / "here") == tree_digest(tmp_path / "there")
    assert tree_digest(tmp_path / "here" / "deep" / "x") == file_digest(tmp_path / "there" / "deep" / "x")
    (tmp_path / "there" / "deep" / "x").rename(tmp_path / "there" / "x")
    assert tree_digest(tmp_path / "here") != tree_digest(tmp_path / "there")


def test_links_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="no links or devices"):
        tree_digest(tmp_path / "data")
