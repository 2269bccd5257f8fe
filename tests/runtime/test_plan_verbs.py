"""A site's budget is asked about before anything starts."""

from pathlib import Path

import running
from toy import write_toy


def test_a_run_beyond_the_budget_is_refused_without_a_yes(tmp_path: Path) -> None:
    write_toy(tmp_path)
    site = f"{running.SITE}ask_beyond_core_hours: 0.0001\n"
    ended = running.run(tmp_path, "run", "toy.yaml", site=site)
    assert ended.returncode == 2
    assert "core-hours, more than 0.0001: run again with --yes to go on" in ended.stderr
    assert not list((tmp_path / "store").glob("tasks/*"))
