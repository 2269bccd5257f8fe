"""One task without Parsl: what `mlipbench task run KEY` does."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.card import InstalledArchitecture
from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.potentials.card import InstalledPotential
from mlipbench_hpc.runtime.code import stage
from mlipbench_hpc.runtime.container import Place, command
from mlipbench_hpc.runtime.environments import Environment
from mlipbench_hpc.runtime.images import Image

Adapter = InstalledArchitecture | InstalledPotential


def rerun(store: Store, task: Task, environment: Environment | Image, adapters: Iterable[Adapter]) -> int:
    """Run `task` in a fresh attempt and commit it; when it is committed already, compare and discard.

    Returns the worker's exit code, or 1 when a remake differs from what is committed.
    """
    committed = store.result(task.key)
    attempt = store.begin(task)
    place = Place(store.root, attempt, stage(store.root, adapters))
    start = command(environment, task, place, os.environ, commit=committed is None)
    shown = "" if start.contained else f"PYTHONPATH={start.environ['PYTHONPATH']} "
    print(f"cd {attempt}\n{shown}{shlex.join(start.argv)}", flush=True)
    code = subprocess.run(start.argv, cwd=attempt, env=start.environ, check=False).returncode
    if committed is None or code != 0:
        print(f"ended with {code}: {store.task(task.key) if code == 0 else attempt}")
        return code
    return _compare(attempt, committed)


def _compare(attempt: Path, committed: Mapping[str, Any]) -> int:
    """0 where outputs and values are those of the committed result; else the attempt stays beside it."""
    now = read_json(attempt / "result.json") or {}
    different = [
        name
        for part in ("outputs", "values")
        for name in sorted({*committed[part], *now[part]})
        if committed[part].get(name) != now[part].get(name)
    ]
    if different:
        print(f"made again, DIFFERENT from the committed one: {', '.join(different)}; kept in {attempt}")
        return 1
    shutil.rmtree(attempt)
    counts = f"{len(now['outputs'])} outputs, {len(now['values'])} values"
    print(f"made again, identical to the committed one: {counts}")
    return 0
