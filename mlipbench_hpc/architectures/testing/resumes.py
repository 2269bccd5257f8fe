"""Interrupted training and MD continue as exactly as the card claims, in a new process too.

Tasks run by the worker as in a campaign: without interruption in one process; and with a stop after the
first checkpoint and a new process for the rest. Checkpoints are written at the same steps in both.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.restart import BITWISE, Claim
from mlipbench_hpc.architectures.testing.frames import REFERENCE, water
from mlipbench_hpc.architectures.testing.subject import Subject
from mlipbench_hpc.contract.folder import Store, outputs, read_json, write_bytes, write_json
from mlipbench_hpc.contract.task import (
    EXIT_COMMITTED,
    EXIT_INTERRUPTED,
    Architecture,
    Interrupted,
    Task,
)
from mlipbench_hpc.data.frames import Floats, concatenate
from mlipbench_hpc.data.trajectory import Trajectory, open_trajectory

STEPS = 24
MD: dict[str, Any] = {
    "seed": 1,
    "replica": 0,
    "temperature": 50.0,
    "timestep": 1e-4,
    "steps": STEPS,
    "frame_every": 2,
    "checkpoint_every": STEPS // 3,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3},
    "fixed_atoms": [0, 1, 2],
    "fixed_layers": None,
    "wall": "none",
    # A model after little training may be unstable, but has to do the same both times.
    "stability": {"conserved_energy": 1e6, "temperature": 1e9, "hydrogen_oxygen": None, "contact": None},
    "start_frame": 0,
}
# Folder of an attempt, and True where it stops at its first checkpoint.
Attempt = tuple[str, bool]
# Every process is forked from this one, which only imports the engine; a single one needs no fork. Arguments:
# the adapter's module, attempts by process as [[[folder, True for a stop at its first checkpoint], …], …], a
# file to which exit codes are added.
ATTEMPTS = """
import importlib, json, os, sys
from pathlib import Path
from mlipbench_hpc.contract.folder import furthest_checkpoint
from mlipbench_hpc.worker import md, train
from mlipbench_hpc.worker.__main__ import attempt, leave
from mlipbench_hpc.worker.context import Context

check = Context.check

def check_and_stop(context):
    if furthest_checkpoint(context.folder) >= 0:
        context.stop_asked = "test"
    check(context)

def run(jobs):
    codes = []
    for folder, stops in jobs:
        Context.check = check_and_stop if stops else check
        codes.append(attempt(Path(folder), None, commit=True))
    return codes

adapter, parts, answer = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
importlib.import_module(adapter)
threads = len(os.listdir("/proc/self/task"))
if len(parts) > 1 and threads > 1:
    sys.exit(f"{adapter} starts {threads - 1} threads when it is imported: state `forks = False`")
for jobs in parts:
    if len(parts) > 1 and (child := os.fork()):
        os.waitpid(child, 0)
        continue
    codes = run(jobs)
    with answer.open("a") as lines:
        lines.writelines(f"{code}\\n" for code in codes)
    leave(0)
leave(0)
"""


@dataclass(frozen=True)
class Run:
    """One task in two stores: without interruption in `whole`, with one in `parts`."""

    task: Task
    whole: Store
    parts: Store

    @classmethod
    def begin(cls, root: Path, files: Mapping[str, Mapping[str, bytes]], draft: Callable[..., Task]) -> "Run":
        """files: outputs of the upstream task of each role. draft: function from their keys to the task."""
        stores = Store(root / "whole"), Store(root / "parts")
        for store in stores:
            store.create()
            keys = {role: commit(store, role, content) for role, content in files.items()}
            task = draft(keys)
        for store in (stores[0], stores[1], stores[1]):
            store.begin(task)
        return cls(task, *stores)

    def jobs(self) -> list[Attempt]:
        """Attempts in their order, and True for those that stop at their first checkpoint."""
        folders = [*self.whole.attempts(self.task.key), *self.parts.attempts(self.task.key)]
        return [(str(folder), number == 1) for number, folder in enumerate(folders)]

    def results(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Committed results: without interruption, and with one."""
        whole, parts = (read_json(folder / "result.json") for folder in self.folders())
        return whole, parts

    def folders(self) -> tuple[Path, Path]:
        """Committed folders: without interruption, and with one."""
        return self.whole.task(self.task.key), self.parts.task(self.task.key)

    def began_at(self) -> float:
        """Number of steps (epochs) that the last attempt continued from."""
        progress = read_json(self.parts.task(self.task.key) / "progress.json")
        return float(progress["from"]) - 1.0


