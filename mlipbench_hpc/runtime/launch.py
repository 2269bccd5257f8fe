"""What runs on the executing side: start one worker process, wait for it, return its exit code."""

import os
import subprocess
import time
from pathlib import Path


def launch(
    argv: list[str], folder: str, environ: dict[str, str], log: str, limit: float | None = None
) -> int:
    """Run `argv` (never a shell) in `folder`; output goes to the log file.

    limit: seconds from now after which the worker is to checkpoint and stop.
    The process dies with this one (prctl PR_SET_PDEATHSIG, set by the worker itself).
    """
    command = [*argv, "--die-with", str(os.getpid())]
    command += ["--deadline", repr(time.time() + limit)] if limit is not None else []
    with Path(log).open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        return process.wait()
