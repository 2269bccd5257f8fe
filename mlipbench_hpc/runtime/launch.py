"""Start of one worker process where it executes: waits for it and returns its exit code."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlipbench_hpc.contract.folder import VISIBLE_WITHIN_S
from mlipbench_hpc.contract.task import EXIT_INTERRUPTED
from mlipbench_hpc.runtime.cluster.notes import Note, leave

# Set by the job that this runs in, if any: when its tasks are to stop (Unix time), and its own GPUs.
STOP_AT, DEVICES = "MLIPBENCH_STOP_AT", "MLIPBENCH_DEVICES"
# How many tasks share a GPU, and names of the variables that the site sets.
SHARED, VARIABLES = "MLIPBENCH_TASKS_PER_GPU", "MLIPBENCH_VARIABLES"
NOT_STARTED, NO_MEMORY = 126, 125
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
HOST = "MLIPBENCH_HOST"
BLOCK = "PARSL_WORKER_BLOCK_ID"
LOOK_EVERY_S = 0.5


def launch(
    argv: list[str],
    folder: str,
    environ: dict[str, str],
    log: str,
    limit: float | None = None,
    contained: bool = False,
    note: str | None = None,
) -> int:
    """Run `argv` (never a shell) in `folder`; output goes to the log file. Returns its exit code, or
    NOT_STARTED, NO_MEMORY where the kernel killed it because memory ran out, or EXIT_INTERRUPTED without
    having started it where the job's time is over.

    note: where to write on which node, in which of Parsl's blocks, this attempt begins.
    limit: seconds from now after which the worker is to checkpoint and stop; the job's end may come earlier.
    The attempt's folder may show here up to VISIBLE_WITHIN_S late. The worker dies with this process: by
    prctl PR_SET_PDEATHSIG, which it sets itself, or, in a container, where our process id means nothing,
    when the pipe on its standard input closes.
    """
    _await(Path(folder) / "task.json")
    stops = [float(os.environ[STOP_AT])] if STOP_AT in os.environ else []
    if stops and time.time() >= stops[0]:
        return EXIT_INTERRUPTED
    if note:
        leave(Path(note), Note(_host(os.environ), os.environ.get(BLOCK, "")))
    stops += [time.time() + limit] if limit is not None else []
    command = [*argv, "--die-with", "stdin" if contained else str(os.getpid())]
    command += ["--deadline", repr(min(stops))] if stops else []
    killed_before = kills_for_memory()
    with Path(log).open("ab") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ | here(os.environ, contained),
                stdin=subprocess.PIPE if contained else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            output.write(f"{command[0]} could not be started on {socket.gethostname()}: {error}\n".encode())
            return NOT_STARTED
        with _passing_on(process):
            code = process.wait()
        if process.stdin:
            process.stdin.close()
        if code in KILLED and kills_for_memory() > killed_before:
            output.write(b"the kernel killed this process because memory ran out\n")
            return NO_MEMORY
        return code


def kills_for_memory() -> int:
    """Number of processes that this machine's kernel killed for want of memory (Linux 4.13 and later)."""
    try:
        rows = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) for row in rows if row.startswith("oom_kill ")), 0)


def _await(path: Path) -> None:
    """Wait for a file that a shared filesystem may show on this node late, for two minutes at most."""
    until = time.monotonic() + VISIBLE_WITHIN_S
    while not path.exists() and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)


def here(outside: Mapping[str, str], contained: bool) -> dict[str, str]:
    """Variables that only the node knows: its name, scratch folder, the site's own, this worker's GPU.

    outside: this process's own. Parsl numbers a node's workers from 0 (and divides that number on its own
    where it finds nvidia-smi, but for one variable); they become the job's own names of GPUs. In a container
    variables arrive under Apptainer's prefix, and Apptainer itself is found where the node has it.
    """
    if STOP_AT not in outside:
        return {}
    variables = {HOST: _host(outside)}
    variables |= {name: outside[name] for name in outside.get(VARIABLES, "").split(",") if name in outside}
    if "CUDA_VISIBLE_DEVICES" in outside:
        own = [name for name in outside.get(DEVICES, "").split(",") if name]
        pin = outside.get("ROCR_VISIBLE_DEVICES", outside["CUDA_VISIBLE_DEVICES"])
        place = int(pin) // int(outside.get(SHARED, "1")) if pin.isdigit() else len(own)
        other = str(place) if pin.isdigit() else pin
        variables["CUDA_VISIBLE_DEVICES"] = own[place] if place < len(own) else other
    if contained:
        variables |= {f"APPTAINERENV_{name}": text for name, text in variables.items()}
        variables["PATH"] = outside.get("PATH", os.defpath)
    return variables | ({"TMPDIR": outside["TMPDIR"]} if "TMPDIR" in outside else {})


def _host(outside: Mapping[str, str]) -> str:
    """This node as SLURM calls it, or as it calls itself."""
    return outside.get("SLURMD_NODENAME") or socket.gethostname()


@contextmanager
def _passing_on(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A SIGTERM for us is one for the worker: it checkpoints, and we wait for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
