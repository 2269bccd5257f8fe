"""The next run: MD to extend or committees to train, with the measured cost."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.convergence import LONG_ENOUGH_PS
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.quality import Judgement, judgement
from mlipbench_hpc.report.stationary import Cause, withheld
from mlipbench_hpc.report.summary_table import Difference
from mlipbench_hpc.report.text import count, duration, listed, number

# Four times the length halves a standard error.
LONGER = 4.0
CRITERIA_WHY = f"the criteria ask for {number(LONG_ENOUGH_PS)} ps after equilibration"
LONGER_WHY = (
    "sampling is the largest part of the error of the unresolved differences; "
    f"{LONGER:g} times the length halves it"
)


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
    lines = [line for group in compared for line in group.drawn]
    unusable = _not_usable(results, lines)
    useful = [line for line in lines if line.potential.name not in unusable]
    short = [line for line in useful if longest_ps(line) < LONG_ENOUGH_PS]
    if unusable:
        return _train_first(results, unusable, short)
    if short:
        return _extend(results, short, CRITERIA_WHY)
    if moving := _from_withheld(every):
        return _to_tell(results, lines, moving)
    limiting = _limiting([difference for difference in every if difference.verdict == "unresolved"])
    if limiting:
        longer = [line for line, _ in limiting if line is not None]
        committees = [committee for _, committee in limiting]
        return _extend(results, longer, LONGER_WHY) if longer else _train(results, committees)
    return (
        f"Next: no run proposed; every line has a run of at least {number(LONG_ENOUGH_PS)} ps after "
        "equilibration, and no tested difference is unresolved or withheld."
    )


def _to_tell(results: Results, lines: list[Line], causes: dict[str, Cause]) -> str:
    """More starts where one run is alone, which more time would not mend; else longer runs."""
    if alone := [name for name, cause in causes.items() if cause is Cause.ONE_RUN]:
        return f"Next: run {listed(alone)} from more starts (`replicas`), because {Cause.ONE_RUN}."
    why = listed([f"{cause}" for cause in dict.fromkeys(causes.values())])
    longer = [line for line in lines if line.name in causes]
    return _extend(results, longer, f"conclusions are withheld, because {why}")


def _from_withheld(every: list[Difference]) -> dict[str, Cause]:
    """Cause of each line for which a tested difference is withheld, by name."""
    causes: dict[str, Cause] = {}
    for difference in every:
        if difference.verdict != "withheld":
            continue
        for line in (difference.line, difference.other):
            if own := withheld(line, difference.quantity.name):
                causes.setdefault(line.name, own.cause)
    return causes


def longest_ps(line: Line) -> float:
    """Length of the longest run of a line after equilibration, ps."""
    return max(run.production_ps for run in line.runs)


def _limiting(chosen: list[Difference]) -> list[tuple[Line | None, str]]:
    """Largest part of each difference's error: the line to sample longer, or the committee.

    Of the training part its lower limit counts, because more MD lowers the upper one.
    """
    parts: dict[tuple[str, str], tuple[Line | None, str]] = {}
    for difference in chosen:
        lines = (difference.line, difference.other, None)
        line = lines[int(np.argmax(np.nan_to_num(difference.least_shares)))]
        name = difference.line.potential.name
        parts[line.name if line else "", name] = line, name
    return list(parts.values())


def _extension(results: Results, line: Line) -> Extension:
    """Extension to the least length of the criteria, or to four times the present length beyond that."""
    present = longest_ps(line)
    length = max(LONG_ENOUGH_PS, present) if present < LONG_ENOUGH_PS else LONGER * present
    seconds = _seconds_per_ps(results, line)
    missing = sum(max(0.0, length - run.production_ps) for run in line.runs)
    return Extension(line, length, None if seconds is None else seconds * missing)


def _seconds_per_ps(results: Results, line: Line) -> float | None:
    """Measured wall time of the line's runs over their length, with earlier attempts; None if unknown."""
    runs = [run.md for run in line.runs]
    clocks = [run.result.get("timing", {}) for run in runs]
    wall = sum((clock.get("wall_s") or 0.0) + (clock.get("earlier_wall_s") or 0.0) for clock in clocks)
    length = sum(float(run.values.get("time_ps") or 0.0) for run in runs)
    return wall / length if wall > 0 and length > 0 else None


def _train_first(results: Results, unusable: dict[str, Judgement], short: list[Line]) -> str:
    """Proposal to train committees that are not usable for MD, then to extend the short MD of the others."""
    near = [name for name, verdict in unusable.items() if verdict.provisional]
    above = [name for name, verdict in unusable.items() if verdict.verdict == "not usable"]
    reserved = f" (of {listed(near)} within two standard errors of it)" * bool(near)
    final = {name: final_round(results, name) for name in unusable}
    theirs = [name for name, own in final.items() if own and own.adopted]
    trained = [name for name in unusable if name not in theirs]
    ways = [f"train {listed(trained)} longer or on more structures"] * bool(trained)
    ways += [f"take other models than {listed(theirs)}, or train from them (`initial`)"] * bool(theirs)
    first = (
        f"Next: {listed(ways)}: errors of {listed(above)} on test frames are above the limit for MD that "
        f"this suite sets{reserved}, and more MD does not change that."
    )
    after = (
        f" Then run the MD of {listed(list(unusable))} anew, as long as the reference's, of several "
        "members and from starts with ions in different layers where there are any"
    )
    return f"{first}{after}. {_extend(results, short, CRITERIA_WHY, 'Then')}" if short else f"{first}{after}."


def _not_usable(results: Results, lines: list[Line]) -> dict[str, Judgement]:
    """Verdicts on committees that drive these lines and are not usable for MD, by name.

    Where there is one, those within two standard errors of the limit go with it: they are no better known.
    """
    names = dict.fromkeys(line.potential.name for line in lines if not line.potential.reference)
    finals = {name: final_round(results, name) for name in names}
    judged = {name: judgement(results, final) for name, final in finals.items() if final}
    known = {name: verdict for name, verdict in judged.items() if verdict}
    if not any(verdict.verdict == "not usable" for verdict in known.values()):
        return {}
    return {name: verdict for name, verdict in known.items() if verdict.doubts_md}


def _extend(results: Results, chosen: list[Line], why: str, word: str = "Next:") -> str:
    lines = {line.name: _extension(results, line) for line in chosen}
    lengths = [number(extension.length_ps) for extension in lines.values()]
    if len(set(lengths)) == 1:
        what = f"{listed(list(lines))} to {lengths[0]} ps"
    else:
        what = listed([f"{name} to {length} ps" for name, length in zip(lines, lengths, strict=True)])
    return f"{word} extend the MD {what}{_cost(list(lines.values()))}; {why}."


def _cost(extensions: list[Extension]) -> str:
    """Wall time of all extensions, and of the longest; empty where a speed is not known."""
    seconds = {extension.line.name: extension.seconds for extension in extensions}
    known = {name: time for name, time in seconds.items() if time is not None}
    if len(known) < len(seconds):
        return ""
    longest = max(known, key=lambda name: known[name])
    each = f", of which {longest} {duration(known[longest])}" if len(known) > 1 else ""
    return (
        f", {duration(sum(known.values()))} of run time, one run after another, at the speed measured in "
        f"this store{each}"
    )


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
