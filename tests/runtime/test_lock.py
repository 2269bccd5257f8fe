import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlipbench_hpc.runtime import lock
from mlipbench_hpc.runtime.lock import StoreLocked, hold, holder, me


def write(store: Path, **changes: object) -> None:
    (store / "lock").write_text(json.dumps(me() | {"since": time.time(), "heartbeat": time.time()} | changes))


def test_it_is_held_and_released(tmp_path: Path) -> None:
    with hold(tmp_path):
        result = holder(tmp_path)
        assert result is not None
        assert result["pid"] == os.getpid()
        assert lock.driven_since(tmp_path) == result["since"]
    assert holder(tmp_path) is None


def test_a_living_driver_is_named(tmp_path: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        write(tmp_path, pid=sleeper.pid, started=lock.start_time(sleeper.pid))
        with (
            pytest.raises(StoreLocked, match=f"process {sleeper.pid} on {me()['host']}"),
            hold(tmp_path, take_over=True),
        ):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize("change", [{"pid": 2**22 + 1}, {"started": "1"}, {"boot": "another"}])
def test_a_dead_drivers_lock_is_taken(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path, **change)
    assert lock.driven_since(tmp_path) is None
    with hold(tmp_path):
        assert (holder(tmp_path) or {})["pid"] == os.getpid()


def test_half_a_lock_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"host": "n')
    with hold(tmp_path):
        assert (holder(tmp_path) or {})["pid"] == os.getpid()


def test_another_hosts_lock_is_taken_only_when_told(tmp_path: Path) -> None:
    write(tmp_path, host="elsewhere", heartbeat=time.time() - 1e6)
    with pytest.raises(StoreLocked, match=r"elsewhere.*--take-over"), hold(tmp_path):
        pass
    with hold(tmp_path, take_over=True):
        assert (holder(tmp_path) or {})["host"] == me()["host"]


def over(_lock: object) -> bool:
    return True


def test_another_hosts_driver_whose_job_is_over_is_dead_once_it_is_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node that the scheduler took for lost may still drive: its heartbeat says so."""
    write(tmp_path, host="elsewhere", job="7", heartbeat=time.time() - 20)
    with pytest.raises(StoreLocked, match=r"elsewhere, whose job is over: .* silent for \d\d"):
        lock.release_dead(tmp_path, False, over)
    assert holder(tmp_path) is not None
    write(tmp_path, host="elsewhere", job="7", heartbeat=time.time() - 2 * lock.SILENT_S)
    with hold(tmp_path, is_over=over):
        assert (holder(tmp_path) or {})["host"] == me()["host"]
    assert "job 7 on elsewhere is over: its driver's lock is taken" in capsys.readouterr().out


def test_a_living_driver_of_this_host_is_not_asked_after(tmp_path: Path) -> None:
    """Its process is here, whatever a scheduler says of a job of that number."""
    with hold(tmp_path, job="7"):
        assert (holder(tmp_path) or {})["job"] == "7"
        with pytest.raises(StoreLocked, match=f"process {os.getpid()} on {me()['host']}$"):
            lock.release_dead(tmp_path, True, over)


def test_another_hosts_driver_counts_while_it_is_heard(tmp_path: Path) -> None:
    write(tmp_path, host="elsewhere")
    assert lock.driven_since(tmp_path) is not None
    write(tmp_path, host="elsewhere", heartbeat=time.time() - 2 * lock.SILENT_S)
    assert lock.driven_since(tmp_path) is None