def processes(runs: Sequence[Sequence[Attempt]], shared: bool) -> list[list[Attempt]]:
    """Attempts of all runs by process: each by itself; or shared, those after an interruption in the second.

    Nothing that a process knows then outlives an interruption, as where each attempt is a process of its own.
    """
    if not shared:
        return [[attempt] for run in runs for attempt in run]
    first = [attempt for run in runs for attempt in run[:-1]]
    return [first, [run[-1] for run in runs]]


def commit(store: Store, role: str, files: Mapping[str, bytes]) -> str:
    """Commit a task with these outputs; returns its key."""
    task = Task(role, 1, "tests", "0" * 64, {})
    folder = store.begin(task)
    for name, content in files.items():
        write_bytes(folder / name, content)
    result = {"key": task.key, "attempt": folder.name, "values": {}, "upstream": {}}
    store.commit(folder, {**result, "outputs": outputs(folder)})
    return task.key


def process(*words: str, folder: Path, code: int = EXIT_COMMITTED) -> str:
    """Run Python on one thread with this process's path; returns what it prints.

    Raises AssertionError with its output for another exit code than `code`.
    """
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


def force_deviation(whole: Evaluator, parts: Evaluator) -> float:
    """Largest difference of two models' forces on frames that neither was trained on, over their rms."""
    forces, others = (model.evaluate(water(3, seed=30), 1)[1] for model in (whole, parts))
    return float(np.abs(others - forces).max() / np.sqrt(np.mean(forces**2)))


def path_deviation(whole: Trajectory, parts: Trajectory) -> float:
    """Largest difference of two trajectories' positions, over the largest displacement from the start."""
    positions, others = (np.asarray(run.positions, dtype=float) for run in (whole, parts))
    if positions.shape != others.shape:
        return float("inf")
    path: Floats = positions - positions[0]
    return float(np.abs(others - positions).max() / np.abs(path).max())


