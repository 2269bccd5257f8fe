"""Planned tasks, and what state each is in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mlipbench_hpc.architectures.literature import Published
from mlipbench_hpc.contract.task import Task

State = Literal["done", "stale", "failed", "running", "ready", "waiting", "blocked", "maybe"]


@dataclass(frozen=True)
class Cost:
    """An estimate before the fact: core-seconds, bytes and inodes in the store.

    start_s: the core-seconds among them before the work begins, which do not grow with it. step_s: where
    steps of MD are timed, core-seconds of one of them with the start as it is; else 0.
    """

    core_s: float = 1.0
    bytes: int = 20_000
    inodes: int = 5
    start_s: float = 0.0
    step_s: float = 0.0
    published: Published | None = None


@dataclass(frozen=True)
class Planned:
    """A task of the graph, whom it serves, what it may cost, and whether a decision may still prune it."""

    task: Task
    subjects: tuple[Mapping[str, Any], ...]
    cost: Cost = field(default_factory=Cost)
    maybe: bool = False

    @property
    def key(self) -> str:
        return self.task.key


@dataclass(frozen=True)
class Snapshot:
    """Content of a store at one moment, all by task key.

    results: manifest and the manifests consumed; failures: the newest attempt's failure.json;
    running: attempts under a live driver, with their progress (may be empty); spent: wall seconds that all
    attempts of a done task took, where they are known; changed: files of a committed folder that are no
    longer what was committed; others: MD of other campaigns with these seconds.
    """

    results: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    running: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    others: Sequence[tuple[Task, float]] = ()


def states(plan: Iterable[Planned], seen: Snapshot) -> dict[str, State]:
    """The state of every task of a plan in topological order.

    A result whose recorded upstream manifests differ from the present ones is stale, and so is all below it.
    So is a result that was changed after its commit.
    """
    known: dict[str, State] = {}
    for item in plan:
        known[item.key] = _state(item, known, seen)
    return known


def _state(item: Planned, known: Mapping[str, State], seen: Snapshot) -> State:
    upstream = [known[key] for key in item.task.upstream.values()]
    if item.key in seen.running:
        return "running"
    if item.key in seen.results:
        return "done" if is_fresh(item, seen) and all(state == "done" for state in upstream) else "stale"
    if item.key in seen.failures:
        return "failed"
    if item.maybe:
        return "maybe"
    if any(state in ("failed", "blocked") for state in upstream):
        return "blocked"
    return "ready" if all(state == "done" for state in upstream) else "waiting"


def is_fresh(item: Planned, seen: Snapshot) -> bool:
    """True where a result is as it was committed, and consumed exactly what is committed now."""
    if item.key in seen.changed:
        return False
    consumed = seen.results[item.key]["upstream"]
    return all(
        key in seen.results and consumed.get(role, {}).get("manifest") == seen.results[key]["manifest"]
        for role, key in item.task.upstream.items()
    )
