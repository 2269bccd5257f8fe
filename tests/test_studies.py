"""Studies from the command to the page, with the tests' own architecture: unfolded, run, reported."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pytest
import running
from studied import write_studied

from mlipbench_hpc.report.collect import read_table


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a campaign that has run to its end."""
    folder = tmp_path_factory.mktemp("studied")
    write_studied(folder)
    with running.cleaned(folder):
        ended = running.run(folder, "run", "studied.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def committed(folder: Path, verb: str, chosen: Callable[[str], bool]) -> list[tuple[Path, dict[str, Any]]]:
    """Folder and values of the committed tasks of a verb whose label is chosen, ordered by label."""
    found = []
    for path in (folder / "store/tasks").glob("*/task.json"):
        task = json.loads(path.read_text())
        if task["verb"] == verb and chosen(task["label"]):
            values = json.loads((path.parent / "result.json").read_text())["values"]
            found.append((task["label"], path.parent, values))
    return [(path, values) for _, path, values in sorted(found, key=lambda entry: entry[0])]


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "store/reports/toy/results.json").read_text())
    return content


def test_errors_of_a_size_are_those_of_its_evaluations(finished: Path) -> None:
    evaluated = committed(finished, "evaluate", lambda label: "committee=learning-pairs-4 " in label)
    errors = [values["test"]["force"]["all"]["rmse_meV_per_A"] for _, values in evaluated]
    assert len(errors) == 2
    own = results(finished)["data_efficiency"]["learning"]["errors"]["pairs"]["4"]["force_rmse_meV_per_A"]
    assert own["mean"] == pytest.approx(fmean(errors))
    assert (own["least"], own["greatest"]) == pytest.approx((min(errors), max(errors)))


def test_runs_of_members_from_starts_of_their_own_are_counted(finished: Path) -> None:
    own = results(finished)["stability"]["hold"]["runs"]["pairs"]["4"]
    runs = committed(finished, "md", lambda label: "md=hold-" in label)
    failed = {
        str(repeat): {"time_ps": values["time_ps"], "cause": values["cause"]}
        for repeat, (_, values) in enumerate(runs)
        if values["outcome"] == "unstable"
    }
    assert own == {"asked": 2, "done": 2, "failures": failed}
    tasks = [json.loads((path / "task.json").read_text()) for path, _ in runs]
    assert [task["parameters"]["start_frame"] for task in tasks] == [0, 1]
    assert len({task["upstream"]["model"] for task in tasks}) == 2


def test_temperatures_fluctuate_as_the_run_s_own_rows_say(finished: Path) -> None:
    """32 atoms at 40 K: the canonical variance is 2 · 40² / 96 K²."""
    own = results(finished)["thermostats"]["heat"]["temperatures"]["noise"]["Ar"]
    ((folder, _),) = committed(finished, "md", lambda label: "md=heat-noise " in label)
    rows = read_table(folder / "thermo.csv")
    analysed = rows["temperature_Ar_K"][rows["time_ps"] > 0.04]
    assert own["atoms"] == 32
    # The mean of correlated frames follows them: their variance is that of the sample over 1 - 1/independent.
    sample = np.var(analysed) / (1 - 1 / own["independent_frames"])
    assert 1 < own["independent_frames"] <= len(analysed)
    assert own["variance_over_canonical"] == pytest.approx(sample / (2 * 1600 / 96))


def test_speeds_of_a_study_are_those_of_its_timings(finished: Path) -> None:
    speeds = results(finished)["speed_studies"]["cost"]["speeds"]
    assert set(speeds) == {"cost-pairs", "cost-hold-pairs-4-ase"}
    steps = {}
    for name in speeds:
        ((_, values),) = committed(finished, "speed", lambda label, name=name: f"speed={name} " in label)
        steps[name] = [median(size["seconds_per_step"]) for size in values["sizes"]]
        derived = [one["ns_per_day"] for one in speeds[name]["sizes"]]
        assert derived == pytest.approx([2e-6 * 86_400 / seconds for seconds in steps[name]])
    ratio = speeds["cost-hold-pairs-4-ase"]["ratio"]["median"]
    assert ratio == pytest.approx(steps["cost-pairs"][0] / steps["cost-hold-pairs-4-ase"][0])
    assert "speed" not in results(finished), "the section of the campaign's own timings"


def test_the_page_has_a_section_for_each_study_and_no_study_s_run_elsewhere(finished: Path) -> None:
    page = (finished / "store/reports/toy/report.html").read_text()
    for name in ("data_efficiency", "stability", "thermostats", "speed_studies"):
        assert f'<section id="{name}"' in page
    result = results(finished)
    assert (set(result["md"]), set(result["committees"])) == ({"crystal"}, {"pairs"})
    assert {"stability-hold-energy", "thermostats-heat", "data-efficiency-learning"} <= set(result["figures"])


def test_the_unfolded_campaign_has_nothing_left_to_do(finished: Path) -> None:
    unfolded = running.run(finished, "unfold", "studied.yaml")
    assert unfolded.returncode == 0, unfolded.stderr
    (finished / "plain.yaml").write_text(unfolded.stdout)
    planned = running.run(finished, "plan", "plain.yaml").stdout
    assert "27 done, 0 to run" in planned
