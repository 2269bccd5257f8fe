"""GPU-hours by the literature, of tasks for which this store has measured no speed: pure functions."""

import math
from collections import defaultdict
from collections.abc import Sequence

from mlipbench_hpc.architectures.literature import HOUR_S, Published
from mlipbench_hpc.plan.estimate import Estimate, speed
from mlipbench_hpc.plan.graph import Planned

PS_PER_NS = 1e3
Range = tuple[float, float]


def lines(left: Sequence[Planned], costs: Estimate) -> list[str]:
    """A line for each architecture and kind of work, a sum, and what has no number; [] without any.

    Hours of a GPU as others published them stand apart from those of this machine's cores: the two are never
    added.
    """
    asked = [item for item in left if item.task.architecture and item.task.verb in ("md", "train")]
    unknown = [item for item in asked if costs.sources[item.key] == "card"]
    groups: defaultdict[tuple[str, str], list[tuple[Planned, Published]]] = defaultdict(list)
    for item in unknown:
        if published := item.cost.published:
            groups[speed(item).words, published.words].append((item, published))
    if not groups:
        return []
    every = [published for own in groups.values() for _, published in own]
    parts = [
        f"  {name}: {_amount([item for item, _ in own])}, {hours(total([one for _, one in own]))} ({words})"
        for (name, words), own in sorted(groups.items())
    ]
    return [_heading(every), *parts, _sum(every, [item for item in unknown if not item.cost.published])]


def _heading(every: Sequence[Published]) -> str:
    places = sorted({f"{own.atoms:g} atoms on one {own.hardware}" for own in every})
    return (
        f"by the literature, not measured here: {', '.join(places)}; other programs, in proportion to atoms "
        "and steps, and no part of the hours above"
    )


def _sum(every: Sequence[Published], rest: Sequence[Planned]) -> str:
    nothing = sorted({speed(item).words for item in rest})
    without = f"; no number of {len(rest)} tasks: {', '.join(nothing)}" if nothing else ""
    return f"  together {hours(total(every))}{without}"


def _amount(items: Sequence[Planned]) -> str:
    """`3 runs of 4 ns`, or `3 trainings`."""
    if items[0].task.verb == "train":
        return f"{len(items)} trainings"
    parameters = [item.task.parameters for item in items]
    length = sum(own["steps"] * own["timestep"] for own in parameters) / PS_PER_NS
    return f"{len(items)} runs of {length:.4g} ns"


def total(every: Sequence[Published]) -> Range:
    """Least and most GPU-hours of all."""
    return sum(own.least_s for own in every) / HOUR_S, sum(own.most_s for own in every) / HOUR_S


def hours(amount: Range) -> str:
    """`12.5 GPU-hours`, `3.1 to 12.5 GPU-hours`, or `at least 3.1 GPU-hours`."""
    least, most = map(_number, amount)
    if math.isinf(amount[1]):
        return f"at least {least} GPU-hours"
    return f"{least} GPU-hours" if least == most else f"{least} to {most} GPU-hours"


def _number(amount: float) -> str:
    """Three digits, and all before the decimal point."""
    return f"{amount:.3g}" if amount < 1000 else f"{amount:,.0f}"
