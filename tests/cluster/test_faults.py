"""Campaigns through a scheduler: they end with the numbers of a local run, whatever dies on the way."""

import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clusters
import kills
import pytest
import running

from mlipbench_hpc.campaign.site import load_site
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.runtime import executors
from mlipbench_hpc.runtime.cluster.providers import blocks_of

pytestmark = pytest.mark.cluster
# PBS remembers jobs that are over where it is told to; by default, and elsewhere in these tests, it does not.
SCHEDULERS = [
    "slurm",
    pytest.param("pbs", marks=pytest.mark.pbs),
    pytest.param("remembering_pbs", marks=pytest.mark.pbs),
]


def finished(driver: "subprocess.Popen[str]", folder: Path, seconds: float = 240) -> str:
    """What the driver said, once it has ended well."""
    code = driver.wait(timeout=seconds)
    text = (folder / "driver.log").read_text()
    assert code == 0, text
    return text


@clusters.both()
def test_eight_members_train_on_eight_gpus(cluster: Any, folder: Path) -> None:
    train_on_eight_gpus(folder, cluster.site(blocks=2, gpus=4))
    assert cluster.jobs() == []


@pytest.mark.parametrize("cluster", ["slurm"], indirect=True)
def test_one_job_of_two_nodes_holds_eight_gpus_too(cluster: Any, folder: Path) -> None:
    several = "max_blocks: 1, nodes_per_block: 2, launcher: srun"
    train_on_eight_gpus(folder, cluster.site(blocks=1, gpus=4).replace("max_blocks: 1", several))
    assert cluster.jobs() == []


def train_on_eight_gpus(folder: Path, site: str) -> None:
    """Eight members at a time, each on a GPU of its own."""
    toy = folder / "toy.yaml"
    text = toy.read_text().replace("members: 2", "members: 8").replace("epoch_s: 0.12", "epoch_s: 0.5")
    toy.write_text(text)
    finished(running.start(folder, "run", "toy.yaml", site=site), folder)
    trained = [one["timing"] for one in running.done(folder, "train")]
    assert len({(timing["host"], timing["gpu"]) for timing in trained}) == 8
    last_start = max(timing["started"] for timing in trained)
    first_end = min(timing["started"] + timing["wall_s"] for timing in trained)
    assert last_start < first_end, "they did not all run at a time"


@pytest.mark.parametrize("cluster", SCHEDULERS, indirect=True)
def test_a_cancelled_job_costs_no_retry_and_changes_nothing(
    cluster: Any, folder: Path, undisturbed: Path
) -> None:
    driver = running.start(folder, "run", "toy.yaml", site=cluster.site(retries=0))
    running.wait_until(lambda: running.checkpointed(folder), 180, "a checkpoint")
    cluster.cancel(cluster.jobs()[0])
    text = finished(driver, folder)
    assert "was lost: the next attempt continues" in text
    assert running.results(folder) == running.results(undisturbed)


@clusters.both()
def test_drivers_that_are_stopped_and_killed_leave_no_job_to_the_next(
    cluster: Any, folder: Path, undisturbed: Path
) -> None:
    """The first is asked to stop and ends its own; the second cannot, and the third does it."""
    driver = running.start(folder, "run", "toy.yaml", site=cluster.site())
    running.wait_until(lambda: running.checkpointed(folder), 180, "a checkpoint")
    driver.terminate()
    assert driver.wait(timeout=90) == 1
    assert cluster.jobs() == []
    driver = running.start(folder, "run", "toy.yaml", site=cluster.site())
    running.wait_until(cluster.jobs, 180, "a job")
    old = cluster.jobs()
    driver.kill()
    driver.wait()
    again = running.run(folder, "run", "toy.yaml", site=cluster.site())
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"cancelling jobs of this store: {old[0]}" in again.stdout
    assert running.results(folder) == running.results(undisturbed)
    assert cluster.jobs() == []


def test_a_node_that_dies_costs_no_retry(cluster: Any, folder: Path, undisturbed: Path) -> None:
    """All its processes at once; under PBS the server goes on to say that the job runs."""
    site = cluster.site(retries=0, connect_within="20 s")
    driver = running.start(folder, "run", "toy.yaml", site=site)
    running.wait_until(lambda: running.checkpointed(folder), 180, "a checkpoint")
    cluster.crash(cluster.jobs()[0])
    try:
        text = finished(driver, folder)
    finally:
        cluster.mend()
    assert "was lost: the next attempt continues" in text
    assert running.results(folder) == running.results(undisturbed)


@pytest.mark.parametrize("cluster", ["slurm"], indirect=True)
def test_a_dead_slurmd_is_no_dead_node(cluster: Any, folder: Path, undisturbed: Path) -> None:
    """SLURM calls the job lost, perhaps too late to matter, but what slurmd had started works on."""
    toy = folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("epoch_s: 0.12", "epoch_s: 0.6"))
    driver = running.start(folder, "run", "toy.yaml", site=cluster.site(retries=0))
    running.wait_until(lambda: running.checkpointed(folder), 180, "a checkpoint")
    lost = cluster.jobs()
    cluster.lose_slurmd(lost[0])
    try:
        running.wait_until(
            lambda: driver.poll() is not None or cluster.jobs()[:1] not in ([], lost),
            120,
            "another job, or the end",
        )
        text = finished(driver, folder)
    finally:
        cluster.mend()
    assert "was lost" not in text
    assert {one["attempt"][65:] for one in running.done(folder, "train")} == {"0"}
    for verb, name in (("train", "model.json"), ("md", "trajectory.nc")):
        assert running.digests(folder, verb, name) == running.digests(undisturbed, verb, name)
    assert cluster.jobs() == []


