"""Cost of the tasks: wall and CPU time, peak memory."""

from typing import Any

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Content, Section, Table
from mlipbench_hpc.report.text import duration, number


def build(results: Results) -> Content:
    """Table by verb; for results.json, by task, all values that two equal runs need not share."""
    return Content([timings(results)], {"timing": timing(results)})


def timing(results: Results) -> dict[str, Any]:
    """Values by task that two equal runs need not share (times, hosts, attempts, files that record them)."""
    return {
        "note": "everything here may differ between two equal runs; nothing outside may",
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
    """Wall and CPU time and peak memory by verb."""
    rows = []
    for verb in dict.fromkeys(item.reported.verb for item in results.items):
        clocks = [item.result["timing"] for item in results.of(verb) if item.result.get("timing")]
        wall, cpu, peak = (
            [clock.get(name) or 0.0 for clock in clocks] for name in ("wall_s", "cpu_s", "peak_bytes")
        )
        if clocks:
            rows.append([verb, str(len(clocks)), duration(sum(wall)), duration(max(wall)), duration(sum(cpu)),
                         f"{number(max(peak) / 2**30, 2)} GiB"])  # fmt: skip
    header = ["verb", "tasks", "wall, all", "wall, longest", "CPU, all", "peak memory"]
    return Table("Committed attempts only; interrupted attempts are not counted.", header, rows)


SECTION = Section("timings", "Timings", 120, build)
