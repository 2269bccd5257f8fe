"""`mlipbench doctor` on a good site says so, and of a bad one what to change."""

import os
import subprocess
from pathlib import Path
from typing import Any

import clusters
import pytest
import running

pytestmark = pytest.mark.cluster


def doctor(folder: Path, text: str, code: int = 1) -> str:
    """What it says of a site file; its exit code must be this."""
    (folder / "site.yaml").write_text(text)
    words = ["doctor", "site.yaml", "--store", str(folder / "store"), "--wait", "60"]
    environ = running.marked(folder)
    ended = subprocess.run(
        [*running.COMMAND, *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


def test_a_good_node(cluster: Any, tmp_path: Path) -> None:
    """All but what is fake here, and that is said: no nvidia-smi is here, and perhaps fewer cores."""
    text = doctor(tmp_path, cluster.site(gpus=4))
    for words in ("was accepted", "reaches this machine", "a rename there shows here after", "clocks agree"):
        assert words in text
    assert "the job holds 4 GPUs" in text
    assert "versions agree" in text
    cores = len(os.sched_getaffinity(0))
    few = f"a job may use {cores} cores, the site says {clusters.CORES}"
    wrong = [few] if cores < clusters.CORES else []
    assert text.splitlines()[-1] == f"wrong: {'; '.join([*wrong, 'the node has no nvidia-smi that works'])}"
    assert cluster.jobs() == []
    assert list((tmp_path / "store").glob("doctor-*")) == []


@clusters.both()
def test_more_gpus_than_there_are(cluster: Any, tmp_path: Path) -> None:
    text = cluster.site(gpus=4).replace("gpus_per_node: 4", "gpus_per_node: 9")
    output = doctor(tmp_path, text)
    assert "WRONG" in output
    assert "`gpus_per_node`" in output


@pytest.mark.parametrize("cluster", ["slurm"], indirect=True)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_blocks: 1", "max_blocks: 1, nodes_per_block: 3, launcher: srun"),
        ("walltime: 2 min", "walltime: 9 d"),
    ],
    ids=["nodes", "walltime"],
)
def test_jobs_that_the_partition_never_starts(cluster: Any, tmp_path: Path, old: str, new: str) -> None:
    """The probe itself is short and small, and fine."""
    text = doctor(tmp_path, cluster.site(gpus=2).replace(old, new))
    assert "WRONG no job as the site asks for it can run" in text
    assert "reaches this machine" in text


def test_a_job_that_fails_before_it_calls(cluster: Any, tmp_path: Path) -> None:
    text = doctor(tmp_path, cluster.site(worker_init="['echo no such module: apptainer >&2', exit 7]"))
    assert "before its node called" in text
    assert "no such module: apptainer" in text
    assert "mend `modules` or `worker_init`" in text


@clusters.both()
def test_an_interface_that_is_not_here(cluster: Any, tmp_path: Path) -> None:
    text = doctor(tmp_path, cluster.site(interface="ib7"))
    assert "no interface `ib7`" in text
    assert cluster.jobs() == []


def test_without_a_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    text = "name: x\nscheduler: slurm\nnodes: {gpu: {cores_per_node: 1, walltime: 1 h}}\nruntime: venv\n"
    assert "not on PATH: sbatch, squeue, scancel" in doctor(tmp_path, text)
