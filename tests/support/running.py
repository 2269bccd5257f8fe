"""Run the command itself in a folder of its own, and look at what it leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import Store

MARK = "MLIPBENCH_TEST"
PLUGINS = str(Path(__file__).parents[1] / "plugins")
COMMAND = [sys.executable, "-m", "mlipbench_hpc.cli"]
SITE = "name: here\nscheduler: local\ncores: 2\n"


def command(folder: Path, *words: str) -> list[str]:
    return [*COMMAND, *words, "--site", str(folder / "here.yaml"), "--store", str(folder / "store")]


def marked(folder: Path) -> dict[str, str]:
    """The environment of a command: the folder's mark, and the tests' own architectures on the path."""
    path = os.pathsep.join([PLUGINS, *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {MARK: str(folder), "PYTHONPATH": path}


def start(folder: Path, *words: str, site: str = SITE) -> "subprocess.Popen[str]":
    """`mlipbench WORDS` in the background; all its children carry the folder's mark."""
    (folder / "here.yaml").write_text(site)
    environ = marked(folder)
    with (folder / "driver.log").open("a") as log:
        return subprocess.Popen(
            command(folder, *words), cwd=folder, env=environ, stdout=log, stderr=log, text=True
        )


def run(
    folder: Path, *words: str, site: str = SITE, timeout: float = 300
) -> "subprocess.CompletedProcess[str]":
    """`mlipbench WORDS`, waited for."""
    (folder / "here.yaml").write_text(site)
    environ = marked(folder)
    return subprocess.run(
        command(folder, *words),
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def family(folder: Path, needle: str = "") -> list[int]:
    """Living processes that carry the folder's mark (or its store's), whose command line holds `needle`.

    And their children: a process that gives itself a new title overwrites its environment's first bytes.
    """
    marks = [f"{MARK}={folder}".encode()]
    with suppress(FileNotFoundError):  # All that a worker in a container shows of whose it is.
        marks.append(f"MLIPBENCH_STORE={Store(folder / 'store').name}".encode())
    result: dict[int, str] = {}
    parents: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (path / "environ").read_bytes().split(b"\0")
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            parents[int(path.name)] = parent, line
            if any(mark in variables for mark in marks):
                result[int(path.name)] = line
    result |= {pid: line for pid, (parent, line) in parents.items() if parent in result and line}
    return [pid for pid, line in result.items() if needle in line]


def kill(pids: list[int], number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_first(folder: Path, needle: str, driver: "subprocess.Popen[str]") -> None:
    """Kill -9 the first such process as soon as there is one, unless the driver ends before."""
    wait_until(lambda: family(folder, needle) or driver.poll() is not None, 60, f"a {needle} to kill")
    kill(family(folder, needle)[:1])


def results(folder: Path) -> dict[str, Any]:
    """results.json without what may differ between two equal runs."""
    result: dict[str, Any] = json.loads((folder / "store" / "reports" / "toy" / "results.json").read_text())
    result.pop("timing")
    return result


def done(folder: Path, verb: str) -> list[dict[str, Any]]:
    """result.json of every committed task of a verb."""
    result = []
    for path in (folder / "store/tasks").glob("*/task.json"):
        if json.loads(path.read_text())["verb"] == verb:
            result.append(json.loads((path.parent / "result.json").read_text()))
    return result


def digests(folder: Path, verb: str, *names: str) -> set[tuple[str, ...]]:
    """sha256 of outputs of every committed task of a verb."""
    return {tuple(one["outputs"][name]["sha256"] for name in names) for one in done(folder, verb)}


def checkpointed(folder: Path) -> bool:
    """Whether any attempt has left a checkpoint."""
    return bool(list((folder / "store/attempts").glob("*/checkpoint/0*/checkpoint.json")))


def commits(folder: Path) -> dict[str, int]:
    """Inode of every committed result.json: a task that is done again gets another one."""
    result = {}
    for path in (folder / "store" / "tasks").glob("*/result.json"):
        with suppress(FileNotFoundError):
            result[path.parent.name] = path.stat().st_ino
    return result


def wait_until(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.05)


@contextmanager
def cleaned(folder: Path) -> Iterator[None]:
    """Whatever happens, leave no process behind."""
    try:
        yield
    finally:
        kill(family(folder))
