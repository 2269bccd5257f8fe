"""`python -m mlipbench_hpc.worker task.json`: run one task in the folder that holds its task.json."""

import argparse
import ctypes
import errno
import importlib
import os
import platform
import resource
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from mlipbench_hpc.contract.folder import Store, outputs, read_json, seal, write_json
from mlipbench_hpc.contract.task import (
    EXIT_COMMITTED,
    EXIT_INTERRUPTED,
    EXIT_OF_FAILURE,
    SCHEMA,
    DamagedUpstream,
    Interrupted,
    ResourceFailure,
    Task,
    TaskFailure,
    TransientFailure,
)
from mlipbench_hpc.contract.verbs import module_of
from mlipbench_hpc.worker.context import Context, die_with
from mlipbench_hpc.worker.gpu import require_gpu


def main(arguments: list[str] | None = None) -> int:
    """Run the task; returns 0 when committed, 75 when interrupted, 65/70/71/74 by kind of failure."""
    parser = argparse.ArgumentParser(prog="python -m mlipbench_hpc.worker", description=__doc__)
    parser.add_argument("task", type=Path, help="task.json of an attempt folder in a store")
    parser.add_argument("--deadline", type=float, help="Unix time at which to checkpoint and stop")
    parser.add_argument("--die-with", help="process id of the parent to die with, or `stdin` and its end")
    parser.add_argument("--keep", action="store_true", help="write result.json but do not commit the folder")
    parser.add_argument("--smaller-by", type=int, default=1, help="divide batches of frames by this")
    options = parser.parse_args(arguments)
    if options.die_with:
        die_with(options.die_with)
    folder = options.task.resolve().parent
    if folder.parent.name != "attempts":
        print(
            f"{folder} is not an attempt folder: `mlipbench task run KEY` makes a fresh one", file=sys.stderr
        )
        return EXIT_OF_FAILURE["input"]
    return attempt(folder, options.deadline, not options.keep, options.smaller_by)


def attempt(folder: Path, deadline: float | None, commit: bool, smaller_by: int = 1) -> int:
    """Run one attempt, and write its outcome into its folder."""
    store = Store(folder.parent.parent)
    clock = Clock()
    try:
        task = Task.from_json(read_json(folder / "task.json") or {})
        context = Context(task, folder, store, deadline, smaller_by)
        context.listen()
        clock.earlier_wall_s = context.earlier_wall_s()
        result = finish(context, run_verb(context), clock)
        if commit:
            store.commit(folder, result)
        else:
            seal(folder, result)
        return EXIT_COMMITTED
    except Interrupted as interruption:
        write_json(folder / "interrupted.json", {"cause": str(interruption), "timing": clock.read()})
        return EXIT_INTERRUPTED
    except BaseException as error:
        if commit and isinstance(error, OSError | TransientFailure) and store.result(folder.name[:64]):
            # Another attempt was committed meanwhile and took the checkpoints that this one continued from.
            store.discard(folder)
            return EXIT_COMMITTED
        failure = classify(error)
        record_failure(folder, failure, error, clock)
        return EXIT_OF_FAILURE[failure.kind]


def run_verb(context: Context) -> dict[str, Any]:
    """Import the verb's module and run it; returns the result's `values`."""
    if str(context.parameters.get("device", "cpu")).startswith("cuda"):
        require_gpu()
    verb = importlib.import_module(module_of(context.task.verb))
    context.check()
    values: dict[str, Any] = verb.run(context)
    return values


def finish(context: Context, values: dict[str, Any], clock: "Clock") -> dict[str, Any]:
    """Content of result.json."""
    for role in context.task.upstream:
        context.upstream(role)
    return {
        "schema": SCHEMA,
        "key": context.task.key,
        "attempt": context.folder.name,
        "outcome": "result",
        "values": values,
        "outputs": outputs(context.folder),
        "upstream": context.consumed,
        "inputs": context.task.inputs,
        "versions": versions(),
        "timing": clock.read() | {"batches_divided_by": context.smaller_by},
    }


def versions() -> dict[str, str]:
    """Versions of Python, platform and loaded packages; the store keeps the whole list."""
    roots = {name for name in sys.modules if "." not in name} - set(sys.stdlib_module_names)
    versions = {name: vars(sys.modules[name]).get("__version__") for name in sorted(roots)}
    return {"python": platform.python_version(), "platform": platform.platform(terse=True)} | {
        name: str(version) for name, version in versions.items() if isinstance(version, str | int)
    }


class Clock:
    """Wall and CPU time of this process, and its peak memory.

    earlier_wall_s: wall time of all earlier attempts of the task; None where it is not known.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self.earlier_wall_s: float | None = None

    def read(self) -> dict[str, Any]:
        """Times, memory, host and hardware of the attempt, which may differ between two equal ones."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "started": self.started,
            "wall_s": time.time() - self.started,
            "earlier_wall_s": self.earlier_wall_s,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * 1024,
            "host": os.environ.get("MLIPBENCH_HOST") or socket.gethostname(),
            "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "hardware": platform.processor() or platform.machine(),
        }


def classify(error: BaseException) -> TaskFailure:
    """Failure of the kind that an exception belongs to."""
    if isinstance(error, TaskFailure):
        return error
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return ResourceFailure(str(error) or "out of memory")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE):
        return TransientFailure(str(error))
    return TaskFailure(f"{type(error).__name__}: {error}")


def record_failure(folder: Path, failure: TaskFailure, error: BaseException, clock: Clock) -> None:
    """Write failure.json; on a full disk at least the log keeps the message."""
    text = "".join(traceback.format_exception(error))
    print(text, file=sys.stderr)
    record = {
        "kind": failure.kind,
        "message": str(failure),
        "traceback": text[-4000:],
        "timing": clock.read(),
    }
    if isinstance(failure, DamagedUpstream):
        record["damaged"] = failure.key
    try:
        write_json(folder / "failure.json", record)
    except OSError as second:
        print(f"failure.json could not be written: {second}", file=sys.stderr)


def leave(code: int) -> NoReturn:
    """End this process at once, because torch and TensorFlow take two seconds for their own clean-up.

    Output that Python and libraries in C still buffer is written first.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)
    os._exit(code)


if __name__ == "__main__":
    os.umask(0o022)
    leave(main())
