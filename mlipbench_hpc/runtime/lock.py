"""One driver per store: an O_EXCL file that says who, where and since when."""

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.runtime.trouble import Trouble

HEARTBEAT_S = 15.0
SILENT_S = 120.0
FIELDS = {"host", "boot", "pid", "started", "since", "heartbeat"}


class StoreLocked(Trouble):
    """Another driver holds the store."""


def me() -> dict[str, Any]:
    """Who this process is: host, boot, pid and the pid's start time (a pid alone may be reused)."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {
        "host": socket.gethostname(),
        "boot": boot,
        "pid": os.getpid(),
        "started": start_time(os.getpid()),
    }


def start_time(pid: int) -> str | None:
    """Clock tick at which a process of this machine started, or None when there is none (or a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def is_alive(holder: dict[str, Any]) -> bool | None:
    """Whether a lock's holder lives; None when it is on another host and cannot be asked."""
    own = me()
    if holder["host"] != own["host"]:
        return None
    return bool(holder["boot"] == own["boot"] and start_time(holder["pid"]) == holder["started"])


def holder(store: Path) -> dict[str, Any] | None:
    """The lock's content, or None when nobody holds the store (or what lies there is no lock)."""
    value = read_json(store / "lock")
    return value if isinstance(value, dict) and set(value) >= FIELDS else None


def driven_since(store: Path) -> float | None:
    """When the driver at work (alive here, or heard of lately elsewhere) began; None when there is none."""
    found = holder(store)
    if found is None:
        return None
    alive = is_alive(found)
    if alive is None:
        alive = time.time() - found["heartbeat"] < SILENT_S
    return float(found["since"]) if alive else None


@contextmanager
def hold(store: Path, take_over: bool = False) -> Iterator[None]:
    """Hold the store's lock; a dead driver's is taken over, another host's only when told to.

    Raises StoreLocked naming host and pid.
    """
    with (store / "lock.guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        _release_dead(store, take_over)
        _create(store)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(store, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        if _is_mine(store):
            (store / "lock").unlink()


def _release_dead(store: Path, take_over: bool) -> None:
    found = holder(store)
    if found is None:
        (store / "lock").unlink(missing_ok=True)
        return
    alive = is_alive(found)
    if alive or (alive is None and not take_over):
        elsewhere = "" if alive else "; if that host is gone, run again with --take-over"
        raise StoreLocked(f"{store} is driven by process {found['pid']} on {found['host']}{elsewhere}")
    (store / "lock").unlink()


def _create(store: Path) -> None:
    content = json.dumps(me() | {"since": time.time(), "heartbeat": time.time()}).encode()
    descriptor = os.open(store / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_mine(store: Path) -> bool:
    found = holder(store) or {}
    own = me()
    return all(found.get(name) == own[name] for name in own)


def _beat(store: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        if _is_mine(store):
            with suppress(OSError):
                write_json(store / "lock", (holder(store) or {}) | {"heartbeat": time.time()})