@clusters.both()
def test_jobs_of_a_driver_that_died_after_its_last_task_are_ended_all_the_same(
    cluster: Any, tmp_path: Path, undisturbed: Path
) -> None:
    """Nothing is left to run, so that the next driver starts no workers; a job is there nevertheless."""
    folder = tmp_path / "done"
    shutil.copytree(undisturbed, folder)
    (folder / "here.yaml").write_text(cluster.site())
    site = load_site(folder / "here.yaml")
    name = executors.tag(Store(folder / "store"), "gpu")
    block = blocks_of(site, site.nodes["gpu"], name, "/usr/bin")
    block.script_dir = str(folder)
    job = block.submit("sleep 300", 1)
    assert cluster.jobs() == [job]
    again = running.run(folder, "run", "toy.yaml", site=cluster.site())
    assert again.returncode == 0, again.stdout + again.stderr
    assert "0 to run" in again.stdout
    assert f"cancelling jobs of this store: {job}" in again.stdout
    assert cluster.jobs() == []


@clusters.both()
@pytest.mark.parametrize("number", kills.rounds(2))
def test_rounds(cluster: Any, folder: Path, undisturbed: Path, number: int) -> None:
    """Kill -9 of any process at any moment; the same command then gives the undisturbed results."""
    chance = random.Random(number)
    driver = running.start(folder, "run", "toy.yaml", site=cluster.site())
    time.sleep(chance.uniform(5, 40))
    before = running.commits(folder)
    victim = chance.choice(VICTIMS)
    if victim == "driver":
        driver.kill()
    else:
        running.kill_first(folder, victim, driver)
    driver.wait(timeout=300)
    if driver.returncode:
        again = running.run(folder, "run", "toy.yaml", site=cluster.site())
        assert again.returncode == 0, again.stdout + again.stderr
    assert {key: running.commits(folder)[key] for key in before} == before, "a task ran twice"
    assert running.results(folder) == running.results(undisturbed)
    assert cluster.jobs() == []


VICTIMS = ["driver", "mlipbench_hpc.worker", "process_worker_pool", "interchange"]
UNREACHABLE = "error: Unable to contact the controller"


@pytest.fixture
def broken(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """While this file exists, every command of the scheduler fails."""
    sign, shims = tmp_path / "broken", tmp_path / "shims"
    shims.mkdir()
    for name in cluster.commands:
        shim = shims / name
        shim.write_text(
            f'#!/bin/sh\nif [ -e "{sign}" ]; then echo "{name}: {UNREACHABLE}" >&2; exit 1; fi\n'
            f'exec {shutil.which(name)} "$@"\n'
        )
        shim.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(shims), prepend=":")
        yield sign
    sign.unlink(missing_ok=True)


@clusters.both()
def test_a_scheduler_that_fails_for_a_while_is_waited_for(
    cluster: Any, folder: Path, undisturbed: Path, broken: Path
) -> None:
    toy = folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("epoch_s: 0.12", "epoch_s: 0.6"))
    driver = running.start(folder, "run", "toy.yaml", site=cluster.site())
    running.wait_until(lambda: cluster.jobs("R" if cluster.kind == "pbs" else "RUNNING"), 180, "a job")
    broken.touch()
    text = (folder / "driver.log").read_text
    running.wait_until(lambda: UNREACHABLE in text() or driver.poll() is not None, 180, "the driver's word")
    broken.unlink()
    assert UNREACHABLE in finished(driver, folder)
    for verb, name in (("train", "model.json"), ("md", "trajectory.nc")):
        assert running.digests(folder, verb, name) == running.digests(undisturbed, verb, name)


@pytest.mark.parametrize("cluster", SCHEDULERS, indirect=True)
def test_jobs_that_cannot_work_are_said_in_their_own_words(cluster: Any, folder: Path) -> None:
    site = cluster.site(worker_init="['echo no such module: apptainer >&2', exit 7]")
    ended = running.run(folder, "run", "toy.yaml", site=site)
    assert ended.returncode == 2
    assert "jobs in a row have failed" in ended.stderr
    assert "no such module: apptainer" in ended.stderr
    assert cluster.jobs() == []


@pytest.mark.walltimes
def test_md_longer_than_a_walltime_goes_on_in_the_next_job_to_the_bit(cluster: Any, folder: Path) -> None:
    """Steps of 0.7 s in jobs of a minute: three of them, two under the stand-in."""
    toy, plain = folder / "toy.yaml", folder / "plain"
    text = toy.read_text().replace("epoch_s: 0.12", "step_s: 0.7")
    steps, jobs = (150, 3) if cluster.kind == "slurm" else (100, 2)
    text = text.replace("length: 0.4 ps", f"length: {steps * 0.002:g} ps")
    # A busy machine may leave a job ten seconds: they must suffice for a checkpoint.
    text = text.replace("checkpoint_every: 80 fs", "checkpoint_every: 20 fs")
    plain.mkdir()
    (folder / "argon.extxyz").rename(plain / "argon.extxyz")
    (plain / "toy.yaml").write_text(text.replace("step_s: 0.7", "step_s: 0.0"))
    assert running.run(plain, "run", "toy.yaml").returncode == 0
    (plain / "argon.extxyz").rename(folder / "argon.extxyz")
    toy.write_text(text)
    site = cluster.site(walltime="1 min", retries=0)
    output = finished(running.start(folder, "run", "toy.yaml", site=site), folder, 400)
    (result,) = running.done(folder, "md")
    assert int(result["attempt"][65:]) + 1 >= jobs
    assert len(re.findall("interrupted, the next attempt continues", output)) >= jobs - 1
    assert "failure" not in output
    assert "was lost" not in output
    compared = ("trajectory.nc", "thermo.csv")
    assert running.digests(folder, "md", *compared) == running.digests(plain, "md", *compared)
