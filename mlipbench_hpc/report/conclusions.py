"""Conclusions in three sentences: resolved and unresolved differences, and the next run with its cost."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL
from mlipbench_hpc.report import convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.comparison import scatter_words
from mlipbench_hpc.report.convergence import LONG_ENOUGH_PS
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.layers import beginning, conditional
from mlipbench_hpc.report.models import Judgement, judgement
from mlipbench_hpc.report.series import control
from mlipbench_hpc.report.significance import at_temperature, unmatched
from mlipbench_hpc.report.starts import common_past
from mlipbench_hpc.report.stationary import Cause, drift_words, withheld
from mlipbench_hpc.report.summary_table import Difference, differences
from mlipbench_hpc.report.temperatures import unclear
from mlipbench_hpc.report.text import count, duration, listed, number, plus_minus

# Four times the length halves a standard error.
LONGER = 4.0
CRITERIA_WHY = f"the criteria ask for {number(LONG_ENOUGH_PS)} ps after equilibration"
LONGER_WHY = (
    "sampling is the largest part of the error of the unresolved differences; "
    f"{LONGER:g} times the length halves it"
)


@dataclass(frozen=True)
class Conclusion:
    """statement: what a hurried reader takes away; reservations: sentences on what it hangs on, or empty."""

    statement: str
    reservations: str = ""

    @property
    def sentence(self) -> str:
        """Both, one after the other."""
        return f"{self.statement} {self.reservations}".strip()


def sentences(results: Results) -> list[str]:
    """Three sentences of conclusions; [] where no potential is compared with another."""
    return [own.sentence for own in conclusions(results)]


def conclusions(results: Results) -> list[Conclusion]:
    """What is resolved, what is not, and what to run next; [] where no potential is compared with another."""
    compared = groups(results)
    every = [difference for group in compared for difference in differences(group)]
    absent = unmatched(results)
    if not every:
        return [Conclusion(_no_test(compared, absent))] if absent else []
    tested = [difference for difference in every if difference.test]
    if not tested:
        return [Conclusion(_no_test(compared, absent)), Conclusion(next_run(results, compared, every))]
    return [_resolved(tested), _unresolved(tested), Conclusion(next_run(results, compared, every))]


def _no_test(compared: list[Group], absent: list[str]) -> str:
    """Sentence on why nothing is tested: comparisons without runs, or no reference and no comparison."""
    if absent:
        ran = [
            f"{group.reference.name} in {group.title}" for group in compared if group.reference is not None
        ]
        reference = f"runs of the reference potential: {listed(ran)}" if ran else "no reference potential ran"
        return (
            f"Resolved: no test, because `analysis.comparisons` matches nothing: {'; '.join(absent)}; "
            f"{reference}. Compare runs of the same atoms, cell and temperature."
        )
    return (
        "Resolved: no test, because no reference potential ran these systems and `analysis.comparisons` is "
        "empty; the table shows models against each other. Add a run of a reference potential, or declare "
        "comparisons."
    )


def _resolved(tested: list[Difference]) -> Conclusion:
    """Differences of the primary table that the tests resolve, with their reservations."""
    chosen = [difference for difference in tested if difference.verdict == "differs"]
    if not chosen:
        resolved = f"Resolved: none of {count(len(tested), 'difference')} in the primary table."
        return Conclusion(resolved + _members(tested))
    reserved = _provisional({difference.group.title: difference.group for difference in chosen}.values())
    failing, reserved = _controls(chosen), f"{reserved}{_condition(chosen)}"
    word = "Resolved, although the test fails its own control" if failing else "Resolved"
    word += ", with reservations" * bool(reserved and not failing)
    words = f"{_share(word, chosen, tested)}. {_by_line(chosen, sized=True)}."
    return Conclusion(words, f"{failing}{reserved}".strip())


def _members(tested: list[Difference]) -> str:
    """Sentence on the models of which one member alone ran and is tested; empty where committees are."""
    subjects = [own.test.subject for own in tested if own.test and not own.line.potential.reference]
    alone = list(dict.fromkeys(subject for subject in subjects if subject.startswith("member")))
    return f" Of the models {listed(alone)} alone ran, not the committees." * bool(alone)


def _provisional(compared: Iterable[Group]) -> str:
    """Reservation about the sentence on differences where runs fail criteria of convergence."""
    open_groups = [group.title for group in compared if not convergence.converged(group)]
    where = f" in {listed(open_groups)}"
    return f" Provisional, because runs{where} are not converged: more MD may change it." * bool(open_groups)


def _condition(chosen: list[Difference]) -> str:
    """Reservations: where ions began, temperatures that are not known, drift, common starts."""
    lines = {line.name: line for difference in chosen for line in (difference.line, difference.other)}
    bound: dict[str, list[str]] = {}
    for name, line in lines.items():
        if conditional(line):
            bound.setdefault(beginning(line), []).append(name)
    parts = [f"the {place} where the ions of {listed(names)} began" for place, names in bound.items()]
    cold = [name for name, line in lines.items() if unclear(line)]
    parts += [f"temperatures of {listed(cold)}, which are not determined"] * bool(cold)
    words = f" Conditional on {', and on '.join(parts)}." * bool(parts)
    return words + _drifts(chosen) + _of_cold_runs(chosen) + _common_past(chosen)


def _of_cold_runs(chosen: list[Difference]) -> str:
    """Sentence on differences that runs off their temperature alone resolve."""
    parts = [
        f"{_pair(own)} in {own.quantity.phrase} (p = {number(part[0].p, 2)})"
        for own in chosen
        if own.test and own.verdict == "differs" and (part := at_temperature(own.test))
        if not part[0].p <= LEVEL
    ]
    return f" Not resolved without the runs off their temperature: {listed(parts)}." * bool(parts)


def _drifts(chosen: list[Difference]) -> str:
    """Sentence on changes between halves of runs that exceed the standard error of their mean."""
    parts = [
        f"{line.name} in {difference.quantity.phrase} ({words.removeprefix('drift ')})"
        for difference in chosen
        for line in (difference.line, difference.other)
        if (words := drift_words(line, difference.quantity.name))
    ]
    every = listed(list(dict.fromkeys(parts)))
    return f" Still drifting between halves of the runs: {every}." * bool(parts)


def _controls(chosen: list[Difference]) -> str:
    """Sentence on the controls that fail: the test is too liberal for runs so short."""
    parts = [
        f"{checked.failed} of {checked.windows} windows of {difference.other.name} as long as a run of "
        f"{difference.line.name} differ from its others in {difference.quantity.phrase} "
        f"({number(checked.expected, 2)} expected; "
        f"{scatter_words(difference.line, difference.quantity.name, checked)})"
        for difference in chosen
        if difference.other.potential.reference
        and (checked := control(difference.line, difference.quantity.name))
        and checked.fails
    ]
    return f"The test fails its own control: {'; '.join(parts)}." * bool(parts)


def _common_past(chosen: list[Difference]) -> str:
    """Sentences on pairs of lines whose runs share their past, those of equal distance together."""
    pairs = {(own.line.name, own.other.name): (own.line, own.other) for own in chosen}
    together: dict[tuple[str, str, str], list[str]] = {}
    for line, other in pairs.values():
        if past := common_past(line, other):
            together.setdefault((past.other, past.apart, past.time), []).append(past.line)
    return "".join(
        f" Not independent of {other}: {listed(lines)}, whose starts lie {apart} ps from its own "
        f"(autocorrelation time {time})."
        for (other, apart, time), lines in together.items()
    )


def _by_line(chosen: list[Difference], sized: bool = False) -> str:
    """`In Au48 O36 H72, 300 K, member 0 of dp in mean P_z; …`, system by system.

    sized: with the difference and its 95 % interval.
    """
    parts = []
    for group in {difference.group.title: difference.group for difference in chosen}.values():
        pairs: dict[tuple[str, str], list[Difference]] = {}
        for difference in chosen:
            if difference.group is group:
                pairs.setdefault((difference.line.name, difference.other.name), []).append(difference)
        words = [
            f"{_pair(own[0])} in {listed([_size(one) if sized else one.quantity.phrase for one in own])}"
            for own in pairs.values()
        ]
        parts.append(f"In {group.title}, {'; '.join(words)}")
    return ". ".join(parts)


def _size(difference: Difference) -> str:
    """`mean P_z (+3.2 ± 0.6, 95 %)`."""
    whole = difference.whole
    size = "+" * (whole.difference > 0) + plus_minus(whole.difference, whole.interval)
    return f"{difference.quantity.phrase} ({size}, 95 %)"


def _pair(difference: Difference) -> str:
    """Potential that is tested, with its entry of `md` where others are alike, and the other one."""
    line, other, among = difference.line, difference.other, difference.group.drawn
    twins = sum(own.potential.title == line.potential.title for own in among) > 1
    subject = difference.test.subject if difference.test else line.title(among)
    title = f"{subject} ({line.name})" if twins else subject
    return title if other.potential.reference else f"{title} against {other.title(among)}"


def _unresolved(tested: list[Difference]) -> Conclusion:
    """Differences without a result: unresolved, withheld, or without a number."""
    by_verdict = {
        verdict: [difference for difference in tested if difference.verdict == verdict]
        for verdict in ("unresolved", "withheld", "unknown")
    }
    rest = _withheld(by_verdict["withheld"])
    rest += f" Without a number or an error: {len(by_verdict['unknown'])}." * bool(by_verdict["unknown"])
    if not (chosen := by_verdict["unresolved"]):
        return Conclusion(rest.strip() or "Not resolved: no tested difference.")
    words = f"{_share('Not resolved', chosen, tested)}. {_by_line(chosen)}.{rest}"
    return Conclusion(words, _condition(chosen).strip())


def _withheld(chosen: list[Difference]) -> str:
    """Withheld differences for each cause."""
    causes: dict[Cause, list[Difference]] = {}
    for own in chosen:
        if own.test and own.test.withheld:
            causes.setdefault(own.test.withheld.cause, []).append(own)
    return "".join(
        f" Withheld, because {cause}: {len(own)}. {_by_line(own)}." for cause, own in causes.items()
    )


def _share(word: str, chosen: list[Difference], tested: list[Difference]) -> str:
    """`Resolved: 7 of 12 differences in the primary table`."""
    known = sum(difference.verdict in ("differs", "unresolved") for difference in tested)
    share = f"{word}: {len(chosen)} of {count(len(tested), 'difference')} in the primary table"
    return share if known == len(tested) else f"{share}, of which {known} could be tested"


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
        why = listed([f"{cause}" for cause in dict.fromkeys(moving.values())])
        lines_withheld = [line for line in lines if line.name in moving]
        return _extend(results, lines_withheld, f"conclusions are withheld, because {why}")
    limiting = _limiting([difference for difference in every if difference.verdict == "unresolved"])
    if limiting:
        longer = [line for line, _ in limiting if line is not None]
        committees = [committee for _, committee in limiting]
        return _extend(results, longer, LONGER_WHY) if longer else _train(results, committees)
    return (
        f"Next: no run proposed; every line has a run of at least {number(LONG_ENOUGH_PS)} ps after "
        "equilibration, and no tested difference is unresolved or withheld."
    )


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
    reserved = f" Provisional for {listed(near)}: the limit lies within two standard errors." * bool(near)
    first = (
        f"Next: train {listed(list(unusable))} longer or on more structures: errors on test frames are above "
        f"the limit for MD that this suite sets, and more MD of these members does not help.{reserved}"
    )
    after = f" Then run the MD of {listed(list(unusable))} anew, as long as the reference's"
    return f"{first}{after}. {_extend(results, short, CRITERIA_WHY, 'Then')}" if short else f"{first}{after}."


def _not_usable(results: Results, lines: list[Line]) -> dict[str, Judgement]:
    """Verdicts on committees that drive these lines and are not usable for MD, by name."""
    names = dict.fromkeys(line.potential.name for line in lines if not line.potential.reference)
    finals = {name: final_round(results, name) for name in names}
    judged = {name: judgement(results, final) for name, final in finals.items() if final}
    return {name: verdict for name, verdict in judged.items() if verdict and verdict.verdict == "not usable"}


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
