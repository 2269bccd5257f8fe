"""The truth cut to seconds, with real engines: two parts run apart, their compact results are one page."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import running
import yaml
from cut_truth import smallest

from mlipbench_hpc.cli import main

VENVS = Path(__file__).parents[1] / ".venvs"
pytestmark = [pytest.mark.engine, pytest.mark.whole]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the campaign, and truth.json and dp.json of stores of their own."""
    if lacking := [name for name in ("reference", "deepmd", "analysis") if not (VENVS / name).exists()]:
        pytest.skip(f"make setup ENVS={' '.join(lacking)}")
    folder = tmp_path_factory.mktemp("truth")
    text = yaml.safe_dump(smallest(), sort_keys=False, allow_unicode=True)
    (folder / "truth.yaml").write_text(text, encoding="utf-8")
    names = ("analysis", "reference", "deepmd")
    site = running.SITE + yaml.safe_dump({"environments": {name: str(VENVS / name) for name in names}})
    with running.cleaned(folder):
        for part in ("truth", "dp"):
            ended = running.run(folder, "run", "truth.yaml", "--part", part, site=site, timeout=800)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            written = running.run(
                folder, "compact", "truth.yaml", "--part", part, "--out", f"{part}.json", site=site
            )
            assert written.returncode == 0, written.stdout + written.stderr
    return folder


def content(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_compact_results_hold_numbers_and_no_place(parts: Path) -> None:
    truth, dp = content(parts / "truth.json"), content(parts / "dp.json")
    assert set(truth["runs"]) == {"truth-inner"}
    assert set(truth["runs"]["truth-inner"]) == {"0", "1"}
    assert set(dp["runs"]) == {"dp-inner-dp-mixed-0", "dp-inner-dp-mixed-1"}
    own = truth["runs"]["truth-inner"]["0"]
    assert own["outcome"] == "completed"
    assert [one["target_A"] for one in own["restraints"]] == [3.3, 3.3]
    means = own["numbers"]["cosine"]["block_means"]
    assert len(means) == 4
    assert sum(means) / 4 == pytest.approx(own["numbers"]["cosine"]["mean"], abs=0.02)
    assert dp["committees"]["dp-mixed"]["members"] == 2
    assert truth["cost"]["md"]["tasks"]
    for name in ("truth.json", "dp.json"):
        text = (parts / name).read_text(encoding="utf-8")
        assert socket.gethostname() not in text
        assert str(parts) not in text
        assert "/" not in text.replace("eV/", "").replace("meV/", "")


def test_they_are_joined_into_one_page(parts: Path) -> None:
    out = parts / "page"
    files = [str(parts / name) for name in ("truth.json", "dp.json")]
    assert main(["join", str(parts / "truth.yaml"), *files, "--out", str(out)]) == 0
    numbers = content(out / "results.json")
    verdicts = {(test["of"], test["number"]): test["verdict"] for test in numbers["primary"]}
    assert len(verdicts) == 5
    assert verdicts["dp-mixed", "cosine"] in ("differs", "unresolved")
    average = numbers["averages"]["dp-inner"]
    difference = average["dp-mixed"]["cosine"]["mean"] - average["truth-inner"]["cosine"]["mean"]
    (own,) = (test for test in numbers["primary"] if test["number"] == "cosine")
    assert own["difference"] == pytest.approx(difference)
    page = (out / "truth.md").read_text(encoding="utf-8")
    assert socket.gethostname() not in page
    assert str(parts) not in page
    assert (out / "truth-differences.png").exists()
    assert (out / "truth-profiles.png").exists()
