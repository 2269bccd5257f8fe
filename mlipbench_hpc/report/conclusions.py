"""Conclusions in three sentences: resolved and unresolved differences, and the next run with its cost."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.report import convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.convergence import LONG_ENOUGH_PS
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.summary_table import Difference, differences
from mlipbench_hpc.report.text import count, duration, listed, number

# Four times the length halves a standard error.
LONGER = 4.0


def sentences(results: Results) -> list[str]:
    """Three sentences of conclusions; [] where no potential is compared with another."""
    compared = groups(results)
    every = [difference for group in compared for difference in differences(group)]
    if not every:
        return []
    return [_resolved(every), _unresolved(every), next_run(results, compared, every)]


def _resolved(every: list[Difference]) -> str:
    """Sentence on the differences of the primary table that the tests resolve, with their reservations."""
    if not any(one.test for one in every):
        return (
            "Resolved: no test, because no reference potential ran these systems and `analysis.comparisons` "
            "contains no pair of these runs."
        )
    chosen = [one for one in every if one.verdict == "differs"]
    if not chosen:
        return f"Resolved: none of {count(len(_tested(every)), 'difference')} in the primary table."
    provisional = _provisional({one.group.title: one.group for one in chosen}.values())
    return f"{_share('Resolved', chosen, every)}. {_by_line(chosen)}.{provisional}"


def _tested(every: list[Difference]) -> list[Difference]:
    """Differences that belong to the primary table."""
    return [one for one in every if one.test]


def _provisional(compared: Iterable[Group]) -> str:
    """Reservation about the sentence on differences where runs fail criteria of convergence."""
    open_groups = [group.title for group in compared if not convergence.converged(group)]
    if not open_groups:
        return ""
    return (
        f" Provisional: in {listed(open_groups)} runs fail criteria of convergence, so that errors "
        "may be too "
        "small and more MD may change this."
    )


def _by_line(chosen: list[Difference]) -> str:
    """`In Au48 O36 H72, 300 K, dp in mean P_z; mace in ⟨cos θ⟩ of the first layer`, system by system."""
    parts = []
    for group in {one.group.title: one.group for one in chosen}.values():
        pairs = {(one.line.name, one.other.name): one for one in chosen if one.group is group}
        words = [
            f"{_pair(one)} in {listed([own.quantity.phrase for own in chosen if _same(own, one)])}"
            for one in pairs.values()
        ]
        parts.append(f"In {group.title}, {'; '.join(words)}")
    return ". ".join(parts)


def _same(one: Difference, other: Difference) -> bool:
    """True for two differences of the same pair of lines in the same group."""
    return one.group is other.group and one.line is other.line and one.other is other.other


def _pair(one: Difference) -> str:
    """Title of the line, and of the other one unless that is the reference potential."""
    title = one.line.title(one.group.drawn)
    return title if one.other.potential.reference else f"{title} against {one.other.title(one.group.drawn)}"


def _unresolved(every: list[Difference]) -> str:
    chosen = [one for one in every if one.verdict == "unresolved"]
    withheld = [one for one in every if one.verdict == "withheld"]
    unknown = [one for one in every if one.verdict == "unknown"]
    rest = f" Withheld, because a run is not stationary: {len(withheld)}." * bool(withheld)
    rest += f" Without a number or an error: {len(unknown)}." * bool(unknown)
    if not chosen:
        return f"Not resolved: no tested difference.{rest}"
    return f"{_share('Not resolved', chosen, every)}. {_by_line(chosen)}.{rest}"


def _share(word: str, chosen: list[Difference], every: list[Difference]) -> str:
    """`Resolved: 7 of 12 differences in the primary table`."""
    return f"{word}: {len(chosen)} of {count(len(_tested(every)), 'difference')} in the primary table"


@dataclass(frozen=True)
class Extension:
    """Extension of a line's runs to `length_ps` each; seconds: its wall time, None if unknown."""

    line: Line
    length_ps: float
    seconds: float | None


