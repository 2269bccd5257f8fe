"""What runs on the executing side: start one worker process, wait for it, return its exit code."""

import os
import subprocess
import time
from pathlib import Path


def launch(
    argv: list[str],
    folder: str,
    environ: dict[str, str],
    log: str,
    limit: float | None = None,
    contained: bool = False,
) -> int:
    """Run `argv` (never a shell) in `folder`; output goes to the log file.

    limit: seconds from now after which the worker is to checkpoint and stop.
    The worker dies with this process: by prctl PR_SET_PDEATHSIG, which it sets itself, or, in a container,
    where our process id means nothing, when the pipe on its standard input closes.
    """
    command = [*argv, "--die-with", "stdin" if contained else str(os.getpid())]
    command += ["--deadline", repr(time.time() + limit)] if limit is not None else []
    with Path(log).open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE if contained else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        code = process.wait()
        if process.stdin:
            process.stdin.close()
        return code
