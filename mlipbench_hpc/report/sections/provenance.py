"""Provenance of every number: keys, environments, hashes, versions of packages."""

from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.section import Content, Folded, Section, Table
from mlipbench_hpc.report.text import NOTHING


def build(results: Results) -> Content:
    """Versions by environment, and every task with its hashes."""
    tasks = {item.reported.label: _task_numbers(item) for item in results.items}
    folded = Folded("Every task: key, environment, manifest", [provenance(results)])
    return Content([versions(results), folded], {"tasks": tasks})


def _task_numbers(item: Item) -> dict[str, Any]:
    reported = item.reported
    return {
        "verb": reported.verb,
        "key": reported.key,
        "environment": reported.environment,
        "identity": item.task.get("identity"),
        "status": item.status,
        "failure": None if item.done else reported.failure,
    }


def provenance(results: Results) -> Table:
    """Key, environment and hashes of every task."""
    rows = [
        [
            item.reported.label,
            item.reported.environment,
            str(item.task.get("identity", NOTHING))[:16],
            item.reported.key[:16],
            str(item.result.get("manifest", NOTHING))[:16],
            item.status,
        ]
        for item in results.items
    ]
    caption = "First 16 digits of sha256; complete digests are in results.json."
    return Table(caption, ["task", "environment", "its identity", "key", "manifest", "status"], rows, words=6)


def versions(results: Results) -> Table:
    """Packages that the tasks of each environment loaded."""
    by_environment: dict[str, dict[str, set[str]]] = {}
    for item in results.items:
        for package, version in item.result.get("versions", {}).items():
            by_environment.setdefault(item.reported.environment, {}).setdefault(package, set()).add(version)
    rows = [
        [
            environment,
            ", ".join(f"{package} {'/'.join(sorted(seen))}" for package, seen in sorted(packages.items())),
        ]
        for environment, packages in sorted(by_environment.items())
    ]
    return Table("Packages loaded by the tasks.", ["environment", "versions"], rows, words=2)


SECTION = Section("provenance", "Provenance", 130, build)
