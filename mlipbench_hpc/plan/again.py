"""Why tasks run again that were committed under another key before."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlipbench_hpc.contract.task import SCHEMA
from mlipbench_hpc.plan.estimate import TO_RUN
from mlipbench_hpc.plan.graph import Planned, State

SHOWN = 4


def lines(plan: Sequence[Planned], states: Mapping[str, State], earlier: Mapping[str, Any]) -> list[str]:
    """One line for each verb and cause. earlier: task.json by label of committed tasks outside the plan."""
    causes = Counter(
        (item.task.verb, "; ".join(differences(earlier[item.task.label], item)))
        for item in plan
        if states[item.key] in TO_RUN and item.task.label in earlier
    )
    if not causes:
        return []
    rows = [f"  {count} {verb}: {cause}" for (verb, cause), count in causes.items()]
    return ["to run, though tasks of the same name are committed under other keys:", *rows]


def differences(record: Mapping[str, Any], item: Planned) -> list[str]:
    """Parts of a committed task's key that differ now; upstream tasks only where nothing else does."""
    if record.get("schema") != SCHEMA:
        return [f"keys of an earlier version of this suite (schema {record.get('schema')}, now {SCHEMA})"]
    now = item.task.to_json()
    own = [*_versions(record, now), *_identity(record, now), *_parameters(record, now)]
    own += ["the data changed"] if record["inputs"] != now["inputs"] else []
    return own or ["tasks that it consumes run again"]


def _versions(record: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if record["version"] != now["version"]:
        yield f"version of {now['verb']} is {_short(now['version'])}, was {_short(record['version'])}"
    for kind in ("architecture", "potential"):
        yield from _adapters(kind, record.get(kind) or {}, now[kind] or {})


def _adapters(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("name") != after.get("name"):
        yield f"{kind} is {after.get('name')}, was {before.get('name')}"
    elif before.get("version") != after.get("version"):
        versions = f"{_short(after['version'])}, was {_short(before['version'])}"
        yield f"version of {kind} {after['name']} is {versions}"


def _short(version: int | str) -> str:
    """A digest stands for source code that verbs.lock does not record."""
    return str(version) if isinstance(version, int) else f"unrecorded source {version[:12]}"


def _identity(record: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if record["identity"] != now["identity"]:
        yield f"environment {now['environment']} changed"


def _parameters(record: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    before, after = _flat(record["parameters"]), _flat(now["parameters"])
    changed = [
        f"{name} {before.get(name, 'absent')} → {after.get(name, 'absent')}"
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        yield f"parameters changed: {', '.join(changed[:SHOWN])}{more}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """JSON of values by dotted name: 5 and 5.0 make different keys, the order of names does not."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = json.dumps(value, sort_keys=True)
    return flat
