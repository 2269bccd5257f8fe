"""Plan and status as words: pure functions from planned tasks and their states to lines."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mlipbench_hpc.plan.graph import Planned, Snapshot, State

VERBS = (
    "build", "label", "split", "visibility", "train", "evaluate", "calibrate", "decide", "md", "analyse",
    "reevaluate", "reweight",
)  # fmt: skip
COLUMNS: tuple[State, ...] = ("done", "running", "ready", "waiting", "maybe", "failed", "blocked", "stale")
TO_RUN = ("ready", "waiting", "running", "stale", "failed", "blocked")


def table(plan: Sequence[Planned], found: Mapping[str, State]) -> list[str]:
    """Tasks by verb and state."""
    counts = Counter((item.task.verb, found[item.key]) for item in plan)
    used = [state for state in COLUMNS if any(counts[verb, state] for verb in VERBS)]
    lines = ["".join(["verb".ljust(10), *(state.rjust(9) for state in used), "total".rjust(9)])]
    for verb in VERBS:
        row = [counts[verb, state] for state in used]
        if any(row):
            lines.append(
                "".join([verb.ljust(10), *(str(n or "·").rjust(9) for n in row), str(sum(row)).rjust(9)])
            )
    return lines


def summary(plan: Sequence[Planned], found: Mapping[str, State]) -> list[str]:
    """Done, to run, at most so many, and what that may cost."""
    done = sum(found[item.key] == "done" for item in plan)
    sure = [item for item in plan if found[item.key] in TO_RUN]
    perhaps = [item for item in plan if found[item.key] == "maybe"]
    most = sure + perhaps
    at_most = f", at most {len(most)} (loops unrolled to their stated maximum)" if perhaps else ""
    return [
        f"{len(plan)} tasks: {done} done, {len(sure)} to run{at_most}",
        f"to run: {amount(most, bool(perhaps))}",
    ]


def amount(items: Sequence[Planned], at_most: bool) -> str:
    """Core-hours, GPU-hours, bytes and inodes, estimated from the cards."""
    core_s = sum(item.cost.core_s for item in items if not item.task.resources.gpus)
    gpu_s = sum(item.cost.core_s for item in items if item.task.resources.gpus)
    size = sum(item.cost.bytes for item in items)
    inodes = sum(item.cost.inodes for item in items)
    prefix = "at most " if at_most else ""
    return (
        f"{prefix}{core_s / 3600:.2f} core-hours, {gpu_s / 3600:.2f} GPU-hours, "
        f"{size / 1e6:.1f} MB, {inodes} inodes (estimated from the architectures' cards)"
    )


def running(plan: Sequence[Planned], seen: Snapshot) -> list[str]:
    """What runs now, and how far it is."""
    return [
        f"  running  {item.task.label}: {progress(seen.running[item.key])}"
        for item in plan
        if item.key in seen.running
    ]


def progress(record: Mapping[str, object]) -> str:
    """`12/30 epochs after 41 s`, with the time left by proportion."""
    seconds = float(str(record.get("seconds", 0.0)))
    if "done" not in record:
        return f"started {seconds:.0f} s ago"
    done, total = float(str(record["done"])), float(str(record["total"]))
    left = f", about {seconds * (total - done) / done:.0f} s left" if done > 0 else ""
    return f"{done:.0f}/{total:.0f} {record['unit']} after {seconds:.0f} s{left}"


def failures(plan: Sequence[Planned], seen: Snapshot, found: Mapping[str, State]) -> list[str]:
    """Each failure with its cause and the next command."""
    lines = []
    for item in plan:
        if found[item.key] == "failed":
            record = seen.failures[item.key]
            lines += [f"  failed   {item.task.label}: {record['kind']}: {record['message']}"]
            lines += [f"           look: mlipbench task show {item.key[:12]} (same --site and --store)"]
    return lines
