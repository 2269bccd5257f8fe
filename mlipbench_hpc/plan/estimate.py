"""How long what is left may take: at the speeds this store has measured, else at those of the cards."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.plan.graph import Planned, Snapshot, State

TO_RUN = ("ready", "waiting", "running", "stale", "failed", "blocked")

# What runs equally fast: a verb, whose model or reference potential it uses, and whether on a GPU.
Speed = tuple[str, str, bool]


@dataclass(frozen=True)
class Estimate:
    """Seconds that each task not yet done may still take, by key; measured: speeds that runs here gave."""

    seconds: Mapping[str, float]
    measured: frozenset[Speed]


def estimate(plan: Sequence[Planned], seen: Snapshot, found: Mapping[str, State]) -> Estimate:
    """A card's seconds times how much longer (or shorter) such tasks took here; minus what runs have done."""
    spent: defaultdict[Speed, float] = defaultdict(float)
    said: defaultdict[Speed, float] = defaultdict(float)
    for item in plan:
        if item.key in seen.spent:
            spent[speed(item)] += seen.spent[item.key]
            said[speed(item)] += item.cost.core_s
    factor = {one: spent[one] / said[one] for one in spent}
    left = {
        item.key: factor.get(speed(item), 1.0) * item.cost.core_s * (1.0 - _part(seen.running.get(item.key)))
        for item in plan
        if found[item.key] in (*TO_RUN, "maybe")
    }
    return Estimate(
        left, frozenset(speed(item) for item in plan if item.key in left and speed(item) in factor)
    )


def speed(item: Planned) -> Speed:
    """The class of tasks that one measured speed stands for."""
    task = item.task
    whose = task.architecture.name if task.architecture else str(task.parameters.get("potential", ""))
    return task.verb, whose, bool(task.resources.gpus)


def wall(plan: Sequence[Planned], seconds: Mapping[str, float], site: Site) -> float:
    """Seconds until all is done when every slot of the site is there: each takes the next ready task."""
    slots, now, ends = Slots(plan, seconds, site), 0.0, list[tuple[float, str]]()
    while True:
        for key in slots.started():
            heapq.heappush(ends, (now + seconds[key], key))
        if not ends:
            return now
        now, key = heapq.heappop(ends)
        slots.end(key)


class Slots:
    """Who may start next, in the plan's order, as slots and upstream tasks allow."""

    def __init__(self, plan: Sequence[Planned], seconds: Mapping[str, float], site: Site) -> None:
        left = [item for item in plan if item.key in seconds]
        self.order = {item.key: place for place, item in enumerate(left)}
        self.kind = {item.key: site.kind_of(item.task.resources.gpus > 0) for item in left}
        self.free = dict(site.slots)
        self.ready: dict[str, list[tuple[int, str]]] = {kind: [] for kind in self.free}
        self.below: defaultdict[str, list[str]] = defaultdict(list)
        self.missing = {item.key: set(item.task.upstream.values()) & self.order.keys() for item in left}
        for key, above in self.missing.items():
            for one in above:
                self.below[one].append(key)
            if not above:
                self._may_start(key)

    def _may_start(self, key: str) -> None:
        heapq.heappush(self.ready[self.kind[key]], (self.order[key], key))

    def started(self) -> Iterator[str]:
        """Fill every free slot."""
        for kind, waiting in self.ready.items():
            while waiting and self.free[kind]:
                self.free[kind] -= 1
                yield heapq.heappop(waiting)[1]

    def end(self, key: str) -> None:
        """Its slot is free, and what waited for it last may start."""
        self.free[self.kind[key]] += 1
        for one in self.below[key]:
            self.missing[one].discard(key)
            if not self.missing[one]:
                self._may_start(one)


def gpu_hours(plan: Sequence[Planned], seconds: Mapping[str, float]) -> float:
    """Of what is left."""
    return sum(seconds[item.key] for item in plan if item.key in seconds and item.task.resources.gpus) / 3600


def core_hours(plan: Sequence[Planned], seconds: Mapping[str, float]) -> float:
    """Of what is left and needs no GPU."""
    rest = [item for item in plan if item.key in seconds and not item.task.resources.gpus]
    return sum(seconds[item.key] * item.task.resources.cores for item in rest) / 3600


def _part(progress: Mapping[str, object] | None) -> float:
    """How much of a running task is done, by its own count."""
    if not progress or "done" not in progress or not progress.get("total"):
        return 0.0
    return min(1.0, float(str(progress["done"])) / float(str(progress["total"])))
