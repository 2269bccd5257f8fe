"""A driver whose filesystem shows late what its workers committed."""

import subprocess
import sys
from pathlib import Path

import pytest
import running
from toy import TOY, argon_frames

# Its data and splits alone.
CAMPAIGN = TOY.partition("models:")[0]
# The command itself, on a store whose commits show two seconds after they were made.
LATE = """
import sys, time
from mlipbench_hpc.cli import main
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.runtime import driver
driver.VISIBLE_WITHIN_S = float(sys.argv.pop(1))
honest, first = Store.result, {}
def result(store, key):
    found = honest(store, key)
    late = found and time.monotonic() - first.setdefault(key, time.monotonic()) < 2.0
    return None if late else found
Store.result = result
sys.exit(main(sys.argv[1:]))
"""


def late(folder: Path, within: float) -> "subprocess.CompletedProcess[str]":
    """A run by a driver that waits so many seconds for a commit to show."""
    argon_frames(folder)
    (folder / "late.yaml").write_text(CAMPAIGN)
    (folder / "here.yaml").write_text(running.SITE + "retries: 0\n")
    words = ["run", "late.yaml", "--site", "here.yaml", "--store", "store"]
    command = [sys.executable, "-c", LATE, str(within), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.engine
def test_a_commit_that_shows_late_is_waited_for(tmp_path: Path) -> None:
    ended = late(tmp_path, 60.0)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not list((tmp_path / "store/attempts").iterdir()), "something ran twice"


@pytest.mark.engine
def test_a_commit_that_shows_too_late_is_no_commit(tmp_path: Path) -> None:
    ended = late(tmp_path, 0.5)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "its process ended with 0 and left no record" in ended.stdout
