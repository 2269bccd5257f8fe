"""Answers of a compute node to `mlipbench doctor`; runs in a probe job, with the standard library alone.

It calls the login node, says what it found, and both then time how long a rename of one shows on the other.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FROM_NODE, FROM_LOGIN = "from-node", "from-login"
PATIENCE_S, LOOK_EVERY_S, COMMAND_S = 100.0, 0.02, 30.0


def versions() -> dict[str, str]:
    """Versions in which both sides must agree."""
    present = {"python": platform.python_version()}
    for name in ("mlipbench-hpc", "parsl"):
        try:
            present[name] = version(name)
        except PackageNotFoundError:
            present[name] = "missing"
    return present


def answer(*argv: str) -> str | None:
    """Output of a command, or None where it is missing or fails."""
    if not shutil.which(argv[0]):
        return None
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=COMMAND_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def facts(images: list[str]) -> dict[str, Any]:
    """Facts of this node; images: of CUDA flavour, which are asked for the GPUs they see."""
    listed = answer("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    ask = ("--nv", "--containall", "--no-home")
    tell = "import torch; print(torch.cuda.device_count())"
    python = "/opt/environment/bin/python"
    return {
        "host": os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
        "time": time.time(),
        "versions": versions(),
        "cores": len(os.sched_getaffinity(0)),
        "devices": [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name],
        "gpus": listed.splitlines() if listed is not None else None,
        "apptainer": answer("apptainer", "--version"),
        "inside": {path: answer("apptainer", "exec", *ask, path, python, "-c", tell) for path in images},
    }


def rename(folder: Path, name: str) -> None:
    """As commits are made: written beside, then renamed."""
    (folder / f"{name}.new").write_text(name)
    (folder / f"{name}.new").rename(folder / name)


def seen_after(path: Path) -> float | None:
    """Seconds until a path shows; None when it does not within the probe's patience."""
    start = time.monotonic()
    while not path.exists():
        if time.monotonic() - start > PATIENCE_S:
            return None
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - start


def main(folder: Path, address: str, port: int, images: list[str]) -> None:
    """Facts, then a rename here, then the look at a rename there: one JSON line each, answered by a line."""
    with socket.create_connection((address, port), timeout=PATIENCE_S + COMMAND_S) as line:
        stream = line.makefile("rw", encoding="utf-8")

        def say(what: object) -> None:
            stream.write(json.dumps(what) + "\n")
            stream.flush()

        say(facts(images))
        (folder / FROM_LOGIN).exists()  # Some filesystems remember what was not there.
        try:
            rename(folder, FROM_NODE)
            say("")
        except OSError as error:
            say(str(error))
        stream.readline()
        say(seen_after(folder / FROM_LOGIN))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
