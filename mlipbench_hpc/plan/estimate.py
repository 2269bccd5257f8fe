"""Time that the tasks left may take: at the speeds this store has measured, else at those of the cards."""

import heapq
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, NamedTuple

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.plan.graph import Planned, Snapshot, State
from mlipbench_hpc.plan.queue import ReadyQueue

TO_RUN = ("ready", "waiting", "running", "stale", "failed", "blocked")
# Share of a task's time by its law beyond which it is work, not start-up, that is measured.
LEAST_WORK = 0.5
ANY = "any model"
_End = tuple[float, str, str]  # When a task ends, its key and the kind of its node.
# measured: such tasks with this very model ran here. scaled: tasks with another of its architecture did.
Source = Literal["measured", "scaled", "card"]


class Speed(NamedTuple):
    """Tasks that one law of cost describes: verb, model or reference potential, on a GPU or not, cores."""

    verb: str
    whose: str
    on_gpu: bool
    cores: int = 1

    @property
    def words(self) -> str:
        return " ".join(filter(None, self[:2]))


@dataclass(frozen=True)
class Estimate:
    """Seconds that each task not yet done may still take, and where its speed comes from, both by key.

    What no GPU has run counts as on one CPU core, which can only be too much (see `unmeasured_on_gpu`).
    """

    seconds: Mapping[str, float]
    sources: Mapping[str, Source]


def estimate(plan: Sequence[Planned], seen: Snapshot, states: Mapping[str, State]) -> Estimate:
    """A task's law of cost times how much longer or shorter such tasks took here; minus what runs have done.

    A factor measured on one model holds for another of the same architecture, verb and device only because it
    is relative to the law, which knows the two models' sizes. Tasks that mostly start up say nothing of those
    that mostly work, nor the reverse.
    """
    speeds = _Speeds(plan, seen)
    left = [item for item in plan if states[item.key] in (*TO_RUN, "maybe")]
    factors = {item.key: speeds.factor(item) for item in left}
    seconds = {
        item.key: factors[item.key][1] * item.cost.core_s * (1.0 - _part(seen.running.get(item.key)))
        for item in left
    }
    return Estimate(seconds, {key: source for key, (source, _) in factors.items()})


class _Speeds:
    """Ratios of the time that finished tasks took to that of their laws: by model, and by architecture.

    A step that a `speed` task timed counts as one of MD, so little that finished runs decide where there are
    some. MD of other campaigns counts where this one has MD of the same model from the same start.
    """

    def __init__(self, plan: Sequence[Planned], seen: Snapshot) -> None:
        self.pairs: defaultdict[tuple[Speed, bool, str], list[tuple[float, float]]] = defaultdict(list)
        for item in plan:
            if item.key in seen.spent:
                self._add(item, speed(item), _works(item), seen.spent[item.key], item.cost.core_s)
            if step_s := timed_step(item, seen):
                steps = speed(item)._replace(verb="md")
                self._add(item, steps, True, step_s, item.cost.step_s)
        twins = {_system(item): item for item in plan if item.task.verb == "md"}
        for task, spent in seen.others:
            if twin := twins.get(_system(Planned(task, ()))):
                item = _of_length(twin, task)
                self._add(item, speed(item), _works(item), spent, item.cost.core_s)

    def _add(self, item: Planned, of: Speed, works: bool, spent: float, law_s: float) -> None:
        for model in (_model(item), ANY):
            self.pairs[of, works, model].append((spent, law_s))

    def factor(self, item: Planned) -> tuple[Source, float]:
        """Where a task's speed comes from, and its seconds over those of its law."""
        sources: tuple[tuple[Source, str], ...] = (("measured", _model(item)), ("scaled", ANY))
        for source, model in sources:
            if pairs := self.pairs.get((speed(item), _works(item), model)):
                return source, sum(spent for spent, _ in pairs) / sum(law_s for _, law_s in pairs)
        return "card", 1.0


