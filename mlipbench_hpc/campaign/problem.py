"""A mistake in a user's file, with everything needed to mend it."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

Place = tuple[str | int, ...]
# Names that a message lists.
MOST_CHOICES = 12


@dataclass(frozen=True)
class Problem:
    """One mistake: where (file, line, dotted path), what is wrong, received, expected, and a near name."""

    file: Path
    line: int
    path: str
    message: str
    received: str = ""
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {said(self.path, self)}"


def said(path: str, own: "Problem | Mistake") -> str:
    """What is wrong at a dotted path, received and expected, in one sentence."""
    parts = [
        f"{path}: {own.message}" if path else own.message,
        f"received {own.received}" if own.received else "",
        f"expected {own.expected}" if own.expected else "",
        f"did you mean `{own.hint}`?" if own.hint else "",
    ]
    return "; ".join(part for part in parts if part)


class CampaignError(Exception):
    """A campaign or site file cannot be used; `problems` holds every mistake found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StudyError(ValueError):
    """An entry point that leads to no study, or two studies of one kind; their author has to correct it."""


@dataclass(frozen=True)
class Mistake:
    """A mistake whose line is not known yet: `place` is its path in the document."""

    place: Place
    message: str
    received: str = ""
    expected: str = ""
    hint: str = ""

    @property
    def said(self) -> str:
        """`runs.film.0.outcome: wrong value; received 3; expected a word`."""
        return said(".".join(map(str, self.place)), self)


@dataclass(frozen=True)
class Lines:
    """Where in the file each part of the document stands."""

    file: Path
    of: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest part around it that is written down."""
        while place and place not in self.of:
            place = place[:-1]
        return self.of.get(place, 1)

    def problem(self, mistake: Mistake) -> Problem:
        """The mistake with its file and line."""
        return Problem(
            self.file,
            self.line(mistake.place),
            dotted(mistake.place),
            mistake.message,
            mistake.received,
            mistake.expected,
            mistake.hint,
        )


def dotted(place: Place) -> str:
    """`md.bulk.start.frames[2]`; a key that is no plain word is quoted."""
    text = ""
    for part in place:
        word = (
            part if isinstance(part, str) and part.replace("_", "").replace("-", "").isalnum() else repr(part)
        )
        text += f"[{part}]" if isinstance(part, int) else f".{word}"
    return text.removeprefix(".")


def near(word: object, known: Iterable[str]) -> str:
    """The known name most like `word`, or nothing."""
    by_lower = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(str(word).lower(), by_lower, 1, 0.6)
    return by_lower[nearest[0]] if nearest else ""


def choices(known: Collection[str], section: str) -> str:
    """`one of a, b, … and 3 more`: the entries of a section that a name may be."""
    if not known:
        return f"an entry under `{section}`, which is empty"
    more = f" and {len(known) - MOST_CHOICES} more" if len(known) > MOST_CHOICES else ""
    return f"one of {', '.join(list(known)[:MOST_CHOICES])}{more}"


def shown(value: object) -> str:
    """A received value in few words."""
    if isinstance(value, dict):
        return "a mapping with " + (", ".join(map(str, list(value)[:5])) or "no keys")
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
