"""Which source decides a verb's numbers, and whether its version was looked at since that source changed.

`python tests/closure.py` shows verbs whose source changed. After looking, either
`python tests/closure.py accept VERB …` (numbers are the same) or `… bump VERB …` (they may differ: every
result of that verb will be made anew).
"""

import ast
import json
import sys
from pathlib import Path

from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.contract.versions import LOCK

PACKAGE = LOCK.parent
VERBS = (
    "build", "label", "dipole", "split", "visibility", "train", "evaluate", "calibrate", "md", "decide",
    "analyse", "reevaluate", "reweight",
)  # fmt: skip
# How a worker is started, stopped and committed decides no number; adapters have digests of their own.
OUTSIDE = ("mlipbench_hpc.contract", "mlipbench_hpc.worker.context", "mlipbench_hpc.architectures")


def module_file(module: str) -> Path | None:
    path = PACKAGE.parent / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def imported(tree: ast.AST) -> set[str]:
    """Modules of this package that a source may import, whether at the top or inside a function."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("mlipbench_hpc.") and not name.startswith(OUTSIDE)}


def meaning(tree: ast.Module) -> str:
    """The source without comments, layout and docstrings."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


def closure(verb: str) -> str:
    """Digest of the meaning of every module a verb's module reaches."""
    found: dict[str, str] = {}
    waiting = [f"mlipbench_hpc.worker.{verb}"]
    while waiting:
        module = waiting.pop()
        file = module_file(module)
        if file is None or module in found:
            continue
        tree = ast.parse(file.read_text())
        waiting += sorted(imported(tree))
        found[module] = meaning(tree)
    return digest(found)


def changed() -> list[str]:
    """Verbs whose source is not the one their version was last looked at with."""
    lock = json.loads(LOCK.read_text())
    return [verb for verb in VERBS if lock.get(verb, {}).get("digest") != closure(verb)]


def accept(verbs: list[str], bump: bool) -> None:
    lock = json.loads(LOCK.read_text())
    for verb in verbs:
        before = lock.get(verb, {"version": 1, "digest": ""})
        lock[verb] = {"version": before["version"] + bump, "digest": closure(verb)}
    LOCK.write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] in (["accept"], ["bump"]):
        accept(sys.argv[2:] or changed(), bump=sys.argv[1] == "bump")
    print("\n".join(changed()) or "every verb's version was looked at")
