"""Tasks that the kernel kills because memory runs out: tried once more, with smaller batches of frames."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import running
from toy import write_toy

from mlipbench_hpc.runtime import launch
from mlipbench_hpc.runtime.endings import lost

# One frame fits beside the driver and its workers, a batch of four does not.
FRAME_MB, LIMIT_MB = 400, 1300
CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def confined() -> Iterator[Path]:
    """A memory cgroup of this process's own one, without swap; its file that takes process ids."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    result = {kind: path for _, kind, path in (line.split(":", 2) for line in lines)}
    one = "memory" in result
    parent = CGROUPS / "memory" / result["memory"][1:] if one else CGROUPS / result.get("", "/")[1:]
    room = parent / f"mlipbench-{os.getpid()}"
    limits = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes") if one else ("memory.max",)
    try:
        room.mkdir()
        for name in limits:
            (room / name).write_text(str(LIMIT_MB << 20))
    except OSError as error:
        if room.exists():
            room.rmdir()
        pytest.skip(f"memory cannot be limited here: {error}")
    yield room / "cgroup.procs"
    running.kill([int(pid) for pid in (room / "cgroup.procs").read_text().split()])
    running.wait_until(lambda: not (room / "cgroup.procs").read_text(), 20, "an empty cgroup")
    room.rmdir()


@pytest.mark.engine
def test_a_batch_that_the_kernel_kills_is_evaluated_again_frame_by_frame(
    tmp_path: Path, confined: Path
) -> None:
    toy = write_toy(tmp_path)
    old = "architecture: toy"
    hungry = toy.read_text().replace(old, f"{old}, hyperparameters: {{frame_mb: {FRAME_MB}}}")
    toy.write_text(hungry.partition("md:")[0])
    (tmp_path / "here.yaml").write_text("name: here\nscheduler: local\ncores: 1\nretries: 0\n")
    command = running.command(tmp_path, "run", "toy.yaml")
    shell = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(confined), *command]
    environ = running.marked(tmp_path)
    ended = subprocess.run(
        shell, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    again = "let fewer tasks share it: resource failure, trying again, in smaller batches"
    assert ended.stdout.count(again) == 2


def test_a_kill_for_memory_is_told_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "task.json").touch()
    quiet, busy = iter([5, 5]), iter([5, 6])
    monkeypatch.setattr(launch, "kills_for_memory", lambda: next(quiet))
    log = str(tmp_path / "log.txt")
    code = launch.launch(["sh", "-c", "kill -9 $$"], str(tmp_path), {}, log)
    assert (code, lost(code)) == (-signal.SIGKILL, "its process was killed by SIGKILL")
    monkeypatch.setattr(launch, "kills_for_memory", lambda: next(busy))
    code = launch.launch(["sh", "-c", "kill -9 $$"], str(tmp_path), {}, log)
    assert code == launch.NO_MEMORY
    assert "memory ran out" in lost(code)
    assert "the kernel killed this process because memory ran out" in Path(log).read_text()
