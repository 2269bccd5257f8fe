"""Look at a store: folders only, so it works beside a driver, after a crash, from anywhere."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.folder import ENDINGS, SMALL_BYTES, Store, damaged, read_json, write_json
from mlipbench_hpc.contract.task import Task, TaskFailure
from mlipbench_hpc.plan.estimate import estimate, wall
from mlipbench_hpc.plan.graph import Planned, Snapshot, states
from mlipbench_hpc.runtime.display import Running
from mlipbench_hpc.runtime.lock import driven_since

NOTICES = "notices.json"


def snapshot(store: Store, keys: Collection[str]) -> Snapshot:
    """Results, newest failures and running attempts of the tasks in `keys`."""
    wanted = set(keys)
    results = {key: result for key in _names(store.root / "tasks") & wanted if (result := store.result(key))}
    newest = _newest_attempts(store, wanted - set(results))
    failures = {key: record for key, path in newest.items() if (record := read_json(path / "failure.json"))}
    since = driven_since(store.root)
    flying = {} if since is None else {key: path for key, path in newest.items() if _is_running(path, since)}
    spent = {key: seconds for key, result in results.items() if (seconds := _spent(result)) is not None}
    return Snapshot(results, failures, {key: _progress(path) for key, path in flying.items()}, spent)


def snapshot_of(store: Store, plan: Collection[Planned]) -> Snapshot:
    """Snapshot of a whole plan's tasks, with MD of other campaigns."""
    keys = {item.key for item in plan}
    paths = [store.task(name) for name in _names(store.root / "tasks") - keys]
    others = [finished for path in paths if (finished := _finished_md(path))]
    return replace(snapshot(store, keys), others=others)


@cache
def _finished_md(path: Path) -> tuple[Task, float] | None:
    """Task and wall seconds of committed MD; None for anything else. A committed folder is read once."""
    record = read_json(path / "task.json")
    if not isinstance(record, dict) or record.get("verb") != "md":
        return None
    result = read_json(path / "result.json")
    try:
        task, spent = Task.from_json(record), _spent(result) if isinstance(result, dict) else None
    except TaskFailure:
        return None
    return None if spent is None else (task, spent)


def write_notices(store: Store, lines: list[str]) -> None:
    """Leave what the scheduler says of a driver's jobs; a full disk does not end the driver."""
    with suppress(OSError):
        write_json(store.root / NOTICES, {"lines": lines})


def notices(store: Store) -> list[str]:
    """Lines about the jobs of the present driver by the scheduler; none where no driver is at work."""
    lines = (read_json(store.root / NOTICES) or {}).get("lines", [])
    return lines if driven_since(store.root) is not None else []


def running(store: Store, plan: Mapping[str, Planned], keys: Collection[str]) -> list[Running]:
    """Those of `keys` that run now."""
    counts = ("done", "total", "unit")
    return [
        Running(plan[key].task.label, **{name: progress[name] for name in counts if name in progress})
        for key, progress in snapshot(store, keys).running.items()
    ]


def time_left(store: Store, plan: list[Planned], site: Site) -> float:
    """Seconds until all is done, should the site give every slot that it has."""
    seen = snapshot_of(store, plan)
    return wall(plan, estimate(plan, seen, states(plan, seen)).seconds, site)


def changed(store: Store, plan: Iterable[Planned]) -> dict[str, list[str]]:
    """By key of a committed task, its files that are no longer what was committed, of those up to 64 MB."""
    there = [item.key for item in plan if store.task(item.key).exists()]
    return {key: files for key in there if (files := damaged(store.task(key), SMALL_BYTES))}


def settle(store: Store, expand: Callable[[Mapping[str, bool]], list[Planned]]) -> list[Planned]:
    """Expand with every committed decision, until no further one is found."""
    assumed: dict[str, bool] = {}
    while True:
        plan = expand(assumed)
        committed = decisions(store, plan)
        if committed == assumed:
            return plan
        assumed = committed


def decisions(store: Store, plan: Iterable[Planned]) -> dict[str, bool]:
    """Decisions of the committed `decide` tasks of a plan, by key."""
    results = {item.key: store.result(item.key) for item in plan if item.task.verb == "decide"}
    return {key: bool(result["values"]["enough"]) for key, result in results.items() if result}


def earlier(store: Store, plan: Iterable[Planned]) -> dict[str, dict[str, Any]]:
    """task.json by label of committed tasks that are not in the plan, the newest where there are several."""
    keys = {item.key for item in plan}
    others = [store.task(name) / "task.json" for name in _names(store.root / "tasks") - keys]
    dated = sorted((path.stat().st_mtime, path) for path in others if path.exists())
    records = [record for _, path in dated if isinstance(record := read_json(path), dict)]
    return {str(record.get("label")): record for record in records}


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except FileNotFoundError:
        return set()


def _newest_attempts(store: Store, wanted: set[str]) -> dict[str, Path]:
    newest: dict[str, int] = {}
    for name in _names(store.root / "attempts"):
        key, _, number = name.partition("-")
        if key in wanted and number.isdigit():
            newest[key] = max(newest.get(key, 0), int(number))
    return {key: store.root / "attempts" / f"{key}-{number}" for key, number in newest.items()}


def _is_running(attempt: Path, since: float) -> bool:
    """Begun under the present driver (its log is opened when a worker starts) and not ended."""
    try:
        begun = (attempt / "task.json").stat().st_mtime
    except OSError:
        return False
    if begun < since or not (attempt / "log.txt").exists():
        return False
    return not any((attempt / name).exists() for name in ENDINGS)


def _spent(result: Mapping[str, Any]) -> float | None:
    """Wall seconds of a result's attempt and of those before it; None where one of them left no record."""
    timing = result["timing"]
    earlier = timing.get("earlier_wall_s")
    return None if earlier is None else float(timing["wall_s"]) + float(earlier)


def _progress(attempt: Path) -> dict[str, Any]:
    try:
        since = time.time() - (attempt / "task.json").stat().st_mtime
    except OSError:
        since = 0.0
    return {"seconds": since, **(read_json(attempt / "progress.json") or {})}