def timed_step(item: Planned, seen: Snapshot) -> float | None:
    """Seconds of a step of MD that a `speed` task has measured with its start as it is; None without."""
    sizes = seen.results.get(item.key, {}).get("values", {}).get("sizes")
    return median(sizes[0]["seconds_per_step"]) if sizes and item.cost.step_s else None


def _system(item: Planned) -> tuple[Speed, str, str]:
    """All that sets the law's time of a step of MD."""
    return speed(item), _model(item), item.task.upstream.get("start", "")


def _of_length(twin: Planned, task: Task) -> Planned:
    """A task of MD whose law differs from that of its twin by the number of steps alone."""
    start_s, work_s = twin.cost.start_s, twin.cost.core_s - twin.cost.start_s
    core_s = start_s + work_s * task.parameters["steps"] / twin.task.parameters["steps"]
    return Planned(task, (), replace(twin.cost, core_s=core_s))


def _works(item: Planned) -> bool:
    """True where a task, by its law, mostly works rather than starts up."""
    return item.cost.core_s - item.cost.start_s >= LEAST_WORK * item.cost.core_s


def speed(item: Planned) -> Speed:
    """The class of tasks that one law of cost describes."""
    task = item.task
    whose = task.architecture.name if task.architecture else str(task.parameters.get("potential", ""))
    return Speed(task.verb, whose, bool(task.resources.gpus), task.resources.cores)


def _model(item: Planned) -> str:
    """All of a task's parameters that set its model's speed; empty without a model."""
    names = ("hyperparameters", "dtype", "engine")
    return json.dumps([item.task.parameters.get(name) for name in names], sort_keys=True)


def unmeasured_on_gpu(plan: Sequence[Planned], costs: Estimate) -> list[str]:
    """Kinds of tasks left for GPUs that no GPU has run yet, in words."""
    return sorted(
        {
            speed(item).words
            for item in plan
            if costs.sources.get(item.key) == "card" and item.task.resources.gpus
        }
    )


def wall(plan: Sequence[Planned], seconds: Mapping[str, float], site: Site) -> float:
    """Seconds until all is done when every slot of the site is there: each takes the next ready task."""
    left = {item.key: item for item in plan if item.key in seconds}
    queue, free, now, ends = ReadyQueue(list(left.values()), site), dict(site.slots), 0.0, list[_End]()
    while True:
        for kind in free:
            while free[kind] and queue.first(kind, [key for _, key, where in ends if where == kind]):
                key = queue.take(kind)
                free[kind] -= 1
                heapq.heappush(ends, (now + seconds[key], key, kind))
        if not ends:
            return now
        now, key, kind = heapq.heappop(ends)
        free[kind] += 1
        queue.end(key)


def gpu_hours(plan: Sequence[Planned], seconds: Mapping[str, float]) -> float:
    """GPU-hours of the tasks left."""
    return sum(seconds[item.key] for item in plan if item.key in seconds and item.task.resources.gpus) / 3600


def by_architecture(plan: Sequence[Planned], seconds: Mapping[str, float]) -> dict[str, float]:
    """Hours of what is left with each architecture's models, on GPUs or cores; dearest first."""
    hours: defaultdict[str, float] = defaultdict(float)
    for item in plan:
        if item.key in seconds and item.task.architecture:
            slots = 1 if item.task.resources.gpus else item.task.resources.cores
            hours[item.task.architecture.name] += seconds[item.key] * slots / 3600
    return dict(sorted(hours.items(), key=lambda pair: -pair[1]))


def core_hours(plan: Sequence[Planned], seconds: Mapping[str, float]) -> float:
    """Core-hours of the tasks left that need no GPU."""
    rest = [item for item in plan if item.key in seconds and not item.task.resources.gpus]
    return sum(seconds[item.key] * item.task.resources.cores for item in rest) / 3600


def _part(progress: Mapping[str, object] | None) -> float:
    """Share of a running task that is done, by its own count."""
    if not progress or "done" not in progress or not progress.get("total"):
        return 0.0
    return min(1.0, float(str(progress["done"])) / float(str(progress["total"])))