class Resumes(Subject):
    """Part of Conformance: the card's claims under `restart` hold on one CPU thread."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(
        cls, trained: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
    ) -> dict[tuple[str, ...], Run]:
        """Trainings by (dtype,), MD by (dtype, engine): finished in one store, interrupted in the other."""
        root = tmp_path_factory.mktemp("resumes")
        runs: dict[tuple[str, ...], Run] = {}
        for dtype in cls.card().dtypes:
            runs[dtype,] = cls.training(root / dtype, dtype)
            for engine in cls.card().engines:
                folder = cls.model_folder(trained, dtype)
                runs[dtype, engine] = cls.md(root / f"{dtype}-{engine}", dtype, engine, folder)
        parts = processes([run.jobs() for run in runs.values()], cls.compiles)
        codes = cls.attempt([parts] if cls.forks else [[part] for part in parts], root)
        expected = [EXIT_INTERRUPTED if stops else EXIT_COMMITTED for part in parts for _, stops in part]
        assert codes == expected, failures(root)
        return runs

    @classmethod
    def attempt(cls, groups: list[list[list[Attempt]]], root: Path) -> list[int]:
        """Exit codes of all attempts, by process; processes of a group import the engine once."""
        answer = root / "codes"
        for parts in groups:
            process("-c", ATTEMPTS, cls.adapter.__name__, json.dumps(parts), str(answer), folder=root)
        return [int(line) for line in answer.read_text().splitlines()]

    @classmethod
    def training(cls, root: Path, dtype: str) -> Run:
        """Training task on the frames of `job`."""
        job = cls.job(root)
        concatenate([job.train, job.validation]).save(root / "frames.npz")
        count, together = len(job.train), len(job.train) + len(job.validation)
        split = {
            "members": [list(range(count))],
            "validation": list(range(count, together)),
            "reference_energies": {str(number): energy for number, energy in REFERENCE.items()},
        }
        write_json(root / "split.json", split)
        files = {name: {f"{name}.{kind}": (root / f"{name}.{kind}").read_bytes()}
                 for name, kind in (("frames", "npz"), ("split", "json"))}  # fmt: skip
        parameters = {"member": 0, "seed": job.seed, **cls.model_parameters(dtype)}
        return Run.begin(root / "stores", files, lambda keys: cls.task("train", parameters, keys))

    @classmethod
    def md(cls, root: Path, dtype: str, engine: str, model: Path) -> Run:
        """MD task of a trained model."""
        root.mkdir()
        water(1, seed=31).save(root / "frames.npz")
        files = {
            "start": {"frames.npz": (root / "frames.npz").read_bytes()},
            "model": {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()},
        }
        parameters = MD | cls.model_parameters(dtype) | {"engine": engine}
        return Run.begin(root / "stores", files, lambda keys: cls.task("md", parameters, keys))

    @classmethod
    def model_parameters(cls, dtype: str) -> dict[str, Any]:
        """Parameters common to tasks that use a model."""
        chosen = cls.hyperparameters()
        return {"hyperparameters": chosen, "dtype": dtype, "device": "cpu", "threads": 1}

    @classmethod
    def task(cls, verb: str, parameters: dict[str, Any], upstream: dict[str, str]) -> Task:
        """Task of this architecture."""
        module = cls.adapter.__name__.removesuffix(".adapter")
        architecture = Architecture(cls.card().name, module, "0" * 64)
        return Task(verb, 1, "tests", "0" * 64, parameters, upstream, architecture=architecture)

    def test_a_training_goes_on_in_a_new_process(self, runs: dict[tuple[str, ...], Run], dtype: str) -> None:
        run = runs[dtype,]
        assert run.began_at() == 1
        chosen = self.hyperparameters()

        def deviation() -> float:
            whole, parts = (self.adapter.load(folder, chosen, "cpu", dtype) for folder in run.folders())
            return force_deviation(whole, parts)

        check_claim(self.card().restart.training, run, deviation)

    def test_md_goes_on_in_a_new_process(
        self, runs: dict[tuple[str, ...], Run], dtype: str, engine: str
    ) -> None:
        run = runs[dtype, engine]
        assert run.began_at() >= MD["checkpoint_every"]

        def deviation() -> float:
            whole, parts = (open_trajectory(folder / "trajectory.nc") for folder in run.folders())
            return path_deviation(whole, parts)

        check_claim(self.card().restart.md, run, deviation)

    def test_a_training_goes_on_after_two_interruptions(
        self, trained: dict[str, Path], tmp_path: Path, dtype: str
    ) -> None:
        """Training continues in one process, whose random state changes in between."""
        checkpoint, folder = tmp_path / "checkpoint", tmp_path / "model"
        checkpoint.mkdir()

        def save(epoch: int, files: dict[str, bytes]) -> None:
            for name, content in files.items():
                (checkpoint / name).write_bytes(content)

        for last in (1, 3):
            resume = checkpoint if last > 1 else None
            report = stop_after(last)
            with pytest.raises(Interrupted):
                self.adapter.train(self.job(folder, dtype=dtype, save=save, report=report, resume=resume))
            self.disturb(last)
        assert list(folder.iterdir()) == []
        rows: list[dict[str, float]] = []
        self.adapter.train(self.job(folder, dtype=dtype, resume=checkpoint, report=rows.append))
        assert [row["epoch"] for row in rows] == list(range(4, self.small["epochs"] + 1))
        if self.card().restart.training == BITWISE:
            for path in trained[dtype].iterdir():
                assert (folder / path.name).read_bytes() == path.read_bytes(), path.name


def check_claim(claim: Claim, run: Run, deviation: Callable[[], float]) -> None:
    """Compare an interrupted run with the same one without; raises AssertionError."""
    whole, parts = run.results()
    if isinstance(claim, str):
        digests = [
            {name: entry["sha256"] for name, entry in result["outputs"].items()} for result in (whole, parts)
        ]
        assert digests[1] == digests[0]
        assert parts["values"] == whole["values"]
    else:
        assert deviation() <= claim


def failures(root: Path) -> str:
    """Messages of all failed attempts below a folder."""
    paths = sorted(root.rglob("failure.json"))
    return "\n".join(str(read_json(path)["message"]) for path in paths) or "no attempt has failed"


def stop_after(last: int) -> Callable[[dict[str, float]], None]:
    """Report function that stops the training after epoch `last`."""

    def report(row: dict[str, float]) -> None:
        if row["epoch"] == last:
            raise Interrupted("test")

    return report
