"""YAML as people mean it."""

from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.campaign.document import parse
from mlipbench_hpc.campaign.problem import CampaignError, Problem


def value_of(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "one.yaml"
    file.write_text(f"key: {text}\n", encoding="utf-8")
    document, _lines, problems = parse(file)
    assert problems == []
    return document["key"]


def problems_of(tmp_path: Path, content: str | bytes) -> tuple[Problem, ...]:
    """Mistakes whether or not they leave the file readable."""
    file = tmp_path / "one.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        return tuple(parse(file)[2])
    except CampaignError as error:
        return error.problems


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5e-4", 5e-4),
        ("1e3", 1000.0),
        ("+.5", 0.5),
        ("-3", -3),
        ("1_000", 1000),
        ("12_345_678", 12345678),
        ("1_00", "1_00"),
        ("007", "007"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("no", "no"),
        ("On", "On"),
        ("yes", "yes"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ('"true"', "true"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("0.5 fs", "0.5 fs"),
        ("[1, [a, b]]", [1, ["a", "b"]]),
    ],
)
def test_scalars_are_what_people_mean(tmp_path: Path, text: str, meant: Any):
    value = value_of(tmp_path, text)
    assert value == meant
    assert type(value) is type(meant)


def test_anchors_are_followed_and_every_place_has_its_line(tmp_path: Path):
    file = tmp_path / "one.yaml"
    file.write_text("a: &box\n  size: 3\nb:\n  - x\n  - {size: 4, other: *box}\n")
    document, lines, problems = parse(file)
    assert problems == []
    assert document == {"a": {"size": 3}, "b": ["x", {"size": 4, "other": {"size": 3}}]}
    assert [lines.line(place) for place in (("a",), ("a", "size"), ("b",), ("b", 1, "size"))] == [1, 2, 3, 5]
    assert lines.line(("b", 1, "missing")) == 5


def test_a_repeated_key_is_refused_with_both_lines(tmp_path: Path):
    (problem,) = problems_of(tmp_path, "md:\n  timestep: 1\n  length: 2\n  timestep: 3\n")
    assert (problem.line, problem.path) == (4, "md.timestep")
    assert problem.message == "the same key is given twice"
    assert problem.received == "line 2 and again line 4"


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!local", "!!set"]
)
def test_tags_are_refused_and_nothing_is_run(tmp_path: Path, tag: str):
    (problem,) = problems_of(tmp_path, f"a: 1\nb: {tag} [x]\n")
    assert (problem.line, problem.path) == (2, "b")
    assert tag in problem.message
    assert "refused" in problem.message


def laughs(levels: int) -> str:
    lines = ["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (laughs(9), 1, "too large or too deep"),
        ("a: &a [*a]\n", 1, "too large or too deep"),
        ("a: " + "[" * 400 + "]" * 400, 1, "deep"),
        ("a: " + "[" * 1_000, 1, "deep"),
        ("x" * 200_001, 1, "too large"),
        (b"name: ok\ndescription: \xff\xfe\n", 2, "not UTF-8"),
        (b"name: \x00\n", 1, "not valid YAML"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("", 1, "empty"),
        ("# only words\n", 1, "empty"),
        ("a: *nothing\n", 1, "not valid YAML"),
        ("a: 1e999\n", 1, "too large"),
        ("? [a, b]\n: 1\n", 1, "a key must be a word"),
    ],
)
def test_files_that_cannot_be_read_are_refused_in_words(
    tmp_path: Path, content: str | bytes, line: int, words: str
):
    (problem,) = problems_of(tmp_path, content)
    assert words in problem.message
    assert problem.line == line


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(CampaignError, match="cannot be read: No such file"):
        parse(tmp_path / "gone.yaml")