def next_run(results: Results, compared: list[Group], every: list[Difference]) -> str:
    """Next MD or training: of the largest effect on unresolved differences, with its measured cost."""
    if absent := [item for item in results.items if not item.done]:
        tasks = f"{count(len(absent), 'task')} of {len(results.items)}"
        return f"Next: run the campaign to its end, {tasks} without result."
    short = [line for group in compared for line in group.drawn if longest_ps(line) < LONG_ENOUGH_PS]
    limiting = _limiting([one for one in every if one.verdict == "unresolved"])
    lines = short or [line for line, _ in limiting if line is not None]
    if lines:
        return _extend([_extension(results, line) for line in lines], short=bool(short))
    if limiting:
        return _train(results, [committee for _, committee in limiting])
    return (
        f"Next: no run proposed; every line has a run of at least {number(LONG_ENOUGH_PS)} ps after "
        "equilibration, and no tested difference is unresolved."
    )


def longest_ps(line: Line) -> float:
    """Length of the longest run of a line after equilibration, ps."""
    return max(run.analysed_ps for run in line.runs)


def _limiting(chosen: list[Difference]) -> list[tuple[Line | None, str]]:
    """Largest part of each difference's error: the line to sample longer, or the committee."""
    parts: dict[tuple[str, str], tuple[Line | None, str]] = {}
    for one in chosen:
        line = (one.line, one.other, None)[int(np.argmax(np.nan_to_num(one.shares)))]
        parts[line.name if line else "", one.line.potential.name] = line, one.line.potential.name
    return list(parts.values())


def _extension(results: Results, line: Line) -> Extension:
    """Extension to the least length of the criteria, or to four times the present length beyond that."""
    present = longest_ps(line)
    length = max(LONG_ENOUGH_PS, present) if present < LONG_ENOUGH_PS else LONGER * present
    seconds = _seconds_per_ps(results, line)
    missing = sum(max(0.0, length - run.analysed_ps) for run in line.runs)
    return Extension(line, length, None if seconds is None else seconds * missing)


def _seconds_per_ps(results: Results, line: Line) -> float | None:
    """Measured wall time of the line's runs over their length, with earlier attempts; None if unknown."""
    runs = [run.md for run in line.runs]
    clocks = [run.result.get("timing", {}) for run in runs]
    wall = sum((clock.get("wall_s") or 0.0) + (clock.get("earlier_wall_s") or 0.0) for clock in clocks)
    length = sum(float(run.values.get("time_ps") or 0.0) for run in runs)
    return wall / length if wall > 0 and length > 0 else None


def _extend(extensions: list[Extension], short: bool) -> str:
    lines = {extension.line.name: extension for extension in extensions}
    lengths = [number(extension.length_ps) for extension in lines.values()]
    if len(set(lengths)) == 1:
        what = f"{listed(list(lines))} to {lengths[0]} ps"
    else:
        what = listed([f"{name} to {length} ps" for name, length in zip(lines, lengths, strict=True)])
    why = (
        f"the criteria ask for {number(LONG_ENOUGH_PS)} ps after equilibration"
        if short
        else "sampling is the largest part of the error of the unresolved differences; "
        f"{LONGER:g} times the length halves it"
    )
    return f"Next: extend the MD {what}{_cost(list(lines.values()))}; {why}."


def _cost(extensions: list[Extension]) -> str:
    """Wall time of all extensions, and of the longest; empty where a speed is not known."""
    seconds = {extension.line.name: extension.seconds for extension in extensions}
    known = {name: time for name, time in seconds.items() if time is not None}
    if len(known) < len(seconds):
        return ""
    longest = max(known, key=lambda name: known[name])
    each = f", of which {longest} {duration(known[longest])}" if len(known) > 1 else ""
    return f", {duration(sum(known.values()))} of wall time at the speed measured in this store{each}"


def _train(results: Results, committees: list[str]) -> str:
    """Proposal to train on more frames, with the wall time that the present members took."""
    names = list(dict.fromkeys(committees))
    clocks = [
        item.result.get("timing", {}).get("wall_s") or 0.0
        for name in names
        for item in results.of("train", committee=name)
    ]
    return (
        f"Next: train {listed(names)} on more frames, because the spread between members is the largest "
        "part of the error of the unresolved differences; training the present members took "
        f"{duration(sum(clocks))} of wall time."
    )
