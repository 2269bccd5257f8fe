"""A whole toy campaign that times its model: from the file to the report, and what `plan` makes of it."""

import json
from pathlib import Path

import pytest
import running
from toy import TOY, write_toy

SPEED = """\
speed:
  steps:
    committee: pairs
    start: {dataset: argon}
    temperature: 40 K
    timestep: 2 fs
    block_time: 0.05 s
    copies: 4
"""


@pytest.mark.campaign
def test_a_campaign_times_its_model(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    path.write_text(TOY.replace("analysis:\n", f"{SPEED}analysis:\n"))
    with running.cleaned(tmp_path):
        ended = running.run(tmp_path, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (result,) = running.done(tmp_path, "speed")
    assert [size["atoms"] for size in result["values"]["sizes"]] == [32, 64, 128]
    folder = tmp_path / "store/reports/toy"
    numbers = json.loads((folder / "results.json").read_text())["speed"]["steps"]
    assert [one["atoms"] for one in numbers["derived"]] == [32, 64, 128]
    assert numbers["versions"]["ase"]
    page = (folder / "report.html").read_text()
    assert page.index('id="md"') < page.index('id="speed"') < page.index('id="timings"')
    assert "µs/atom/step" in (folder / "summary.txt").read_text()
    assert "Cost against atoms" in page
    longer = path.read_text().replace("length: 0.4 ps", "length: 4 ns")
    path.write_text(longer)
    planned = running.run(tmp_path, "plan", "toy.yaml").stdout
    assert "measured here: md toy" in planned
