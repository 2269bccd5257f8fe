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
    """Folder with the campaign, truth.json and dp.json of its parts, and early.json of all before dp ran."""
    if lacking := [name for name in ("reference", "jax", "analysis") if not (VENVS / name).exists()]:
        pytest.skip(f"make setup ENVS={' '.join(lacking)}")
    folder = tmp_path_factory.mktemp("truth")
    text = yaml.safe_dump(smallest(), sort_keys=False, allow_unicode=True)
    (folder / "truth.yaml").write_text(text, encoding="utf-8")
    names = ("analysis", "reference", "jax")
    site = running.SITE + yaml.safe_dump({"environments": {name: str(VENVS / name) for name in names}})
    with running.cleaned(folder):
        for part in ("truth", "dp"):
            ended = running.run(folder, "run", "truth.yaml", "--part", part, site=site, timeout=800)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            outs = {part: ["--part", part]} | ({"early": []} if part == "truth" else {})
            for name, words in outs.items():
                written = running.run(
                    folder, "compact", "truth.yaml", *words, "--out", f"{name}.json", site=site
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
    assert [one["target_A"] for one in own["restraints"]] == [4.2, 4.2]
    means = own["numbers"]["cosine"]["block_means"]
    assert len(means) == 4
    assert sum(means) / 4 == pytest.approx(own["numbers"]["cosine"]["mean"], abs=0.02)
    assert dp["committees"]["dp-mixed"]["members"] == 2
    assert [own[1:] for own in truth["cost"]["md"].values()] == [[0, 0], [0, 0]]
    assert all(own[0] > 0 for own in truth["cost"]["md"].values())
    assert truth["store"] == dp["store"]
    for name in ("truth.json", "dp.json", "early.json"):
        text = (parts / name).read_text(encoding="utf-8")
        assert socket.gethostname() not in text
        assert str(parts) not in text
        assert "/" not in text.replace("eV/", "").replace("meV/", "")


def test_runs_know_their_models_and_what_withholds_them(parts: Path) -> None:
    """Models of both members, in runs and committee; the tests of series that a report of the part makes."""
    truth, dp = content(parts / "truth.json"), content(parts / "dp.json")
    models = dp["committees"]["dp-mixed"]["models"]
    ran = {name[-1]: run["0"]["model"] for name, run in dp["runs"].items()}
    assert ran == models
    assert len(set(models.values())) == 2
    assert truth["runs"]["truth-inner"]["0"]["model"] is None
    own = truth["runs"]["truth-inner"]["0"]["judged"]
    assert {"cosine", "total_orientation", "waters_in_first_layer"} <= set(own["stationarity"]["series"])
    assert "temperature_K" in {one["name"] for one in own["temperatures"]}
    ended = running.run(parts, "report", "truth.yaml", site=(parts / "here.yaml").read_text(encoding="utf-8"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = content(parts / "store/reports/truth/results.json")["truth"]["primary"]
    whole = joined_results(parts, "truth.json", "dp.json")["primary"]
    assert [one["withheld"] for one in report] == [one["withheld"] for one in whole]
    assert all("dp-mixed is" in one["withheld"] or "truth-inner is" in one["withheld"] for one in whole)


def joined_results(parts: Path, *names: str) -> Any:
    out = parts / f"joined-{len(names)}-{names[0]}"
    words = ["join", str(parts / "truth.yaml"), *(str(parts / name) for name in names), "--out", str(out)]
    assert main(words) == 0
    return content(out / "results.json")


def test_a_part_that_has_not_run_is_not_there_and_what_is_done_is(parts: Path) -> None:
    """Written before dp ran: the truth's runs are in it, no difference is judged."""
    early = content(parts / "early.json")
    assert set(early["runs"]) == {"truth-inner"}
    assert not early["committees"]
    numbers = joined_results(parts, "early.json")
    assert {own["withheld"] for own in numbers["primary"]} == {"0 of 2 runs of dp-mixed are there"}
    assert numbers["averages"]["dp-inner"]["truth-inner"]["cosine"]["mean"]
    both = joined_results(parts, "early.json", "dp.json")
    late = joined_results(parts, "truth.json", "dp.json")
    assert both["primary"] == late["primary"]
    assert both["joined"]["cost"] == late["joined"]["cost"]


def test_they_are_joined_into_one_page(parts: Path) -> None:
    out = parts / "page"
    files = [str(parts / name) for name in ("truth.json", "dp.json")]
    assert main(["join", str(parts / "truth.yaml"), *files, "--out", str(out)]) == 0
    numbers = content(out / "results.json")
    verdicts = {(test["of"], test["number"]): test["verdict"] for test in numbers["primary"]}
    assert len(verdicts) == 5
    assert verdicts["dp-mixed", "cosine"] in ("differs", "unresolved", "withheld")
    average = numbers["averages"]["dp-inner"]
    cosines = [average[name]["cosine"] for name in ("dp-mixed", "truth-inner")]
    (own,) = (test for test in numbers["primary"] if test["number"] == "cosine")
    assert cosines[1] is not None
    if cosines[0] is None:
        # A model trained for seconds may lose its water, which is then no average of anything.
        assert own["verdict"] == "withheld"
    else:
        assert own["difference"] == pytest.approx(cosines[0]["mean"] - cosines[1]["mean"])
    page = (out / "truth.md").read_text(encoding="utf-8")
    assert socket.gethostname() not in page
    assert str(parts) not in page
    figures = {path.name for path in out.glob("*.png")}
    drawn = {"truth-differences.png", "truth-profiles.png"}
    assert figures == drawn if cosines[0] else figures < drawn
