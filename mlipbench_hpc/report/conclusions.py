"""Conclusions in three sentences: resolved and unresolved differences, and the next run with its cost."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, Comparison, welch
from mlipbench_hpc.analysis.stationarity import LEAST_P, STATIONARY_LEVEL
from mlipbench_hpc.report import convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.comparison import scatter_words
from mlipbench_hpc.report.groups import Group, Line, groups
from mlipbench_hpc.report.layers import beginning, conditional
from mlipbench_hpc.report.next_run import next_run
from mlipbench_hpc.report.series import control
from mlipbench_hpc.report.significance import PrimaryTest, unmatched
from mlipbench_hpc.report.starts import common_past
from mlipbench_hpc.report.stationary import Cause, change_of, drift_words
from mlipbench_hpc.report.summary_table import Difference, differences
from mlipbench_hpc.report.temperatures import unclear
from mlipbench_hpc.report.text import count, listed, number, plus_minus

FEWEST_MOVES = 3


@dataclass(frozen=True)
class Conclusion:
    """statement: what a hurried reader takes away; reservations: sentences on what it hangs on, or empty.

    brief: the reservations in a few words, for those who do not read them.
    """

    statement: str
    reservations: str = ""
    brief: str = ""

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
    kinds = {
        "not converged": _provisional({own.group.title: own.group for own in chosen}.values()),
        "errors of single runs too small": _controls(chosen),
        "runs still relaxing": _relaxing(tested),
    } | _conditions(chosen)
    word = "Resolved, with reservations" if any(kinds.values()) else "Resolved"
    words = f"{_share(word, chosen, tested)}. {_by_line(chosen, sized=True)}."
    return _reserved(words, kinds)


def _reserved(statement: str, kinds: dict[str, str]) -> Conclusion:
    """Conclusion with its reservations; kinds: their sentences by a few words for each, empty where none."""
    known = {brief: words.strip() for brief, words in kinds.items() if words}
    return Conclusion(statement, " ".join(known.values()), "; ".join(known))


def _members(tested: list[Difference]) -> str:
    """Sentence on the models of which one member alone ran and is tested; empty where committees are."""
    subjects = [own.test.subject for own in tested if own.test and not own.line.potential.reference]
    alone = list(dict.fromkeys(subject for subject in subjects if subject.startswith("member")))
    return f" Of the models {listed(alone)} alone ran, not the committees." * bool(alone)


def _provisional(compared: Iterable[Group]) -> str:
    """Reservation about the sentence on differences where runs fail criteria of convergence."""
    open_groups = [group.title for group in compared if not convergence.converged(group)]
    where = f" in {listed(open_groups)}"
    return f"Provisional, because runs{where} are not converged: more MD may change it." * bool(open_groups)


def _conditions(chosen: list[Difference]) -> dict[str, str]:
    """Reservations: where ions began, temperatures, drift, common starts, unstable runs."""
    lines = {line.name: line for difference in chosen for line in (difference.line, difference.other)}
    bound: dict[str, list[str]] = {}
    for name, line in lines.items():
        if conditional(line):
            bound.setdefault(beginning(line), []).append(name)
    parts = [f"the {place} where the ions of {listed(names)} began" for place, names in bound.items()]
    cold = [f"{name} ({words})" for name, line in lines.items() if (words := unclear(line))]
    return {
        "conditional on where ions began": f"Conditional on {', and on '.join(parts)}." * bool(parts),
        "temperatures off": f"Off their temperature, though no test resolves it: {'; '.join(cold)}."
        * bool(cold),
        "drifting": _drifts(chosen),
        "not resolved without runs off their temperature": _of_cold_runs(chosen),
        "starts not independent": _common_past(chosen),
        "of surviving runs": _survivors(lines.values()),
    }


def _of_cold_runs(chosen: list[Difference]) -> str:
    """Sentence on differences that runs off their temperature alone resolve, in the same corrected table."""
    parts = [
        f"{_pair(own)} in {own.quantity.phrase} of {own.group.title} ({_without(part[0], own.test)})"
        for own in chosen
        if own.test and own.verdict == "differs" and (part := own.test.at_temperature)
        if not own.test.p_at_temperature <= LEVEL
    ]
    return (
        f"Not resolved without the runs off their temperature (Holm-corrected; few runs are left): "
        f"{'; '.join(parts)}."
    ) * bool(parts)


def _without(left: Comparison, test: PrimaryTest) -> str:
    """`−0.357 ± 0.055, p = 0.07`; `no run is left`."""
    if np.isnan(test.p_at_temperature):
        return "no run is left"
    size = "+" * (left.difference > 0) + plus_minus(left.difference, left.error)
    return f"{size}, p = {number(test.p_at_temperature, 2)}"


def _survivors(lines: Iterable[Line]) -> str:
    """Sentence on lines of which runs are excluded: their numbers are those of the rest."""
    parts = [
        f"{len(line.left_out)} of {count(len(line.left_out) + len(line.runs), 'run')} of {line.name}"
        for line in lines
        if line.left_out
    ]
    return f"Excluded, so that numbers are those of the other runs alone: {listed(parts)}." * bool(parts)


def _relaxing(tested: list[Difference]) -> str:
    """Sentence on runs of models that, taken together, still move away from what they are compared with.

    Of each pair of lines the first number: changes of both between the halves of their runs, outwards, with
    the p of Student's t; over at least three pairs by Stouffer's method, at p ≤ 0.01.
    """
    pairs = {(own.line.name, own.other.name): own for own in reversed(tested)}
    moves = [move for own in pairs.values() if (move := _outwards(own))]
    if len(moves) < FEWEST_MOVES:
        return ""
    p = np.clip([own.p / 2 if own.difference > 0 else 1 - own.p / 2 for own in moves], LEAST_P, 1 - LEAST_P)
    # Comparisons with one reference share its change, at most so that all are one: √K is replaced by K.
    shared = len({own.other.name for own in pairs.values()}) < len(pairs)
    scale = len(p) if shared else math.sqrt(len(p))
    together = 1 - NormalDist().cdf(sum(NormalDist().inv_cdf(1 - one) for one in p) / scale)
    if together > STATIONARY_LEVEL:
        return ""
    return (
        "Runs of models still move away from what they are compared with: between halves their differences "
        f"grow in {count(len(moves), 'comparison')} taken together (Stouffer, p = {number(together, 1)}): "
        "longer runs may show larger ones."
    )


def _outwards(own: Difference) -> Comparison | None:
    """Change of a difference between halves of the runs, positive where it grows; None without p."""
    changes = [change_of(line, own.quantity.name) for line in (own.line, own.other)]
    if None in changes or not own.whole.difference:
        return None
    first, second = (change for change in changes if change)
    whole = welch(
        math.copysign(1.0, own.whole.difference) * (first.difference - second.difference),
        [*first.terms, *second.terms],
    )
    return whole if math.isfinite(whole.p) else None


def _drifts(chosen: list[Difference]) -> str:
    """Sentence on changes between halves of runs that exceed the standard error of their mean."""
    parts = [
        f"{line.name} in {difference.quantity.phrase} ({words.removeprefix('drift ')})"
        for difference in chosen
        for line in (difference.line, difference.other)
        if (words := drift_words(line, difference.quantity.name))
    ]
    every = listed(list(dict.fromkeys(parts)))
    return f"Still drifting between halves of the runs: {every}." * bool(parts)


def _controls(chosen: list[Difference]) -> str:
    """Sentence on the controls that fail: errors within single runs are too small for runs so short."""
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
    return f"Errors within single runs are too small, by the control: {'; '.join(parts)}." * bool(parts)


def _common_past(chosen: list[Difference]) -> str:
    """Sentences on pairs of lines whose runs share their past, those of equal distance together."""
    pairs = {(own.line.name, own.other.name): (own.line, own.other) for own in chosen}
    together: dict[tuple[str, str, str], list[str]] = {}
    for line, other in pairs.values():
        if past := common_past(line, other):
            together.setdefault((past.other, past.apart, past.time), []).append(past.line)
    return " ".join(
        f"Not independent of {other}: {listed(lines)}, whose starts lie {apart} ps from its own "
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
    return _reserved(words, _conditions(chosen))


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
