"""What the numbers of `truth` say, sentence by sentence: resolved, covered, unresolved, left out."""

import re
from collections import Counter

from mlipbench_hpc.analysis.inference import LEVEL
from mlipbench_hpc.report.text import count, listed, number, plus_minus
from mlipbench_hpc.report.truth.check import Checked
from mlipbench_hpc.report.truth.judge import COSINE, Covered, Judgement, Study
from mlipbench_hpc.report.truth.tables import WORDS

FAR = 2.0  # errors


def sentences(
    every: list[Study], tests: list[Judgement], rows: list[Covered], check: list[Checked]
) -> list[str]:
    """What is resolved and how far errors hold, then what is not, and what was left out."""
    lines = [line for study in every for line in _resolved(study, tests)]
    lines += [line for row in rows for line in _coverage_lines(row)]
    lines += [line for study in every for line in _gate(study)]
    lines += _unchecked(every, check)
    for verdict, words in (("no", "fails"), ("not decided: longer runs", "is not decided")):
        chosen = [
            f"{row.study} in {WORDS[row.number]} by {plus_minus(row.difference, row.error)}, limit "
            f"{number(row.limit)}"
            for row in check
            if row.verdict == verdict
        ]
        lines += [f"The check of the timestep {words}: {listed(chosen)}."] * bool(chosen)
    lines += [line for study in every for line in _unresolved(study, tests)]
    lines += dict.fromkeys(line for study in every for line in _lost(study))
    lines += [line for study in every for line in _without_alpha(study)]
    for why, names in _left_out(rows).items():
        lines.append(f"Left out of coverage: {'; '.join(names)} ({why}).")
    return lines or ["No run of any study is there yet: nothing is resolved."]


def _resolved(study: Study, tests: list[Judgement]) -> list[str]:
    """Declared differences of a study that are resolved, and compared committees far from the truth."""
    chosen = [_named(test) for test in tests if test.study == study.name and test.verdict == "differs"]
    return [f"{study.name}, resolved: {'; '.join(chosen)}."] * bool(chosen) + _beyond(study)


def _unresolved(study: Study, tests: list[Judgement]) -> list[str]:
    """How many declared differences of a study are unresolved, have no numbers, or are withheld, and why."""
    own, lines = [test for test in tests if test.study == study.name], []
    for verdict in ("unresolved", "no numbers"):
        pairs = Counter(_pair(test) for test in own if test.verdict == verdict)
        of = [f"{pair} in {times} of {len(study.spec.numbers)}" for pair, times in pairs.items()]
        lines += [f"{study.name}, {verdict}: {'; '.join(of)} numbers."] * bool(of)
    held = Counter(test.withheld for test in own if test.withheld and test.withheld != study.gate)
    lines += [f"{study.name}, withheld: {count(times, 'difference')}, {why}." for why, times in held.items()]
    if gated := sum(test.withheld == study.gate for test in own if study.gate):
        lines.append(f"{study.name}: {count(gated, 'difference')} withheld by the gate.")
    return lines


def _coverage_lines(row: Covered) -> list[str]:
    """How far a number's errors hold, and an error that all committees share."""
    lines, alone, both = [], row.sampling, row.both
    if both.number > 1:
        lines.append(
            f"{WORDS[row.number]}, coverage by {count(both.number, 'committee')}: rms of z "
            f"{number(both.rms)} ({number(both.low)} to {number(both.high)}) of both errors, where "
            f"{number(both.expected[2])} is expected of right ones; of sampling alone {number(alone.rms)}."
        )
    if row.shared and row.shared_p <= LEVEL:
        mean = plus_minus(row.shared.difference, row.shared.error)
        lines.append(
            f"{WORDS[row.number]}: {count(len(row.deviations), 'independent committee')} share an error, "
            f"{mean} on average (p = {number(row.shared_p, 2)})."
        )
    return lines


