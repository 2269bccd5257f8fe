"""`mlipbench task show KEY` and `task run KEY`: one task, without Parsl or a scheduler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.cli.options import add_lock, add_place
from mlipbench_hpc.contract.folder import Store, damaged, read_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.potentials.card import InstalledPotential
from mlipbench_hpc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers


def add_verbs(verbs: Subparsers) -> None:
    """Both verbs."""
    text = "look at one task, or run it alone"
    task = verbs.add_parser("task", help=text, description=text).add_subparsers(required=True)
    for name, function, text in (("show", show, "its task.json and folders"), ("run", run, "run it here")):
        parser = task.add_parser(name, help=text, description=text)
        parser.add_argument("key", help="the first characters of its key")
        parser.set_defaults(function=function)
        add_place(parser)
        if function is run:
            add_lock(parser)


def show(session: Session) -> int:
    record, folders = pick(session)
    print(json.dumps(record, indent=1, ensure_ascii=False))
    print(f"state: {state(session.store, folders[0].name[:64])}")
    for folder in folders:
        print(f"folder: {folder} ({', '.join(sorted(path.name for path in folder.iterdir()))})")
    return 0


def state(store: Store, key: str) -> str:
    """State of a task by its committed folder, every file of which is read."""
    if not store.result(key):
        return "not done"
    files = damaged(store.task(key))
    return f"changed after its commit: {', '.join(files)}" if files else "done"


def run(session: Session) -> int:
    """Run one task here and now, without Parsl; a committed one is made again beside it and compared."""
    from mlipbench_hpc.runtime.places import locate_again
    from mlipbench_hpc.runtime.rerun import rerun

    with session.lock():
        task = with_adapter(Task.from_json(pick(session)[0]), session.potentials)
        environment = locate_again(task, session.site, session.store.root / "facts")
        if environment.identity != task.identity:
            raise Trouble(f"environment `{task.environment}` is not the one this task was planned with")
        require_present_source(session, task)
        return rerun(session.store, task, environment, session.adapters)


def with_adapter(task: Task, potentials: Mapping[str, InstalledPotential]) -> Task:
    """The task with the adapter of its reference potential, which records of earlier versions do not name.

    Raises Trouble where its key would be another one.
    """
    name = str(task.parameters.get("potential"))
    if task.potential or name not in potentials:
        return task
    complete = replace(task, potential=potentials[name].adapter)
    if complete.key != task.key:
        raise Trouble(f"the source of the reference potential {name} has changed since: plan again")
    return complete


def require_present_source(session: Session, task: Task) -> None:
    """Raise Trouble where the code here is not that of the task's key: its result would not belong to it."""
    from mlipbench_hpc.architectures.kernel import computing
    from mlipbench_hpc.contract.versions import Version, verb_versions
    from mlipbench_hpc.data.framewise import foreign_versions

    versions: list[tuple[str, Version, Version | None]] = [
        (f"verb {task.verb}", task.version, verb_versions().get(task.verb))
    ]
    if adapter := task.architecture:
        present = computing(session.architectures, adapter.name)
        versions.append(
            (f"architecture {adapter.name}", adapter.version, present.version if present else None)
        )
    if potential := task.potential:
        installed = session.potentials.get(potential.name)
        label = f"reference potential {potential.name}"
        versions.append((label, potential.version, installed.adapter.version if installed else None))
    versions += [
        (f"observable {name}", planned, foreign_versions().get(name))
        for name, planned in task.parameters.get("observables", {}).items()
    ]
    for name, planned, here in versions:
        if planned != here:
            raise Trouble(
                f"{name} is at version {here} here, the task was planned with {planned}: plan again"
            )


def pick(session: Session) -> tuple[dict[str, Any], list[Path]]:
    """task.json and folders of the one task ever begun here whose key begins with what was typed.

    The record may be one of an earlier version of this suite.
    """
    typed = session.options.key
    folders = [
        path for room in ("attempts", "tasks") for path in (session.store.root / room).glob(f"{typed}*")
    ]
    keys = {path.name[:64] for path in folders}
    if len(keys) != 1 or not typed.isalnum():
        raise Trouble(f"{len(keys)} tasks of {session.store.root} have a key that begins with `{typed}`")
    return read_json(folders[-1] / "task.json") or {}, folders
