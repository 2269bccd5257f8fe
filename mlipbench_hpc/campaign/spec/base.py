"""Base classes of all parts of the schema."""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]?$")]
Count = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class Misplaced(ValueError):
    """A mistake at a place within what is validated: what was received there, and what is expected."""

    def __init__(self, place: tuple[str | int, ...], received: str, expected: str) -> None:
        super().__init__(f"expected {expected}")
        self.place, self.received, self.expected = place, received, expected


def each_once(key: str, values: Sequence[object]) -> None:
    """Raise Misplaced at the first of the values under `key` that stands there twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            raise Misplaced((key, index), repr(value), f"each of `{key}` once")


def each_listed(key: str, values: Iterable[object], by: str, known: Collection[object]) -> None:
    """Raise Misplaced at the first of the values, or names, under `key` that is not listed under `by`."""
    for index, value in enumerate(values):
        if value not in known:
            expected = f"one of `{by}`: {', '.join(map(str, known))}"
            raise Misplaced((key, index), repr(value), expected)


class Spec(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
