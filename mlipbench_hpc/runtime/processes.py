"""Processes of this machine that belong to a store: marked by environment variables, found through /proc."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

STORE = "MLIPBENCH_STORE"
ATTEMPT = "MLIPBENCH_ATTEMPT"
POOL = "MLIPBENCH_POOL"
MARKS = (STORE, ATTEMPT, POOL)


def marked(variable: str, value: str) -> Iterator[int]:
    """Process ids (not ours) whose environment held variable=value when they started."""
    entry = f"{variable}={value}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if entry in path.read_bytes().split(b"\0") and int(path.parent.name) != os.getpid():
                yield int(path.parent.name)


def kill(variable: str, value: str, number: int = signal.SIGKILL) -> int:
    """Send a signal to all marked processes; returns how many."""
    pids = list(marked(variable, value))
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return len(pids)
