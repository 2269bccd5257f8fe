"""Plan and status as words: pure functions from planned tasks and their states to lines."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.contract.verbs import verb_of, verbs
from mlipbench_hpc.plan import literature
from mlipbench_hpc.plan.estimate import (
    TO_RUN,
    Estimate,
    by_architecture,
    core_hours,
    estimate,
    gpu_hours,
    speed,
    unmeasured_on_gpu,
    wall,
)
from mlipbench_hpc.plan.graph import Planned, Snapshot, State
from mlipbench_hpc.plan.intervals import too_long

PS_PER_NS = 1e3
COLUMNS: tuple[State, ...] = ("done", "running", "ready", "waiting", "maybe", "failed", "blocked", "stale")


def table(plan: Sequence[Planned], states: Mapping[str, State]) -> list[str]:
    """Tasks by verb and state. Raises VerbError for a task whose verb is not in the table of verbs."""
    counts = Counter((verb_of(item.task.verb).name, states[item.key]) for item in plan)
    used = [state for state in COLUMNS if any(counts[verb, state] for verb in verbs())]
    width = max(10, *(len(verb) + 1 for verb, _ in counts)) if counts else 10
    lines = ["".join(["verb".ljust(width), *(state.rjust(9) for state in used), "total".rjust(9)])]
    for verb in verbs():
        row = [counts[verb, state] for state in used]
        if any(row):
            lines.append(
                "".join([verb.ljust(width), *(str(n or "·").rjust(9) for n in row), str(sum(row)).rjust(9)])
            )
    return lines


def summary(plan: Sequence[Planned], seen: Snapshot, states: Mapping[str, State], site: Site) -> list[str]:
    """Done, to run, at most so many, and what that may cost here."""
    done = sum(states[item.key] == "done" for item in plan)
    sure = [item for item in plan if states[item.key] in TO_RUN]
    perhaps = [item for item in plan if states[item.key] == "maybe"]
    at_most = f", at most {len(sure + perhaps)} (loops unrolled to their stated maximum)" if perhaps else ""
    lines = [f"{len(plan)} tasks: {done} done, {len(sure)} to run{at_most}"]
    costs = estimate(plan, seen, states)
    return [*lines, *amount(plan, costs, site, "at most " if perhaps else "")] if costs.seconds else lines


def amount(plan: Sequence[Planned], costs: Estimate, site: Site, prefix: str = "") -> list[str]:
    """Hours, price, bytes and inodes of what is left, and where the speeds come from."""
    left = [item for item in plan if item.key in costs.seconds]
    size, inodes = sum(item.cost.bytes for item in left), sum(item.cost.inodes for item in left)
    unknown = unmeasured_on_gpu(plan, costs)
    most, price = "at most " if unknown else "", site.price
    cores, gpus = core_hours(plan, costs.seconds), gpu_hours(plan, costs.seconds)
    paid = f" (price {most}{price * gpus:.2f})" if price is not None and gpus else ""
    slots = " and ".join(f"{count} {kind}" for kind, count in site.slots.items())
    lines = [
        f"to run: {prefix}{hours(cores)} core-hours, {most}{hours(gpus)} GPU-hours{paid}"
        f", {size / 1e6:.1f} MB, {inodes} inodes"
    ]
    lines += work(left)
    if len(shares := by_architecture(plan, costs.seconds)) > 1:
        lines += ["of these hours " + ", ".join(f"{name} {hours(share)}" for name, share in shares.items())]
    if unknown:
        lines += [
            f"GPU-hours of {', '.join(unknown)}: nothing measured on a GPU yet, so hours of one CPU core "
            "stand for them as an upper bound"
        ]
    wait, sources = span(wall(plan, costs.seconds, site)), "; ".join(_sources(left, costs))
    lines.append(f"{most or 'about '}{wait} at {slots} slots; speeds are {sources}")
    return lines + literature.lines(left, costs) + too_long(plan, costs, site)


LENGTHS = {"steps", "timestep", "frame_every"}


def work(left: Sequence[Planned]) -> list[str]:
    """`of these 8 trainings, and 24 runs of MD with 0.116 ns and 11600 frames`; [] without either."""
    every = [item.task.parameters for item in left if item.task.verb == "md"]
    runs = [own for own in every if own.keys() >= LENGTHS]
    trainings = sum(item.task.verb == "train" for item in left)
    parts = [f"{trainings} trainings"] * bool(trainings)
    if runs:
        length = sum(own["steps"] * own["timestep"] for own in runs) / 1000
        frames = sum(own["steps"] // own["frame_every"] for own in runs)
        parts.append(f"{len(runs)} runs of MD with {length:.4g} ns and {frames} frames")
    return [f"of these {', and '.join(parts)}"] if parts else []


def _sources(left: Sequence[Planned], costs: Estimate) -> list[str]:
    """Sources of the speeds: measured, carried over from other models, or the cards alone."""
    headings = {
        "measured": "measured here",
        "scaled": "measured here with other models and scaled by the cards' laws",
        "card": "the cards' estimate",
    }
    parts = []
    for source, heading in headings.items():
        items = [item for item in left if costs.sources[item.key] == source]
        if items:
            parts.append(f"{heading}: {', '.join(sorted({speed(item).words for item in items}))}")
        threads = max((item.task.resources.cores for item in items), default=1)
        if source == "card" and threads > 1:
            parts[-1] += f" ({threads} threads taken to be no faster than one)"
    return parts


def hours(number: float) -> str:
    """With two decimals where they say something."""
    return f"{number:.2f}" if number < 100 else f"{number:,.0f}"


def over_budget(plan: Sequence[Planned], seen: Snapshot, states: Mapping[str, State], site: Site) -> str:
    """Costs beyond the site's limits, in words; empty where none is."""
    costs = estimate(plan, seen, states)
    most = "at most " if unmeasured_on_gpu(plan, costs) else ""
    wanted = {
        "GPU-hours": (most, gpu_hours(plan, costs.seconds), site.ask_beyond_gpu_hours),
        "core-hours": ("", core_hours(plan, costs.seconds), site.ask_beyond_core_hours),
    }
    over = [
        f"{prefix}{amount:.1f} {unit}, more than {limit:g}"
        + (" (nothing measured on a GPU yet: hours of one CPU core)" if prefix else "")
        for unit, (prefix, amount, limit) in wanted.items()
        if limit is not None and amount > limit
    ]
    return f"this may cost {' and '.join(over)}" if over else ""


