"""Cost of tasks with all their attempts: those that were stopped, killed or failed, and results set aside."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import ENDINGS, read_json
from mlipbench_hpc.report.collect import Item


@dataclass(frozen=True)
class Spent:
    """Cost of one task: core-seconds, attempts before the one that counts, and those of unknown length.

    What is unknown is not in `core_s`: attempts that were killed and whose folders are removed.
    """

    core_s: float
    earlier: int
    unknown: int


def spent(item: Item) -> Spent | None:
    """Cost of a task, done or not; None where it was never begun.

    Earlier attempts count as the result says, where each of them left a record; else by their folders.
    """
    folders = sorted((item.folder.parents[1] / "attempts").glob(f"{item.reported.key}-*"))
    tried = [path for path in folders if path.name[65:].isdigit()]
    aside = [path for path in folders if path not in tried]  # results that were made anew
    if not item.done and not folders:
        return None
    timing: dict[str, Any] = item.result.get("timing") or {}
    own, earlier = timing.get("cpu_s"), timing.get("earlier_wall_s")
    before = _before(str(item.result.get("attempt", ""))[65:], tried)
    past = sum(map(_length, tried)) if earlier is None else float(earlier)
    unknown = max(0, before - len(tried)) if earlier is None else 0
    core_s = float(own or 0.0) + past + sum(map(_length, aside))
    return Spent(round(core_s, 3), before + len(aside), unknown + (item.done and own is None))


def _before(number: str, tried: Sequence[Path]) -> int:
    """Attempts before the one that counts, by its number: numbers are taken in turn, from 0."""
    return int(number) if number.isdigit() else max((int(path.name[65:]) + 1 for path in tried), default=0)


def _length(attempt: Path) -> float:
    """Core-seconds of an attempt: as its record says, else from its begin to the last file that it wrote."""
    records = (read_json(attempt / name) for name in ("result.json", *ENDINGS))
    known = [own["timing"] for own in records if isinstance(own, dict) and own.get("timing")]
    if known:
        return float(known[0].get("cpu_s") or known[0]["wall_s"])
    times = [path.stat().st_mtime for path in attempt.rglob("*") if path.is_file()]
    begun = attempt / "task.json"
    return max(0.0, max(times) - begun.stat().st_mtime) if begun.is_file() else 0.0


def costs(items: Sequence[Item]) -> dict[str, Any]:
    """Cost by verb and task, each task once, whatever it serves: numbers as `Spent` has them."""
    cost: dict[str, Any] = {}
    for key, item in {item.reported.key: item for item in items}.items():
        if own := spent(item):
            cost.setdefault(item.reported.verb, {})[key[:16]] = list(astuple(own))
    return cost


def total(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Core-hours by verb of several compact results; a task of several stores costs each time.

    Of one store a task counts once, by the latest of its files: the one with the most core-seconds.
    """
    tasks: dict[tuple[str, str, str], list[float]] = {}
    for part in parts:
        for verb, own in part["cost"].items():
            for key, numbers in own.items():
                place = (verb, part["store"], key)
                tasks[place] = max(tasks.get(place, numbers), numbers)
    sums: dict[str, dict[str, float]] = {}
    for (verb, _, _), (core_s, earlier, unknown) in tasks.items():
        row = sums.setdefault(
            verb, {"tasks": 0, "core_hours": 0.0, "earlier_attempts": 0, "unknown_attempts": 0}
        )
        for name, value in zip(row, (1, core_s / 3600, earlier, unknown), strict=True):
            row[name] += value
    return sums
