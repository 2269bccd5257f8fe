"""What the suite itself costs: per task through Parsl, and for `plan` and `status` of 10,000 tasks.

With `--small` a few tasks of each, to see that everything here still runs; the figures then mean nothing.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "plugins")]

import running
from toy import argon_frames

from mlipbench_hpc.cli import Session, parser
from mlipbench_hpc.contract.folder import Store, manifest, read_json, write_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.container import environ
from mlipbench_hpc.runtime.environments import locate
from mlipbench_hpc.runtime.lock import hold

SMALL = "--small" in sys.argv
SPLITS, BY_HAND, REPLICAS = (3, 2, 8) if SMALL else (199, 40, 4998)
BARE = """
from pathlib import Path
from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.worker import split
from mlipbench_hpc.worker.context import Context
split.run(Context(Task.from_json(read_json(Path("task.json"))), Path.cwd(), Store(Path("../..").resolve())))
"""
SLOTS = 2
HEAD = """\
name: toy
datasets:
  argon:
    file: {path: argon.extxyz, format: extxyz, units: {energy: eV, force: eV/Å}}
"""
SPLIT = "  s{0}: {{dataset: argon, validation: 2, test: 2, train: 4, members: 1, seed: {0}}}\n"
MANY = (
    HEAD
    + """\
splits:
  main: {dataset: argon, validation: 2, test: 2, train: 4, members: 1}
models:
  pairs: {architecture: toy}
committees:
  pairs: {model: pairs, split: main}
md:
  run: {committee: pairs, start: {dataset: argon}, length: 1 ps, timestep: 2 fs, replicas: """
    + f"{REPLICAS}}}\n"
)


def per_task(folder: Path) -> dict[str, float]:
    """200 small tasks through Parsl, against processes that do the same work and nothing else."""
    argon_frames(folder)
    (folder / "toy.yaml").write_text(
        HEAD + "splits:\n" + "".join(SPLIT.format(seed) for seed in range(SPLITS))
    )
    ended = running.run(folder, "run", "toy.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    tasks = sorted((folder / "store" / "tasks").iterdir(), key=lambda path: path.stat().st_ctime)
    span = tasks[-1].stat().st_ctime - tasks[0].stat().st_ctime
    bare = by_hand(folder, [path.name for path in tasks[1 : BY_HAND + 1]])
    each = span * SLOTS / SPLITS
    return {"suite_ms": 1000 * each, "bare_ms": 1000 * bare, "overhead_ms": 1000 * (each - bare)}


def by_hand(folder: Path, keys: list[str]) -> float:
    """Seconds of one slot per process that starts Python, does the task's own work, and keeps no record."""
    store = Store(folder / "store")
    tasks = [Task.from_json(read_json(store.task(key) / "task.json")) for key in keys]
    attempts = [store.begin(task) for task in tasks]
    started = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(bare_worker, attempts))
    return (time.perf_counter() - started) * SLOTS / len(attempts)


def bare_worker(attempt: Path) -> None:
    """The verb alone, in the environment the driver would give it."""
    task = Task.from_json(read_json(attempt / "task.json"))
    environment = locate(task.environment, {})
    code = next((attempt.parent.parent / "code").iterdir())
    threads = str(task.parameters.get("threads", 1))
    command = [str(environment.python), "-c", BARE]
    subprocess.run(command, cwd=attempt, env=environ(environment, threads, [code], os.environ), check=True)


def many_tasks(folder: Path) -> dict[str, float]:
    """Seconds of `plan` and `status` of 10,000 tasks, of which as many as possible are committed."""
    argon_frames(folder)
    (folder / "toy.yaml").write_text(MANY)
    first = running.run(folder, "plan", "toy.yaml", "-v")
    assert f"{2 * REPLICAS + 4} tasks" in first.stdout, first.stdout[:500] + first.stderr
    pretend(Store(folder / "store"), folder)
    result = {}
    for verb in ("plan", "status"):
        times = []
        for _ in range(1 if SMALL else 3):
            started = time.perf_counter()
            ended = running.run(folder, verb, "toy.yaml")
            times.append(time.perf_counter() - started)
            assert ended.returncode == 0, ended.stderr
        result[f"{verb}_10000_s"] = statistics.median(times)
    return result


def pretend(store: Store, folder: Path) -> None:
    """Committed folders for every task of the plan: what `status` reads after a long night."""
    words = ["plan", "toy.yaml", "--site", str(folder / "here.yaml"), "--store", str(store.root)]
    options = parser().parse_args(words)
    manifests: dict[str, str] = {}
    for item in Session(folder / "toy.yaml", options).plan:
        consumed = {
            role: {"key": key, "manifest": manifests[key]} for role, key in item.task.upstream.items()
        }
        values = {"outcome": "completed", "frames": 100}
        result = {
            "key": item.key,
            "attempt": f"{item.key}-0",
            "outputs": {},
            "upstream": consumed,
            "values": values,
            "timing": {"wall_s": 1.0},
        }
        manifests[item.key] = manifest(result)
        store.task(item.key).mkdir()
        write_json(store.task(item.key) / "result.json", result | {"manifest": manifests[item.key]})


def second_driver(folder: Path) -> dict[str, float]:
    """Seconds until a second driver on one store is refused."""
    argon_frames(folder)
    (folder / "toy.yaml").write_text(HEAD)
    Store(folder / "store").create()
    with hold(folder / "store"):
        started = time.perf_counter()
        ended = running.run(folder, "run", "toy.yaml")
        seconds = time.perf_counter() - started
    assert "is driven by process" in ended.stderr, ended.stderr
    return {"second_driver_refused_s": seconds}


def measure() -> dict[str, float]:
    """All figures of this file."""
    result: dict[str, float] = {}
    for part in (per_task, many_tasks, second_driver):
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            result |= part(Path(folder))
    return result


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