def _unchecked(every: list[Study], rows: list[Checked]) -> list[str]:
    """Checks of the timestep that say nothing: runs are not there, or nothing is concluded from them."""
    there = {row.study for row in rows}
    lacking = [study for study in every if study.spec.check and study.name not in there]
    lines = [f"{study.name}: no numbers for the check of the timestep." for study in lacking]
    held = [row for row in rows if row.withheld]
    lines += [f"{row.study}: the check of the timestep is withheld, {row.withheld}." for row in held]
    return list(dict.fromkeys(lines))


def _gate(study: Study) -> list[str]:
    """Why the gate is closed, or with what it is open."""
    if study.gate or not study.spec.gate:
        return [f"{study.name}: {study.gate}."] * bool(study.gate)
    known = {name: study.deviation(name, COSINE) for name in study.spec.gate.committees}
    apart = [f"{name} {number(own.difference, 2)}" for name, own in known.items() if own]
    words = f"{WORDS[COSINE]} less that of {study.spec.reference}, limit {study.spec.gate.cosine:g}"
    return [f"{study.name}: the gate is open ({words}: {listed(apart)})."]


def _beyond(study: Study) -> list[str]:
    """Compared committees that are more than two of both errors from the truth."""
    words = []
    for committee in study.spec.compare:
        every = {name: study.deviation(committee, name) for name in study.spec.numbers}
        far = [
            f"{WORDS[name]} ({number(own.z, 2)}{'' if own.training > 0 else ', of sampling alone: σ is 0'})"
            for name, own in every.items()
            if own and abs(own.z) > FAR and not study.against_truth(committee, name)
        ]
        words += [f"{committee} in {listed(far)}"] * bool(far)
    known = f"{study.name}, more than two of both errors from the truth, each alone (z): {'; '.join(words)}."
    return [known] * bool(words)


def _lost(study: Study) -> list[str]:
    """Runs of the reference and of the committees that were unstable or whose water decomposed."""
    name, causes = study.spec.reference, study.lost(study.spec.reference)
    runs = f"{count(len(causes), 'run')} of it unstable"
    lines = [f"{name}, the reference: {runs}, and left out ({_times(causes)})."] * bool(causes)
    for committee in study.spec.committees:
        if causes := study.unstable(committee):
            runs = f"{len(causes)} of {study.spec.members} runs"
            lines.append(f"{study.name}: {runs} of {committee} unstable, and left out ({_times(causes)}).")
    return lines


def _times(causes: list[str]) -> str:
    """Causes, those that differ in numbers alone once, with how many there are."""
    alike: dict[str, list[str]] = {}
    for cause in causes:
        alike.setdefault(re.sub(r"[\d.]+", "#", cause), []).append(cause)
    return "; ".join(own[0] + f", {len(own)} such" * (len(own) > 1) for own in alike.values())


def _without_alpha(study: Study) -> list[str]:
    """Committees whose band is not scaled, by the reason."""
    by: dict[str, list[str]] = {}
    for committee in study.spec.committees:
        if why := study.without_alpha(committee):
            by.setdefault(why, []).append(committee)
    return [
        f"{study.name}: no α of {listed(names)} ({why}): the truth counts as one more member."
        for why, names in by.items()
    ]


def _left_out(rows: list[Covered]) -> dict[str, list[str]]:
    """Committees that coverage leaves out and the numbers that they are left out of, by the reason."""
    by: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for committee, why in row.left_out.items():
            by.setdefault(why, {}).setdefault(committee, []).append(WORDS[row.number])
    return {why: [f"{name} in {listed(of)}" for name, of in own.items()] for why, own in by.items()}


def _pair(test: Judgement) -> str:
    return f"{test.committee} against {test.against}"


def _named(test: Judgement) -> str:
    own = test.comparison
    apart = f" ({plus_minus(own.difference, own.error)})" if own else ""
    return f"{_pair(test)} in {WORDS[test.number]}{apart}"
