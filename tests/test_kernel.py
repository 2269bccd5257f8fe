"""A model computed by a third party's kernel, from the command to the page, beside the same without it."""

import json
from pathlib import Path
from typing import Any

import pytest
import running
from toy import TOY, write_toy

pytestmark = pytest.mark.campaign
BOTH = {
    "  pairs: {architecture: toy}\n": (
        "  pairs: {architecture: toy}\n  twin: {architecture: toy, kernel: twin}\n"
    ),
    "  pairs: {model: pairs, split: main}\n": (
        "  pairs: {model: pairs, split: main}\n  twin: {model: twin, split: main}\n"
    ),
    "validation: 4": "validation: 8",
    "members: 2": "members: 4",
    "replicas: 2": "replicas: 1",
    "reweight: null": "reweight: {stride: 3}",
}


def text(committee: str) -> str:
    """The campaign with both committees, of which this one drives."""
    result = TOY
    for before, after in BOTH.items():
        assert before in result
        result = result.replace(before, after)
    return result.replace("committee: pairs", f"committee: {committee}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose store both have run."""
    folder = tmp_path_factory.mktemp("kernel")
    path = write_toy(folder)
    for committee in ("pairs", "twin"):
        path.write_text(text(committee))
        with running.cleaned(folder):
            ended = running.run(folder, "run", "toy.yaml")
        assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def tasks(folder: Path, verb: str) -> list[dict[str, Any]]:
    every = (json.loads(path.read_text()) for path in (folder / "store/tasks").glob("*/task.json"))
    return [task for task in every if task["verb"] == verb]


def test_members_are_trained_once_and_computed_by_both(finished: Path) -> None:
    assert len(tasks(finished, "train")) == 4
    assert len(tasks(finished, "kernel")) == 4
    for verb, count in {"evaluate": 8, "md": 2, "reevaluate": 2}.items():
        named = [task["architecture"]["name"] for task in tasks(finished, verb)]
        assert sorted(named) == ["toy"] * (count // 2) + ["toy/twin"] * (count // 2)


def test_the_numbers_are_the_same_to_the_bit(finished: Path) -> None:
    """It is the same arithmetic, and a run of the same name starts with the same momenta."""
    folder = finished / "store/tasks"
    for verb, name in {"md": "trajectory.nc", "reevaluate": "energies.npz"}.items():
        one, other = (folder / task["key"] / name for task in tasks(finished, verb))
        assert one.read_bytes() == other.read_bytes()


def test_the_kernel_s_result_says_how_near_it_is_and_what_compiled_it(finished: Path) -> None:
    for task in tasks(finished, "kernel"):
        values = json.loads((finished / "store/tasks" / task["key"] / "result.json").read_text())["values"]
        assert values["force_deviation_of_rms"] == 0.0
        assert values["probes"] == 6
        assert values["compiler"].startswith("sed")
        assert values["compiler"] == task["parameters"]["compiler"]["version"]


def test_the_page_cites_it(finished: Path) -> None:
    page = (finished / "store/reports/toy/report.html").read_text()
    assert "a test&#39;s own copy of it" in page or "a test's own copy of it" in page
