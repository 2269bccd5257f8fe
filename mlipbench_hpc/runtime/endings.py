"""What an exit code says of an attempt; only its folder says more."""

import os
import signal
from concurrent.futures import Future
from errno import ENOSPC
from typing import Any

from mlipbench_hpc.contract.task import EXIT_INTERRUPTED, EXIT_OF_FAILURE
from mlipbench_hpc.runtime.launch import NO_MEMORY, NOT_STARTED

# What an attempt leaves before it ends with such a code.
RECORDED = {EXIT_INTERRUPTED: "interrupted.json"} | dict.fromkeys(EXIT_OF_FAILURE.values(), "failure.json")
FATAL = 128  # Apptainer ends with 128 and the number of the signal that killed what it ran.


def exit_code(future: "Future[Any]") -> int | None:
    """The worker's exit code, or None when Parsl lost it."""
    return None if future.cancelled() or future.exception() else int(future.result())


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
