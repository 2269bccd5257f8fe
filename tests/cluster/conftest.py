"""Two schedulers, each with two nodes of four GPUs: the same tests run on both."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clusters
import pytest
import running
from toy import write_toy

# Set where SLURM must be there (.ci/run does): its absence is then a failure and no reason to skip.
REQUIRED = "MLIPBENCH_REQUIRE_SLURM"


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Slurm]:
    missing = clusters.missing()
    if missing and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but {', '.join(missing)} is not here")
    if missing:
        pytest.skip(f"{', '.join(missing)} is not here: SLURM is not tested")
    with clusters.slurm(tmp_path_factory.mktemp("slurm")) as result:
        yield result


@pytest.fixture(scope="session")
def pbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Pbs]:
    with clusters.pbs(tmp_path_factory.mktemp("pbs")) as result:
        yield result


@pytest.fixture(scope="session")
def remembering_pbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Pbs]:
    """Of a server that is set up to maintain job history."""
    with clusters.pbs(tmp_path_factory.mktemp("pbs"), history=True) as result:
        yield result


@pytest.fixture(params=["slurm", pytest.param("pbs", marks=pytest.mark.pbs)])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One of the schedulers, found by whatever the test starts."""
    result = request.getfixturevalue(request.param)
    for name, value in result.environ.items():
        monkeypatch.setenv(name, value)
    yield result
    for job in result.jobs():
        result.cancel(job)


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy campaign, slow enough to be broken, and its data."""
    folder = tmp_path_factory.mktemp("campaign")
    slow(write_toy(folder))
    return folder


@pytest.fixture(scope="session")
def undisturbed(campaign: Path) -> Path:
    """The same after it was run on this machine in peace."""
    ended = running.run(campaign, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return campaign


@pytest.fixture
def folder(campaign: Path, tmp_path: Path) -> Iterator[Path]:
    """The campaign with no store yet."""
    for name in ("toy.yaml", "argon.extxyz"):
        shutil.copy(campaign / name, tmp_path)
    with running.cleaned(tmp_path):
        yield tmp_path


def slow(path: Path) -> None:
    """Two members that train for some five seconds, and one run of MD."""
    text = path.read_text().replace("replicas: 2", "replicas: 1")
    old = "architecture: toy"
    path.write_text(text.replace(old, f"{old}, hyperparameters: {{epoch_s: 0.12}}"))
