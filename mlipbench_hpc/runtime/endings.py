"""Endings of attempts by their exit codes; only the folder says more."""

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from errno import ENOSPC
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.task import EXIT_INTERRUPTED, EXIT_OF_FAILURE
from mlipbench_hpc.runtime.launch import NO_MEMORY, NOT_STARTED

# What an attempt leaves before it ends with such a code.
RECORDED = {EXIT_INTERRUPTED: "interrupted.json"} | dict.fromkeys(EXIT_OF_FAILURE.values(), "failure.json")
STUCK_AFTER = 3
# What a driver that was stopped leaves in attempts that run.
STOPPED = "stopped.json"
FATAL = 128  # Apptainer ends with 128 and the number of the signal that killed what it ran.


def exit_code(future: "Future[Any]") -> int | None:
    """The worker's exit code, or None when Parsl lost it."""
    return None if future.cancelled() or future.exception() else int(future.result())


def record(attempt: Path, kind: str, message: str) -> None:
    """Why an attempt is the last of its task, where it did not say so itself: for `status` and the report."""
    if not (attempt / "failure.json").exists():
        ended = read_json(attempt / "interrupted.json") or {}
        timing = ended.get("timing", {"wall_s": 0.0})
        with contextlib.suppress(OSError):
            write_json(attempt / "failure.json", {"kind": kind, "message": message, "timing": timing})


def record_stop(attempt: Path, signal_name: str) -> None:
    """Note that somebody stopped the driver of an attempt; one that is committed meanwhile needs no note."""
    with contextlib.suppress(OSError):
        write_json(attempt / STOPPED, {"driver": signal_name})


def is_stopped(attempt: Path, ended: Mapping[str, Any]) -> bool:
    """True where somebody ended the attempt: by stopping its driver, or with Ctrl-C where it runs by hand.

    No scheduler sends SIGINT. ended: its interrupted.json.
    """
    return (attempt / STOPPED).exists() or ended.get("cause") == signal.SIGINT.name


def stuck(attempts: Iterable[Path]) -> str:
    """Why a task is given up that its time's end interrupts again and again, or an empty string.

    attempts: its folders, oldest first, whichever driver began them. Three that had at least half of the
    longest's time, the last among them, came no further than those before (others may have begun near a job's
    end), or thrice as many of any length. Attempts that somebody stopped do not count.
    """
    furthest, spent = -1, list[float]()
    for attempt in attempts:
        step = max((int(path.name) for path in (attempt / "checkpoint").glob("[0-9]*")), default=-1)
        ended = read_json(attempt / "interrupted.json")
        if step > furthest:
            furthest, spent = step, []
        elif ended and not is_stopped(attempt, ended):
            spent.append(float(ended.get("timing", {}).get("wall_s", 0.0)))
    long = [seconds >= max(spent) / 2 for seconds in spent]
    if not (long and long[-1] and sum(long) >= STUCK_AFTER) and len(spent) < 3 * STUCK_AFTER:
        return ""
    if furthest < 0:
        return (
            "interrupted again and again before its first checkpoint: raise walltime or attempt_limit, or "
            "shorten checkpoint_every of MD"
        )
    return "interrupted again and again without getting any further: raise walltime or attempt_limit"


def lost(code: int | None) -> str:
    """Words for an attempt that left no record."""
    if code is None:
        return "its worker was lost"
    if code == NO_MEMORY:
        return "its process was killed because memory ran out: give it more, or let fewer tasks share it"
    if (number := -code if code < 0 else code - FATAL) in set(signal.Signals):
        return f"its process was killed by {signal.Signals(number).name}"
    if code == NOT_STARTED:
        return "it could not be started, its log says why"
    if code == EXIT_OF_FAILURE["transient"]:
        return f"it could not even write its failure: {os.strerror(ENOSPC)}"
    return f"its process ended with {code} and left no record"
