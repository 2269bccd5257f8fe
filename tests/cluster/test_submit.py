"""The driver as a job of its own."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import running

from mlipbench_hpc.contract.folder import read_json, write_json

pytestmark = pytest.mark.cluster

# A shell, a job script or a format of file names would make something of these; and the oddest names.
FOLDER = "$(touch hurt)\n#SBATCH --wrap=hurt\n'a' \"b\" ; %j"
FILE = "-toy `touch hurt` & 名 {}[0-9]*.yaml"
NAMES = {"pairs": "0o17", "crystal": "a..b+c_d-" + 55 * "e"}


def submit(folder: Path, site: str, file: str = "toy.yaml", code: int = 0, cwd: Path | None = None) -> str:
    """What `run --submit` said."""
    (folder / "here.yaml").write_text(site)
    command = [*running.command(folder, "run", "--submit"), "--", file]
    ended = subprocess.run(
        command,
        cwd=cwd or folder,
        env=running.marked(folder),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_a_submitted_driver_is_killed_and_the_next_ends_with_the_report(
    cluster: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The dead one's lock looks like another host's: it is taken because the scheduler says that its job is
    over. Folder, file and names are as odd as they may be; seeds come from names, so the results are compared
    with those of an undisturbed campaign of the same names.
    """
    odd, store = folder / FOLDER, folder / "store"
    odd.mkdir()
    text = (folder / "toy.yaml").read_text().replace("path: argon", f"path: {folder}/argon")
    for name, hostile in NAMES.items():
        text = text.replace(f" {name}", f" {hostile}")
    (odd / FILE).write_text(text)
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    (undisturbed / "toy.yaml").write_text(text)
    ended = running.run(undisturbed, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    site = cluster.site(walltime="4 min")
    assert "drives the campaign; its words go to" in submit(folder, site, FILE, cwd=odd)
    assert "drives this store already, or waits to" in submit(folder, site, FILE, code=2, cwd=odd)
    running.wait_until(lambda: running.checkpointed(folder), 240, f"a checkpoint: {store / 'driver.log'}")
    lock = read_json(store / "lock")
    os.kill(lock["pid"], signal.SIGKILL)
    running.wait_until(lambda: lock["job"] not in cluster.jobs(), 60, "the end of the driver's job")
    write_json(store / "lock", lock | {"host": "elsewhere", "heartbeat": 0.0})
    output = submit(folder, site, FILE, cwd=odd)
    assert f"job {lock['job']} on elsewhere is over: its driver's lock is taken" in output
    running.wait_until((store / "reports/toy/report.html").exists, 240, f"a report: {store / 'driver.log'}")
    running.wait_until(lambda: not cluster.jobs(), 60, "all jobs to be over")
    for verb, name in (("train", "model.json"), ("md", "trajectory.nc")):
        assert running.digests(folder, verb, name) == running.digests(undisturbed, verb, name)
    assert not list(folder.rglob("hurt"))


@pytest.mark.walltimes
def test_a_driver_whose_job_ends_submits_itself_again(slurm: Any, folder: Path, monkeypatch: Any) -> None:
    """One minute of walltime, of which 54 s may be used; training alone takes 48."""
    monkeypatch.setenv("SLURM_CONF", slurm.environ["SLURM_CONF"])
    toy = folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("epoch_s: 0.12", "epoch_s: 1.2"))
    submit(folder, slurm.site(walltime="1 min"))
    running.wait_until(
        (folder / "store/reports/toy/report.html").exists, 800, f"a report: {folder / 'store/driver.log'}"
    )
    running.wait_until(lambda: not slurm.jobs(), 60, "all jobs to be over")
    text = (folder / "store/driver.log").read_text()
    assert "the end of its own job: asking" in text
    assert "drives the campaign" in text


def test_only_a_cluster_has_jobs(folder: Path) -> None:
    ended = running.run(folder, "run", "toy.yaml", "--submit")
    assert ended.returncode == 2
    assert "has no scheduler: leave --submit out" in ended.stderr
