"""Remove what nobody will read again."""

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mlipbench_hpc.contract.folder import Store, furthest_checkpoint, read_json

KEY = re.compile(r"[0-9a-f]{64}")
ATTEMPT = re.compile(r"[0-9a-f]{64}-(stale)?\d+")


def remove_dead(store: Store) -> tuple[int, int]:
    """Remove dead attempts, temporary folders and Parsl's runs; returns (folders, bytes).

    Only names that the suite itself gives are removed. Code copies stay: committed tasks were made by them.
    Of an unfinished task the attempt with the furthest valid checkpoint stays. Hold the lock when calling.
    """
    dead = [*_dead_attempts(store), *(store.root / "parsl").glob("run-*")]
    dead += [path for room in ("inputs", "code") for path in (store.root / room).glob(".*.tmp")]
    dead += (store.root / "attempts").glob(".*.dead")
    size = sum(_size(path) for path in dead)
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return len(dead), size


@dataclass(frozen=True)
class Result:
    """A committed task folder; size in bytes."""

    key: str
    label: str
    size: int


def obsolete(store: Store, needed: Collection[str]) -> list[Result]:
    """Committed results whose keys are not among `needed`, by label."""
    folders = [path for path in (store.root / "tasks").iterdir() if KEY.fullmatch(path.name)]
    results = [
        Result(path.name, str((read_json(path / "task.json") or {}).get("label", "")), _size(path))
        for path in folders
        if path.name not in needed
    ]
    return sorted(results, key=lambda result: (result.label, result.key))


def _dead_attempts(store: Store) -> Iterator[Path]:
    ours = sorted(path for path in (store.root / "attempts").iterdir() if ATTEMPT.fullmatch(path.name))
    for key, group in groupby(ours, key=lambda path: path.name[:64]):
        attempts = list(group)
        furthest = None if store.result(key) else max(attempts, key=_furthest)
        yield from (path for path in attempts if path != furthest or _furthest(path) < 0)


def _furthest(attempt: Path) -> int:
    """Step of the furthest valid checkpoint, or -1."""
    return -1 if "stale" in attempt.name else furthest_checkpoint(attempt)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
