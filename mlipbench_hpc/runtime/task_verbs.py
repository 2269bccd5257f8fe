"""`mlipbench task show KEY` and `task run KEY`: one task, without Parsl or a scheduler."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.runtime.trouble import Trouble


def add_verbs(verbs: Any, add_place: Callable[[Any], None]) -> None:
    """`task show` and `task run` on the command line."""
    task = verbs.add_parser("task", help="look at one task, or run it by hand").add_subparsers(required=True)
    for name, function, text in (("show", show, "its task.json and folders"), ("run", run, "run it here")):
        parser = task.add_parser(name, help=text, description=text)
        parser.add_argument("key", help="the first characters of its key")
        parser.set_defaults(function=function, campaign=Path())
        add_place(parser)


def show(session: Any) -> int:
    record, folders = pick(session)
    print(json.dumps(record, indent=1, ensure_ascii=False))
    print(f"state: {'done' if session.store.result(folders[0].name[:64]) else 'not done'}")
    for folder in folders:
        print(f"folder: {folder} ({', '.join(sorted(path.name for path in folder.iterdir()))})")
    return 0


def run(session: Any) -> int:
    """Run one task here and now, without Parsl; a committed one is made again beside it and compared."""
    from mlipbench_hpc.runtime.byhand import rerun
    from mlipbench_hpc.runtime.places import locate_again

    with session.hold():
        task = Task.from_json(pick(session)[0])
        environment = locate_again(task, session.site, session.store.root / "facts")
        if environment.identity != task.identity:
            raise Trouble(f"environment `{task.environment}` is not the one this task was planned with")
        require_present_source(session, task)
        return rerun(session.store, task, environment, session.architectures.values())


def require_present_source(session: Any, task: Task) -> None:
    """Raise Trouble where the code here is not that of the task's key: its result would not belong to it."""
    from mlipbench_hpc.contract.versions import verb_versions
    from mlipbench_hpc.data.framewise import foreign_versions

    versions = [(f"verb {task.verb}", task.version, verb_versions().get(task.verb))]
    if adapter := task.architecture:
        present = session.architectures.get(adapter.name)
        versions.append((f"architecture {adapter.name}", adapter.version, present and present.version))
    observables = task.parameters.get("observables", {}).items()
    versions += [
        (f"observable {name}", planned, foreign_versions().get(name)) for name, planned in observables
    ]
    for name, planned, here in versions:
        if planned != here:
            raise Trouble(
                f"{name} is at version {here} here, the task was planned with {planned}: plan again"
            )


def pick(session: Any) -> tuple[dict[str, Any], list[Path]]:
    """task.json and folders of the one task ever begun here whose key begins with what was typed.

    The record may be one of an earlier version of this suite.
    """
    typed = session.options.key
    found = [path for room in ("attempts", "tasks") for path in (session.store.root / room).glob(f"{typed}*")]
    keys = {path.name[:64] for path in found}
    if len(keys) != 1 or not typed.isalnum():
        raise Trouble(f"{len(keys)} tasks of {session.store.root} have a key that begins with `{typed}`")
    return read_json(found[-1] / "task.json") or {}, found
