"""Base classes of all parts of the schema."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]?$")]
Count = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


# A mistake within what is validated: its place, what was received there, and what is expected.
Wrong = tuple[tuple[str | int, ...], str, str]


class Misplaced(ValueError):
    """Mistakes at places within what is validated."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        super().__init__("; ".join(f"expected {expected}" for _, _, expected in wrong))
        self.wrong = tuple(wrong)


def require(*checks: Iterable[Wrong]) -> None:
    """Raise Misplaced with every mistake that the checks find."""
    if wrong := [one for check in checks for one in check]:
        raise Misplaced(wrong)


def each_once(key: str, values: Sequence[object], *within: str | int) -> Iterator[Wrong]:
    """Values under `key` that stand there twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (*within, key, index), repr(value), f"each of `{key}` once"


def each_listed(
    key: str, values: Iterable[object], by: str, known: Collection[object], *within: str | int
) -> Iterator[Wrong]:
    """Values, or names, under `key` that are not listed under `by`."""
    for index, value in enumerate(values):
        if value not in known:
            yield (*within, key, index), repr(value), f"one of `{by}`: {', '.join(map(str, known))}"


class Spec(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
