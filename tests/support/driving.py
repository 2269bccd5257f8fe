"""md tasks, of a plugin or of a reference potential, as the worker runs them; stopped and killed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from mlipbench_hpc.contract.folder import Store, outputs
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_INTERRUPTED, Architecture, Potential, Task
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.restart import pack

MD: dict[str, Any] = {
    "seed": 3,
    "replica": 0,
    "temperature": 60.0,
    "timestep": 0.004,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.1, "length": 3},
}
TASK: dict[str, Any] = MD | {
    "engine": "lammps",
    "steps": 120,
    "frame_every": 8,
    "checkpoint_every": 20,
    "fixed_atoms": [0, 3],
    "fixed_layers": None,
    "wall": "start",
    "stability": {"conserved_energy": 0.004, "temperature": 3000.0, "hydrogen_oxygen": None},
    "start_frame": 0,
}
MODEL: dict[str, Any] = {"hyperparameters": {}, "device": "cpu", "dtype": "float64", "threads": 1}
COMPARED = ("trajectory.nc", "thermo.csv", "segments.json", "topology.pdb")
KILLED = """
import os, signal, sys
from pathlib import Path
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.context import Context
left = int(sys.argv[2])
def check(self):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
Context.check = check
attempt(Path(sys.argv[1]), None, commit=True)
"""


def md(
    store: Store, atoms: Atoms, plugin: str | None = "argon", wall: float | None = None, **changes: Any
) -> Task:
    """An md task whose upstream is committed; without a plugin the changes name a `potential`.

    wall: z in Å of the one that the start is built with.
    """

    def commit(verb: str, name: str, save: Any, **values: Any) -> str:
        task = Task(verb, 1, "tests", "0" * 64, values)
        if store.result(task.key) is None:
            save((folder := store.begin(task)) / name)
            head = {"key": task.key, "attempt": folder.name, "values": values, "upstream": {}}
            assert store.commit(folder, {**head, "outputs": outputs(folder)})
        return task.key

    values = {} if wall is None else {"wall_A": wall}
    upstream = {"start": commit("build", "frames.npz", Frames.from_atoms([atoms]).save, **values)}
    if plugin is None:
        name = changes["potential"]
        potential = Potential(name, f"mlipbench_hpc.potentials.{name.replace('-', '_')}", 1)
        return Task("md", 1, "tests", "0" * 64, TASK | changes, upstream, potential=potential)
    upstream["model"] = commit("train", "sites.npy", lambda path: np.save(path, atoms.positions))
    architecture = Architecture(plugin, f"tests.plugins.{plugin}", "0" * 64)
    return Task("md", 1, "tests", "0" * 64, TASK | MODEL | changes, upstream, architecture=architecture)


def run(store: Store, task: Task) -> tuple[dict[str, str], dict[str, Any]]:
    """Digests of the files and the values of an attempt that must succeed."""
    folder = store.begin(task)
    assert attempt(folder, None, commit=True) == EXIT_COMMITTED, (folder / "failure.json").read_text()
    result = store.result(task.key)
    assert result is not None
    committed = store.task(task.key)
    digests = {name: hashlib.sha256((committed / name).read_bytes()).hexdigest() for name in COMPARED}
    return digests, result["values"]


def undisturbed(tmp_path: Path, *given: Any, **changes: Any) -> tuple[dict[str, str], dict[str, Any]]:
    other = Store(tmp_path / "undisturbed")
    other.create()
    return run(other, md(other, *given, **changes))


def kill(folder: Path, after: int) -> None:
    """Run an attempt that vanishes when it is asked for the time for the `after`-th time."""
    command = [sys.executable, "-c", KILLED, str(folder), str(after)]
    ended = subprocess.run(command, check=False, env=os.environ, capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr


def stop(folder: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run an attempt that is asked to end, as by SIGTERM."""
    check, left = Context.check, iter(range(after, -1, -1))

    def counted(context: Context) -> None:
        if next(left) == 0:
            context.stop_asked = "SIGTERM"
        check(context)

    with monkeypatch.context() as patch:
        patch.setattr(Context, "check", counted)
        assert attempt(folder, None, commit=True) == EXIT_INTERRUPTED


def same_bits(through: Engine, fresh: Engine, before: tuple[int, ...], steps: int) -> None:
    """`fresh` goes on from a state of `through` as that itself does, however steps are cut into runs."""
    for count in before:
        through.advance(count)
    fresh.restore(through.state())
    through.forget()
    assert pack(fresh.state()) == pack(through.state())
    for _ in range(steps):
        through.advance(1)
    fresh.advance(steps)
    assert pack(fresh.state()) == pack(through.state())
    assert fresh.steps_done == sum(before) + steps