def span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def committees(plan: Sequence[Planned], states: Mapping[str, State]) -> list[str]:
    """`  mace: 3 of 4 members trained, 2 evaluated, 1 failed`, all rounds that are sure together."""
    tasks = [
        (str(subject["committee"]), item.task.verb, states[item.key])
        for item in plan
        for subject in item.subjects
        if item.task.verb in ("train", "adopt", "evaluate")
        and "committee" in subject
        and states[item.key] != "maybe"
    ]
    lines = []
    for name in dict.fromkeys(task[0] for task in tasks):
        count = Counter(task[1:] for task in tasks if task[0] == name)
        own = "adopt" if any(task[:2] == (name, "adopt") for task in tasks) else "train"
        members = sum(task[:2] == (name, own) for task in tasks)
        word = {"adopt": "examined", "train": "trained"}[own]
        failed = sum(number for (_, state), number in count.items() if state == "failed")
        text = f"{count[own, 'done']} of {members} members {word}, {count['evaluate', 'done']} evaluated"
        lines.append(f"  {name}: {text}" + (f", {failed} failed" if failed else ""))
    return lines


def changes(plan: Sequence[Planned], seen: Snapshot) -> list[str]:
    """Each committed task whose folder was changed after its commit, with the files and the next step."""
    return [
        f"  changed  {item.task.label}: digest of {', '.join(seen.changed[item.key])} differs from the "
        f"committed one: `run` makes the task again, `mlipbench task show {item.key[:12]}` names its folder"
        for item in plan
        if item.key in seen.changed
    ]


def running(plan: Sequence[Planned], seen: Snapshot) -> list[str]:
    """A line for each running task, with its progress."""
    return [
        f"  running  {item.task.label}: {progress(in_ns(item, seen.running[item.key]))}"
        for item in plan
        if item.key in seen.running
    ]


def progress(record: Mapping[str, object]) -> str:
    """`12/30 epochs after 41 s`, with the time left by proportion."""
    seconds = float(str(record.get("seconds", 0.0)))
    if "done" not in record:
        return f"started {seconds:.0f} s ago"
    done, total, first = (float(str(record.get(name, 0.0))) for name in ("done", "total", "from"))
    took = float(str(record.get("took", seconds)))
    left = f", about {span(took * (total - done) / (done - first))} left" if done > first else ""
    digits = 4 if record["unit"] == "ns" else 0
    return f"{done:.{digits}f}/{total:.{digits}f} {record['unit']} after {span(seconds)}{left}"


def in_ns(item: Planned, record: Mapping[str, object]) -> Mapping[str, object]:
    """The steps of MD as nanoseconds."""
    if record.get("unit") != "steps" or "timestep" not in item.task.parameters:
        return record
    scale = float(item.task.parameters["timestep"]) / PS_PER_NS
    steps = {name: float(str(record[name])) * scale for name in ("done", "total", "from") if name in record}
    return {**record, **steps, "unit": "ns"}


def failures(plan: Sequence[Planned], seen: Snapshot, states: Mapping[str, State]) -> list[str]:
    """Each failure with its cause and the next command."""
    lines = []
    for item in plan:
        if states[item.key] == "failed":
            record = seen.failures[item.key]
            lines += [f"  failed   {item.task.label}: {record['kind']}: {record['message']}"]
            lines += [f"           look: mlipbench task show {item.key[:12]} (same --site and --store)"]
    return lines
