"""The driver as a job of its own."""

from pathlib import Path
from typing import Any

import pytest
import running

pytestmark = pytest.mark.cluster


def submitted(folder: Path, site: str) -> None:
    ended = running.run(folder, "run", "toy.yaml", "--submit", site=site)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "drives the campaign; its words go to" in ended.stdout


def test_a_submitted_driver_ends_with_the_report(cluster: Any, folder: Path, undisturbed: Path) -> None:
    site = cluster.site(walltime="4 min")
    submitted(folder, site)
    again = running.run(folder, "run", "toy.yaml", "--submit", site=site)
    assert again.returncode == 2
    assert "drives this store already, or waits to" in again.stderr
    log = folder / "store/driver.log"
    running.wait_until((folder / "store/reports/toy/report.html").exists, 240, f"a report: {log}")
    running.wait_until(lambda: not cluster.jobs(), 60, "all jobs to be over")
    assert running.results(folder) == running.results(undisturbed)


@pytest.mark.walltimes
def test_a_driver_whose_job_ends_submits_itself_again(slurm: Any, folder: Path, monkeypatch: Any) -> None:
    """One minute of walltime, of which 54 s may be used; training alone takes 48."""
    monkeypatch.setenv("SLURM_CONF", slurm.environ["SLURM_CONF"])
    toy = folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("epoch_s: 0.12", "epoch_s: 1.2"))
    submitted(folder, slurm.site(walltime="1 min"))
    running.wait_until((folder / "store/reports/toy/report.html").exists, 400, "a report")
    running.wait_until(lambda: not slurm.jobs(), 60, "all jobs to be over")
    said = (folder / "store/driver.log").read_text()
    assert "the end of its own job: asking" in said
    assert "drives the campaign" in said


def test_only_a_cluster_has_jobs(folder: Path) -> None:
    ended = running.run(folder, "run", "toy.yaml", "--submit")
    assert ended.returncode == 2
    assert "has no scheduler: leave --submit out" in ended.stderr
