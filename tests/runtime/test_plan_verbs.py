"""Verbs that show a plan: a site's budget, and results that were edited."""

import json
from pathlib import Path

import pytest
import running
from toy import write_toy


def test_a_run_beyond_the_budget_is_refused_without_a_yes(tmp_path: Path) -> None:
    write_toy(tmp_path)
    site = f"{running.SITE}ask_beyond_core_hours: 0.0001\n"
    ended = running.run(tmp_path, "run", "toy.yaml", site=site)
    assert ended.returncode == 2
    assert "core-hours, more than 0.0001: run again with --yes to go on" in ended.stderr
    assert not list((tmp_path / "store").glob("tasks/*"))


@pytest.mark.engine
def test_plan_and_status_name_a_result_that_was_edited(tmp_path: Path) -> None:
    write_toy(tmp_path)
    assert running.run(tmp_path, "run", "toy.yaml").returncode == 0
    path = next(
        path
        for path in sorted((tmp_path / "store/tasks").glob("*/result.json"))
        if json.loads((path.parent / "task.json").read_text())["verb"] == "analyse"
    )
    path.chmod(0o644)
    path.write_text(path.read_text().replace('"blocks": 10', '"blocks": 11'))
    label = json.loads((path.parent / "task.json").read_text())["label"]
    for verb in ("plan", "status"):
        shown = running.run(tmp_path, verb, "toy.yaml").stdout
        assert f"changed  {label}: digest of result.json differs from the committed one" in shown
        assert "1 to run" in shown
    shown = running.run(tmp_path, "task", "show", path.parent.name[:12]).stdout
    assert "state: changed after its commit: result.json" in shown
