"""Committed tasks that some other verb is supposed to have made."""

from typing import Any

from mlipbench_hpc.contract.folder import Store, outputs
from mlipbench_hpc.contract.task import Task


def commit(store: Store, verb: str, values: dict[str, Any], files: dict[str, bytes] | None = None) -> str:
    """A committed task that some other verb is supposed to have made; returns its key."""
    task = Task(verb, 1, "tests", "0" * 64, {"of": len(list(store.root.glob("tasks/*")))})
    folder = store.begin(task)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    result = {
        "key": task.key,
        "attempt": folder.name,
        "values": values,
        "outputs": outputs(folder),
        "upstream": {},
    }
    assert store.commit(folder, result)
    return task.key
