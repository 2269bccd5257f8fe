"""Warnings of all sections by kind, each with the runs, committees and datasets that it concerns."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mlipbench_hpc.report.section import Block, Caution, Content, Folded, Heading, Points
from mlipbench_hpc.report.text import listed

FORMULA = r"(?:[A-Z][a-z]?\d+){2,}"
NUMBER = r"[+−-]?\d+(?:[.\u2009]\d+)*(?:e[+−-]\d+)?"
# A number with its error is a single value.
VARIABLE = re.compile(rf"(?<![A-Za-z_\d.])(?:{FORMULA}|{NUMBER}(?: ± {NUMBER})?)(?![A-Za-z_\d])")
GAP = "…"
WHOSE = re.compile(r"^((?:replica|member) [\d, and]+): ")
MOST_PLACES = 8


@dataclass(frozen=True)
class Kind:
    """Warnings of equal text from several places.

    sentence: with the numbers that all places share; `…` stands for the others, which are named beside each
    place.
    """

    sentence: str
    cautions: list[Caution]

    @property
    def places(self) -> list[str]:
        """Names of the places concerned, with the replicas or members that the sentences name, and values."""
        gaps = self._gaps()
        return [_named(place, own, _values(own, gaps)) for place, own in self.by_place().items()]

    def by_place(self) -> dict[str, list[Caution]]:
        """Warnings of each place."""
        by_place: dict[str, list[Caution]] = {}
        for caution in self.cautions:
            by_place.setdefault(caution.place, []).append(caution)
        return by_place

    def _gaps(self) -> list[int]:
        """Columns of the numbers for which the sentence has `…`; [] where values are stated."""
        if self.cautions[0].kind or len(self.by_place()) == 1:
            return []
        return [column for column, values in enumerate(_columns(self.cautions)) if len(set(values)) > 1]

    def line(self) -> str:
        """Sentence of the warning, followed by the places concerned."""
        places = self.places
        named = places[:MOST_PLACES]
        rest = len(places) - len(named)
        named += [f"{rest} more"] * bool(rest)
        words = "; ".join(named) if any(": " in place for place in named) else listed(named)
        return f"{_capital(self.sentence)} [{words}]"


def _values(own: list[Caution], gaps: list[int]) -> str:
    """Values of one place for the gaps of the sentence, in their order; where stated, those stated."""
    if own[0].kind:
        return own[0].value
    columns = _columns(own) if gaps else []
    return listed([_span(columns[gap]) for gap in gaps])


def _named(place: str, own: list[Caution], values: str) -> str:
    whose = dict.fromkeys(named[1] for caution in own if (named := WHOSE.match(caution.sentence)))
    name = f"{place} ({_joined(list(whose))})" if whose else place
    return f"{name}: {values}" if values else name


def _columns(own: list[Caution]) -> list[tuple[str, ...]]:
    """Numbers and formulas of sentences of equal text, one tuple for each of their places in it."""
    return list(zip(*(VARIABLE.findall(_bare(caution)) for caution in own), strict=True))


def kinds(contents: Iterable[Content]) -> list[Kind]:
    """Kinds of warnings, most consequential first, then those of the most places."""
    by_kind: dict[tuple[int, str], list[Caution]] = {}
    for caution in dict.fromkeys(caution for content in contents for caution in content.warnings):
        shape = caution.kind or VARIABLE.sub("#", _bare(caution))
        by_kind.setdefault((caution.consequence, shape), []).append(caution)
    together = {key: Kind(own[0].kind or merged(own), own) for key, own in by_kind.items()}
    rank = {key: (key[0], -len(kind.by_place())) for key, kind in together.items()}
    return [together[key] for key in sorted(together, key=rank.__getitem__)]


def blocks(every: list[Kind]) -> list[Block]:
    """One line for each kind, and folded every single warning with the amount of data of its place."""
    details: list[Block] = []
    for kind in every:
        details.append(Heading(_capital(kind.sentence)))
        details.append(Points([f"{caution.about}: {caution.sentence}" for caution in kind.cautions]))
    if not every:
        return []
    return [Points([kind.line() for kind in every], warnings=True), Folded("Each warning in full", details)]


def _joined(words: list[str]) -> str:
    """Join `replica 0` and `replica 1` to `replicas 0 and 1`."""
    kind = words[0].partition(" ")[0]
    return f"{kind}{'s' * (len(words) > 1)} {listed([word.removeprefix(f'{kind} ') for word in words])}"


def merged(own: list[Caution]) -> str:
    """Sentence of warnings that differ in numbers and formulas alone.

    Of a single place they become `least to most`; of several places each has its own, and `…` stands there.
    """
    alone = len({caution.place for caution in own}) == 1
    gaps = [_span(values) if alone or len(set(values)) == 1 else GAP for values in _columns(own)]
    texts = VARIABLE.split(_bare(own[0]))
    return "".join(part for pair in zip(texts, [*gaps, ""], strict=True) for part in pair)


def _span(values: tuple[str, ...]) -> str:
    """Text for several values of one number or formula: least and greatest number, or all formulas."""
    different = list(dict.fromkeys(values))
    if len(different) == 1:
        return different[0]
    if any(value[0].isalpha() for value in different):
        return listed(different)
    ordered = sorted(different, key=_value)
    return f"{ordered[0]} to {ordered[-1]}"


def _value(text: str) -> float:
    return float(text.partition(" ±")[0].replace("−", "-").replace("\u2009", ""))


def _bare(caution: Caution) -> str:
    """Sentence without replica or member, which stand beside its place."""
    return WHOSE.sub("", caution.sentence)


def _capital(sentence: str) -> str:
    """Sentence with a capital letter; symbols such as α stay as they are."""
    return sentence[0].upper() + sentence[1:] if sentence[0].isascii() else sentence
