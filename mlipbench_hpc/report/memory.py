"""Functions whose value is computed once for each object, because sections ask for the same values."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Remembering(Protocol):
    """Anything with a place for values: the results, a group, a line."""

    @property
    def memory(self) -> dict[tuple[Any, ...], Any]:
        """Values by function and its other arguments."""
        ...


S = TypeVar("S", bound=Remembering)
P = ParamSpec("P")
T = TypeVar("T")


def remembered(function: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """`function` of an object and of names, computed once for each object and names.

    Callers must not change the value; it lives as long as the object.
    """

    @wraps(function)
    def wrapped(subject: S, /, *arguments: P.args, **options: P.kwargs) -> T:
        call = (function, *arguments, *options.items())
        if call not in subject.memory:
            subject.memory[call] = function(subject, *arguments, **options)
        value: T = subject.memory[call]
        return value

    return wrapped
