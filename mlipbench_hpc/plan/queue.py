"""Which tasks may start next: in the plan's order, once all that they consume is done."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Sequence

from mlipbench_hpc.campaign.site import LocalSite, Site
from mlipbench_hpc.contract.verbs import verb_of
from mlipbench_hpc.plan.graph import Planned


class ReadyQueue:
    """The tasks that are left, by kind of node; a task is ready when no task that is left comes before it.

    On a site of one machine those that run alone (see Verb) come last, one by one.
    """

    def __init__(self, left: Sequence[Planned], site: Site, busy: Collection[str] = ()) -> None:
        """left: in the plan's order. busy: keys of those that run, or that nobody may start again."""
        self._place = {item.key: place for place, item in enumerate(left)}
        self._kind = {item.key: site.kind_of(item.task.resources.gpus > 0) for item in left}
        single = isinstance(site, LocalSite)
        self._alone = {item.key for item in left if single and verb_of(item.task.verb).alone}
        self._ready: dict[str, list[tuple[bool, int, str]]] = {kind: [] for kind in site.slots}
        self._below: defaultdict[str, list[str]] = defaultdict(list)
        self._above = {item.key: set(item.task.upstream.values()) & self._place.keys() for item in left}
        for key, above in self._above.items():
            for upstream in above:
                self._below[upstream].append(key)
            if not above and key not in busy:
                self.put(key)

    def put(self, key: str) -> None:
        """This task may start, or start again."""
        heapq.heappush(self._ready[self._kind[key]], (key in self._alone, self._place[key], key))

    def first(self, kind: str, flying: Collection[str] = ()) -> str | None:
        """The next task for such a node beside the tasks `flying` there; it stays in the queue."""
        if not self._ready[kind]:
            return None
        *_, key = self._ready[kind][0]
        return None if flying and not self._alone.isdisjoint({key, *flying}) else key

    def take(self, kind: str) -> str:
        """The next task for such a node, no longer in the queue."""
        *_, key = heapq.heappop(self._ready[kind])
        return key

    def end(self, key: str) -> None:
        """A task is done: those become ready that waited for it alone."""
        self._above.pop(key, None)
        for below in self._below.pop(key, ()):
            self._above[below].discard(key)
            if not self._above[below]:
                self.put(below)

    @property
    def is_any_ready(self) -> bool:
        """True where a task may start, on whatever node."""
        return any(self._ready.values())

    @property
    def left(self) -> int:
        """Tasks that are not done."""
        return len(self._above)
