"""Speeds on GPUs that others have published, as the card of an architecture lists them.

    [[literature]]
    work = "md"                       # or "train"
    model = {r_max = 5.0}             # hyperparameters of the model that was timed; no other model is meant
    dtype = "float32"
    steps = 13_200_000                # of MD, or gradient updates,
    hours = [24, 24]                  # which take so many hours of one GPU: least and most, `inf` if unknown
    atoms = 384                       # of the system that was timed
    hardware = "NVIDIA A100"
    program = "gracemaker in LAMMPS"
    stated = "6.6 ns/day"             # the number in the source's words
    source = "arXiv:2602.22931, Section IV.A"

`plan` shows them beside its own estimate, and never in place of it: they are not of this program and machine.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

HOUR_S = 3600.0
WORKS = ("md", "train")
WORDS = ("work", "dtype", "hardware", "program", "stated", "source")
Problem = tuple[str, str]


@dataclass(frozen=True)
class Timed:
    """One entry of `literature` of a card, as above."""

    work: str
    model: Mapping[str, Any]
    dtype: str
    steps: float
    hours: tuple[float, float]
    atoms: float
    hardware: str
    program: str
    stated: str
    source: str

    def is_of(self, work: str, hyperparameters: Mapping[str, Any], dtype: str) -> bool:
        """True where this is the work and the model that was timed."""
        same = all(hyperparameters[name] == value for name, value in self.model.items())
        return (work, dtype) == (self.work, self.dtype) and same


@dataclass(frozen=True)
class Published:
    """What a task would take by the literature: least and most seconds of one GPU, and how that is known."""

    least_s: float
    most_s: float
    atoms: float
    hardware: str
    words: str


def published(
    entries: Sequence[Timed], work: str, parameters: Mapping[str, Any], atoms: float, steps: float
) -> Published | None:
    """Of `steps` with `atoms` atoms, in proportion to both; None where no such model was timed.

    parameters: `hyperparameters`, all of them, and `dtype`.
    """
    for own in entries:
        if own.is_of(work, parameters["hyperparameters"], parameters["dtype"]):
            least, most = (HOUR_S * hours * steps / own.steps * atoms / own.atoms for hours in own.hours)
            words = f"{own.stated}; {own.program}; {own.source}"
            return Published(least, most, own.atoms, own.hardware, words)
    return None


def literature_of(data: Mapping[str, Any]) -> tuple[Timed, ...]:
    """Entries of a parsed card.toml."""
    every = data.get("literature", [])
    return tuple(Timed(**{**table, "hours": tuple(map(float, table["hours"]))}) for table in every)


def wrong_entries(literature: Any) -> list[Problem]:
    """Missing and unknown keys and impossible values, as (dotted path, message)."""
    if not isinstance(literature, list) or not all(isinstance(table, dict) for table in literature):
        return [("literature", f"expected a list of tables, received {literature!r}")]
    return [
        (f"literature.{place}.{key}", message)
        for place, table in enumerate(literature)
        for key, message in _wrong(table)
    ]


def _wrong(table: Mapping[str, Any]) -> Iterator[Problem]:
    known = {item.name for item in fields(Timed)}
    yield from ((key, "unknown key") for key in sorted(set(table) - known))
    yield from ((key, "is missing") for key in sorted(known - set(table)))
    for key in WORDS:
        if key in table and not (isinstance(table[key], str) and table[key]):
            yield key, f"expected words, received {table[key]!r}"
    if "work" in table and table["work"] not in WORKS:
        yield "work", f"expected one of {', '.join(WORKS)}, received {table['work']!r}"
    if "model" in table and not (isinstance(table["model"], dict) and table["model"]):
        yield "model", f"expected a table of hyperparameters, received {table['model']!r}"
    for key in ("steps", "atoms"):
        if key in table and not (_is_number(table[key]) and 0 < table[key] < math.inf):
            yield key, f"expected a number above 0, received {table[key]!r}"
    if "hours" in table and not _is_range(table["hours"]):
        yield "hours", f"expected [least, most] above 0, received {table['hours']!r}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
        return False
    return bool(0 < value[0] <= value[1] and value[0] < math.inf)
