"""Nodes that fail every job or task that comes to them, beside one that works; and where none does."""

import re
from pathlib import Path
from typing import Any

import clusters
import pytest
import running

pytestmark = pytest.mark.cluster


def only_on(node: str, line: str) -> str:
    """The site's worker_init: that shell line on that node alone."""
    return f"""['if [ "$SLURMD_NODENAME" = {node} ]; then {line}; fi']"""


@clusters.both()
def test_a_node_on_which_every_job_dies_is_named_and_avoided(
    cluster: Any, folder: Path, undisturbed: Path
) -> None:
    """Both schedulers send job after job to the first node that is free."""
    bad = cluster.names()[0]
    site = cluster.site(worker_init=only_on(bad, "echo no scratch here >&2; exit 7"))
    ended = running.run(folder, "run", "toy.yaml", site=site)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (line,) = re.findall(r"node .* gets no more jobs.*", ended.stdout)
    assert f"node {bad} gets no more jobs (gpu): 2 jobs that started no task in a row" in line
    assert "no scratch here" in line
    assert running.results(folder) == running.results(undisturbed)
    assert {one["timing"]["host"] for one in running.done(folder, "train")} == {cluster.names()[1]}
    assert cluster.jobs() == []


@clusters.both()
def test_a_node_on_which_every_task_dies_costs_no_retry(
    cluster: Any, folder: Path, undisturbed: Path
) -> None:
    bad = cluster.names()[0]
    site = cluster.site(variables="{TOY_BROKEN: ''}", worker_init=only_on(bad, "export TOY_BROKEN=1"))
    ended = running.run(folder, "run", "toy.yaml", site=site)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (
        f"node {bad} gets no more jobs (gpu): 3 failures in a row, last: its process was killed by SIGBUS"
        in (ended.stdout)
    )
    assert "its node gets no more jobs, trying elsewhere" in ended.stdout
    assert running.results(folder) == running.results(undisturbed)
    assert cluster.jobs() == []


def test_when_no_node_is_left_the_run_ends_and_names_them(cluster: Any, folder: Path) -> None:
    site = cluster.site(variables="{TOY_BROKEN: '1'}", retries=99, node_failures=2)
    ended = running.run(folder, "run", "toy.yaml", site=site)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "no other node is left than those excluded" in ended.stderr
    for name in cluster.names():
        assert f"{name} (2 failures in a row, last: its process was killed by SIGBUS)" in ended.stderr
    assert cluster.jobs() == []


@clusters.both()
@pytest.mark.walltimes
def test_a_start_up_longer_than_the_walltime_ends_the_run_after_three_jobs(
    cluster: Any, folder: Path
) -> None:
    site = cluster.site(walltime="1 min", blocks=2, worker_init="['echo still unpacking; sleep 600']")
    ended = running.run(folder, "run", "toy.yaml", site=site, timeout=600)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert re.search(r"[34] jobs in a row have failed before they started a task", ended.stderr)
    assert "still unpacking" in ended.stderr
    assert cluster.jobs() == []
