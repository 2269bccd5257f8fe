"""One task without Parsl: what `mlipbench task run KEY` does."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from mlipbench_hpc.architectures.card import Found
from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.code import stage
from mlipbench_hpc.runtime.container import argv, environ
from mlipbench_hpc.runtime.environments import Environment


def rerun(store: Store, task: Task, environment: Environment, found: Iterable[Found]) -> int:
    """Run `task` in a fresh attempt and commit it; when it is committed already, compare and discard.

    Returns the worker's exit code, or 1 when a remake differs from what is committed.
    """
    committed = store.result(task.key)
    attempt = store.begin(task)
    variables = environ(environment, task, stage(store.root, found), dict(os.environ))
    command = argv(environment, commit=committed is None)
    print(f"cd {attempt}\nPYTHONPATH={variables['PYTHONPATH']} {' '.join(command)}", flush=True)
    code = subprocess.run(command, cwd=attempt, env=variables, check=False).returncode
    if committed is None or code != 0:
        print(f"ended with {code}: {store.task(task.key) if code == 0 else attempt}")
        return code
    return _compare(attempt, committed["outputs"])


def _compare(attempt: Path, before: dict[str, dict[str, object]]) -> int:
    now = (read_json(attempt / "result.json") or {})["outputs"]
    different = sorted(name for name in set(before) | set(now) if before.get(name) != now.get(name))
    if different:
        print(f"made again, DIFFERENT from the committed one: {', '.join(different)}; kept in {attempt}")
        return 1
    shutil.rmtree(attempt)
    print(f"made again, identical to the committed one: {len(now)} outputs")
    return 0
