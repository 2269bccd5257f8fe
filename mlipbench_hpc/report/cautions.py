"""Warnings of all sections by kind, each with the runs, committees and datasets that it concerns."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mlipbench_hpc.report.section import Block, Caution, Content, Folded, Heading, Points
from mlipbench_hpc.report.text import listed

FORMULA = r"(?:[A-Z][a-z]?\d+){2,}"
NUMBER = r"[+−-]?\d+(?:[.\u2009]\d+)*"
VARIABLE = re.compile(rf"(?<![A-Za-z_\d.])(?:{FORMULA}|{NUMBER})(?![A-Za-z_\d])")
WHOSE = re.compile(r"^((?:replica|member) [\d, and]+): ")
MOST_PLACES = 8


@dataclass(frozen=True)
class Kind:
    """Warnings of equal text from several places."""

    sentence: str
    cautions: list[Caution]

    @property
    def places(self) -> list[str]:
        """Names of the places concerned, with the replicas or members that the sentences name."""
        by_place: dict[str, dict[str, None]] = {}
        for caution in self.cautions:
            named = WHOSE.match(caution.sentence)
            by_place.setdefault(caution.place, {}).update({named[1]: None} if named else {})
        return [f"{place} ({_joined(list(whose))})" if whose else place for place, whose in by_place.items()]

    def line(self) -> str:
        """Sentence of the warning, followed by the places concerned."""
        named = self.places[:MOST_PLACES]
        rest = len(self.places) - len(named)
        return f"{_capital(self.sentence)} [{listed(named + [f'{rest} more'] * bool(rest))}]"


def kinds(contents: Iterable[Content]) -> list[Kind]:
    """Kinds of warnings, most consequential first, then those of the most places."""
    by_kind: dict[tuple[int, str], list[Caution]] = {}
    for caution in dict.fromkeys(caution for content in contents for caution in content.warnings):
        shape = caution.kind or VARIABLE.sub("#", _bare(caution))
        by_kind.setdefault((caution.consequence, shape), []).append(caution)
    together = {key: Kind(own[0].kind or merged([*map(_bare, own)]), own) for key, own in by_kind.items()}
    return [together[key] for key in sorted(together, key=lambda key: (key[0], -len(together[key].places)))]


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


def merged(sentences: list[str]) -> str:
    """Merge sentences that differ in numbers and formulas alone; numbers become `least to most`."""
    texts = VARIABLE.split(sentences[0])
    columns = list(zip(*(VARIABLE.findall(sentence) for sentence in sentences), strict=True))
    return "".join(part for pair in zip(texts, [*map(_span, columns), ""], strict=True) for part in pair)


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
    return float(text.replace("−", "-").replace("\u2009", ""))


def _bare(caution: Caution) -> str:
    """Sentence without replica or member, which stand beside its place."""
    return WHOSE.sub("", caution.sentence)


def _capital(sentence: str) -> str:
    """Sentence with a capital letter; symbols such as α stay as they are."""
    return sentence[0].upper() + sentence[1:] if sentence[0].isascii() else sentence
