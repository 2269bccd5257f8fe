"""Cost of the tasks: wall and CPU time, peak memory."""

from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.section import Content, Section, Table
from mlipbench_hpc.report.text import NOTHING, duration, number


def build(results: Results) -> Content:
    """Table by verb; for results.json, by task, all values that two equal runs need not share."""
    return Content([timings(results)], {"timing": timing(results)})


def timing(results: Results) -> dict[str, Any]:
    """Values by task that two equal runs need not share (times, hosts, attempts, files that record them)."""
    return {
        "note": (
            "here, under speed and speed_studies, and in what verdict and warnings say of speeds, two equal "
            "runs may differ; nowhere else"
        ),
        "site": results.document["site"],
        "tasks": {
            item.reported.label: {
                name: item.result.get(name)
                for name in ("attempt", "timing", "versions", "manifest", "outputs")
            }
            for item in results.items
            if item.done
        },
    }


def timings(results: Results) -> Table:
    """Wall and CPU time and peak memory by verb, and by run or committee where a task is of one."""
    by_owner: dict[tuple[str, str], list[Item]] = {}
    for item in results.items:
        by_owner.setdefault((item.reported.verb, _owner(item)), []).append(item)
    rows = []
    for (verb, of), own in by_owner.items():
        clocks = [item.result["timing"] for item in own if item.result.get("timing")]
        wall, cpu, peak = (
            [clock.get(name) or 0.0 for clock in clocks] for name in ("wall_s", "cpu_s", "peak_bytes")
        )
        if clocks:
            times = map(duration, (sum(wall), max(wall), sum(cpu)))
            rows.append([verb, of, str(len(clocks)), *times, f"{number(max(peak) / 2**30, 2)} GiB"])
    header = ["verb", "run or committee", "tasks", "wall, all", "wall, longest", "CPU, all", "peak memory"]
    caption = (
        "Committed attempts only; interrupted attempts are not counted. Wall and CPU time summed over the "
        "tasks of each verb and of each run or committee, and their largest memory."
    )
    return Table(caption, header, rows, words=2)


def _owner(item: Item) -> str:
    """Run or committee that a task is of; a dash for tasks on data."""
    return str(item.subject.get("md") or item.subject.get("committee") or NOTHING)


SECTION = Section("timings", "Timings", 120, build)
