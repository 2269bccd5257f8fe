"""Parsl's interchange, tied to the driver's life: `python -m mlipbench_hpc.runtime.interchange DRIVER_PID`.

Without this, kill -9 of the driver leaves an interchange that goes on feeding queued tasks to workers.
"""

import ctypes
import os
import shutil
import signal
import sys
from pathlib import Path


def main() -> None:
    """Ask the kernel to be killed with the driver, then become interchange.py."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
    os.setsid()  # A Ctrl-C at the terminal is the driver's to answer.
    script = shutil.which("interchange.py", path=str(Path(sys.executable).parent))
    if script is None:
        sys.exit("interchange.py is not beside this Python: run `make setup` again")
    os.execv(sys.executable, [sys.executable, script])  # noqa: S606 no shell is wanted


if __name__ == "__main__":
    main()
