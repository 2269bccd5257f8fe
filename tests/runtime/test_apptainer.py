"""What spython makes of a build and an inspection, with a program that only tells how it was called."""

import json
from pathlib import Path

import pytest

from mlipbench_hpc.runtime.apptainer import Apptainer, NotInspected, definition_in

DEFINITION = "Bootstrap: localimage\nFrom: base\n"


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0) -> None:
    """An `unshare` that writes its arguments to `called` and prints `answer`."""
    program = folder / "unshare"
    lines = [
        "#!/bin/sh",
        f"printf '%s\\n' \"$@\" >{folder}/called",
        "cat <<'END'",
        answer,
        "END",
        f"exit {code}",
    ]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_build_is_one_argv_list_whatever_its_paths_hold() -> None:
    ran: list[list[str]] = []
    Apptainer(ran.append).build(
        recipe="image.def", image="/st ore/$(x)", sandbox=True, sudo=False, quiet=True,
        options=["--notest", "--bind", "/a b:/mnt"],
    )  # fmt: skip
    start = ["unshare", "--map-root-user", "apptainer", "build", "--sandbox"]
    assert ran == [[*start, "--notest", "--bind", "/a b:/mnt", "/st ore/$(x)", "image.def"]]


def test_what_fails_in_a_build_is_raised() -> None:
    def fails(argv: list[str]) -> None:
        raise OSError(f"no {argv[0]}")

    with pytest.raises(OSError, match="no unshare"):
        Apptainer(fails).build(recipe="image.def", image="x", sudo=False, quiet=True)


def test_the_definition_in_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    attributes = {"deffile": DEFINITION, "labels": {}}
    fake(tmp_path, monkeypatch, json.dumps({"data": {"attributes": attributes}, "type": "container"}))
    assert definition_in(tmp_path / "a b.sif") == DEFINITION
    called = (tmp_path / "called").read_text().splitlines()
    assert (called[:3], called[-2:]) == (
        ["--map-root-user", "apptainer", "inspect"],
        ["--json", str(tmp_path / "a b.sif")],
    )
    assert capfd.readouterr() == ("", "")


def test_a_file_that_apptainer_does_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, "FATAL: image format not recognized", 255)
    with pytest.raises(NotInspected, match=r"a\.sif: FATAL: image format not recognized"):
        definition_in(tmp_path / "a.sif")
