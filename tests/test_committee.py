"""A committee of four from the command to the page: calibrated, its MD reweighted, all of it reproducible."""

import json
import shutil
from pathlib import Path

import pytest
import running
from toy import TOY, write_toy

CHANGES = {
    "validation: 4": "validation: 8",
    "members: 2": "members: 4",
    "replicas: 2": "replicas: 1",
    "reweight: null": "reweight: {stride: 3}",
}
CRYSTAL = TOY[TOY.index("  crystal:") : TOY.index("analysis:")].replace("replicas: 2", "replicas: 1")
ANOTHER = CRYSTAL.replace("crystal:", "another:").replace("pairs\n", "pairs\n    member: 2\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a campaign that has run to its end."""
    folder = tmp_path_factory.mktemp("committee")
    path, text = write_toy(folder), TOY
    for before, after in CHANGES.items():
        text = text.replace(before, after)
    path.write_text(text.replace("analysis:", f"{ANOTHER}analysis:"))
    with running.cleaned(folder):
        ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def test_results_hold_alpha_and_a_verdict(finished: Path) -> None:
    result = running.results(finished)
    calibration = result["committees"]["pairs"]["rounds"]["0"]["calibration"]
    low, high = calibration["centred"]["interval"]
    assert low < calibration["centred"]["alpha"] < high
    spread = result["md"]["crystal"]["replicas"]["0"]["reweight"]
    assert (spread["frames"], spread["reweighted_frames"]) == (90, 30)
    assert set(spread["members"]) == {"1", "2", "3"}
    assert spread["verdict"] == "run longer", "of 30 correlated frames fewer than 30 are independent"
    assert spread["alpha"] is None, "four members are fewer than six"
    assert {"coverage", "profiles-crystal-0-g_Ar-Ar"} <= set(result["figures"])


def test_the_driver_reweighted_is_itself(finished: Path) -> None:
    """Of each driver; the figure on the page leaves out members that reweighting does not reach."""
    tables = []
    for path in (finished / "store/tasks").glob("*/reweighted-g_Ar-Ar.csv"):
        driver = json.loads((path.parent / "task.json").read_text())["parameters"]["driving_member"]
        head, *rows = (line.split(",") for line in path.read_text().splitlines())
        tables.append((driver, dict(zip(head, zip(*rows, strict=True), strict=True))))
    assert sorted(driver for driver, _ in tables) == [0, 2]
    for driver, columns in tables:
        assert columns[f"member_{driver}"] == columns["driving_member"]
        assert max(map(float, columns["sigma_observed"])) > 0


def test_another_members_own_md_puts_reweighting_to_the_test(finished: Path) -> None:
    """Two models of the same argon: what one's frames say of the other is what that one does."""
    result = running.results(finished)
    (group,) = result["comparisons"].values()
    there, back = group["reweighting_checks"]
    assert (there["from"], there["to"], back["from"], back["to"]) == (0, 2, 2, 0)
    assert 0 < there["rms_after"] < 3 * there["rms_sampling"]
    assert set(result["md"]["another"]["replicas"]["0"]["reweight"]["members"]) == {"0", "1", "3"}
    assert result["md"]["another"]["replicas"]["0"]["md"]["time_ps"] == pytest.approx(0.4)
    page = (finished / "store" / "reports" / "toy" / "report.html").read_text()
    assert "driven by member 2 of pairs" in page


def test_the_page_says_what_the_bands_are(finished: Path) -> None:
    page = (finished / "store" / "reports" / "toy" / "report.html").read_text()
    assert "Training band withheld" in page
    assert "M = 4, 8 training structures each; 0.400 ps of MD" in page
    assert "No profiles: there is no oxygen in it, so no water." in page


def test_report_and_tasks_are_made_again_to_the_byte(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    page = tmp_path / "copy" / "store" / "reports" / "toy" / "report.html"
    before = page.read_bytes()
    shutil.rmtree(page.parent)
    assert running.run(tmp_path / "copy", "report", "toy.yaml").returncode == 0
    assert page.read_bytes() == before
    for verb in ("calibrate", "reevaluate", "reweight"):
        tasks = [json.loads(path.read_text()) for path in (finished / "store" / "tasks").glob("*/task.json")]
        key = next(task["key"] for task in tasks if task["verb"] == verb)
        again = running.run(tmp_path / "copy", "task", "run", key[:12])
        assert "identical to the committed one" in again.stdout, again.stdout + again.stderr
