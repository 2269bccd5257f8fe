"""Jobs that the scheduler refuses, or lets wait for ever: for workers, and for the driver itself."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import running

pytestmark = pytest.mark.cluster

LONG = "driver_walltime: 2 days"


@pytest.fixture
def limited(cluster: Any) -> Any:
    """Jobs may run for an hour, as the real SLURM's partition says."""
    if cluster.kind == "pbs":
        (cluster.root / "jobs/max_walltime").write_text("3600")
    yield cluster
    if cluster.kind == "pbs":
        (cluster.root / "jobs/max_walltime").unlink()


def test_a_walltime_beyond_the_queues_ends_the_run_in_the_schedulers_words(
    limited: Any, folder: Path
) -> None:
    """SLURM accepts such a job, and lets it wait for ever; PBS refuses it."""
    ended = running.run(folder, "run", "toy.yaml", site=limited.site(walltime="2 h"), timeout=120)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    words = {
        "slurm": "can never start: pending: Partition(TimeLimit|Config)",
        "pbs": "is accepted: qsub: Job violates queue and/or server resource limits",
    }
    assert re.search(words[limited.kind], ended.stderr)
    assert limited.jobs() == []


def test_a_driver_that_can_never_start_is_not_left_in_the_queue(limited: Any, folder: Path) -> None:
    site = limited.site() + LONG + "\n"
    ended = running.run(folder, "run", "toy.yaml", "--submit", site=site, timeout=120)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    words = {
        "slurm": r"for the driver can never start: pending: Partition(TimeLimit|Config); walltime 48:00:00",
        "pbs": r"no job is accepted \(a request that cannot be met\): qsub: Job violates",
    }
    assert re.search(words[limited.kind], ended.stderr)
    assert limited.jobs() == []


def test_doctor_looks_at_the_drivers_job_too(limited: Any, folder: Path) -> None:
    (folder / "site.yaml").write_text(limited.site(gpus=4) + LONG + "\n")
    text = doctor(folder)
    assert "WRONG no driver's job can run, with walltime 48:00:00" in text
    assert "change `driver_walltime`" in text
    (folder / "site.yaml").write_text(limited.site(gpus=4))
    assert "ok    the scheduler has nothing against it, with walltime 00:02:00" in doctor(folder)
    assert limited.jobs() == []


def test_doctor_tells_an_outage_from_a_mistake(
    cluster: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submits = "sbatch" if cluster.kind == "slurm" else "qsub"
    shims = folder / "shims"
    shims.mkdir()
    for words, expected in (
        ("Unable to contact the controller", "this says nothing about the site"),
        ("Invalid account or account/partition combination specified", "change `"),
    ):
        (shims / submits).write_text(f"#!/bin/sh\necho '{submits}: error: {words}' >&2; exit 1\n")
        (shims / submits).chmod(0o755)
        (folder / "site.yaml").write_text(cluster.site(gpus=4))
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(shims), prepend=":")
            text = doctor(folder)
        assert words in text
        assert expected in text
        assert ("no job is accepted" in text) is (expected == "change `")


def doctor(folder: Path) -> str:
    words = ["doctor", "site.yaml", "--store", str(folder / "store"), "--wait", "60"]
    environ = os.environ | running.marked(folder)
    command = [*running.COMMAND, *words]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=200, check=False
    ).stdout


@pytest.mark.parametrize("cluster", [pytest.param("pbs", marks=pytest.mark.pbs)], indirect=True)
def test_a_limit_on_jobs_caps_them_and_fails_none(cluster: Any, folder: Path, undisturbed: Path) -> None:
    limit = cluster.root / "jobs/max_queued"
    limit.write_text("1")
    try:
        ended = running.run(folder, "run", "toy.yaml", site=cluster.site(blocks=2, gpus=1))
    finally:
        limit.unlink()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no further job (gpu) is accepted: 1 run or wait, asking again: qsub: would exceed" in ended.stdout
    assert running.results(folder) == running.results(undisturbed)


@pytest.mark.parametrize("cluster", ["slurm"], indirect=True)
def test_a_partition_that_is_not_there_ends_the_run_at_once(cluster: Any, folder: Path) -> None:
    site = cluster.site().replace("partition: gpu", "partition: gpux")
    ended = running.run(folder, "run", "toy.yaml", site=site, timeout=60)
    assert ended.returncode == 2
    assert "no job (gpu) is accepted: sbatch: error: invalid partition specified: gpux" in ended.stderr
