"""One driver per store: an O_EXCL file that says who, where and since when."""

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
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
    """Identity of this process: host, boot, pid and the pid's start time (a pid alone may be reused)."""
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


def own_job() -> str | None:
    """The scheduler's job that this process runs in."""
    return os.environ.get("SLURM_JOB_ID") or os.environ.get("PBS_JOBID")


def is_alive(holder: dict[str, Any]) -> bool | None:
    """True where a lock's holder lives; None where it is on another host and cannot be asked."""
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
    lock = holder(store)
    if lock is None:
        return None
    alive = is_alive(lock)
    if alive is None:
        alive = time.time() - lock["heartbeat"] < SILENT_S
    return float(lock["since"]) if alive else None


def never(_lock: dict[str, Any]) -> bool:
    """Nobody is there to say that a driver's job is over."""
    return False


@contextmanager
def hold(
    store: Path,
    take_over: bool = False,
    job: str | None = None,
    is_over: Callable[[dict[str, Any]], bool] = never,
) -> Iterator[None]:
    """Hold the store's lock; job: the scheduler's job that this driver is, if it is one.

    A dead driver's lock is taken (see release_dead). Raises StoreLocked naming host and pid.
    """
    with _guarded(store):
        _release_dead(store, take_over, is_over)
        _create(store, job)
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


def release_dead(store: Path, take_over: bool, is_over: Callable[[dict[str, Any]], bool]) -> None:
    """Remove the lock of a dead driver: of a process that is gone from this host, or, on another host, of one
    that was silent for SILENT_S and whose job is over (is_over says so of its lock), or when told to.

    Raises StoreLocked while the driver may live.
    """
    with _guarded(store):
        _release_dead(store, take_over, is_over)


@contextmanager
def _guarded(store: Path) -> Iterator[None]:
    with (store / "lock.guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _release_dead(store: Path, take_over: bool, is_over: Callable[[dict[str, Any]], bool]) -> None:
    lock = holder(store)
    why = _why_held(lock, take_over, is_over) if lock else None
    if lock and why is not None:
        raise StoreLocked(f"{store} is driven by process {lock['pid']} on {lock['host']}{why}")
    (store / "lock").unlink(missing_ok=True)


def _why_held(lock: dict[str, Any], take_over: bool, is_over: Callable[[dict[str, Any]], bool]) -> str | None:
    """Why a lock must stay, in words that follow its holder's name; None when its driver is dead."""
    alive = is_alive(lock)
    if alive:
        return ""
    if alive is False or take_over:
        return None
    if not is_over(lock):
        return "; if that host is gone, run again with --take-over"
    left = lock["heartbeat"] + SILENT_S - time.time()
    if left > 0:
        return f", whose job is over: run again when it was silent for {left:.0f} s more"
    print(f"job {lock['job']} on {lock['host']} is over: its driver's lock is taken", flush=True)
    return None


def _create(store: Path, job: str | None) -> None:
    content = json.dumps(me() | {"job": job, "since": time.time(), "heartbeat": time.time()}).encode()
    descriptor = os.open(store / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_mine(store: Path) -> bool:
    lock = holder(store) or {}
    own = me()
    return all(lock.get(name) == own[name] for name in own)


def _beat(store: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        if _is_mine(store):
            with suppress(OSError):
                write_json(store / "lock", (holder(store) or {}) | {"heartbeat": time.time()})
