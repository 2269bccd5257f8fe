"""Interface between a run and its observables: families of `worker.observables`, all from one reading."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.onepass import feed
from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.profiles import profiler
from mlipbench_hpc.worker.stretch import Notes, Stretch

UNSTABLE = "the run was unstable, and profiles leave such runs out"


class Sums(Protocol):
    """Sums over frames as they come."""

    def add(self, positions: NDArray[np.floating]) -> None:
        """Add the next frames (F, N, 3) Å."""
        ...


S = TypeVar("S", bound=Sums)


@dataclass
class Run:
    """Analysed frames of one MD run. `sums`: sums that the reading adds frames to, in this order."""

    context: Context
    stretch: Stretch
    notes: Notes
    unstable: bool = False
    sums: dict[Callable[["Run"], Sums], Sums] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the task."""
        return self.context.parameters

    @property
    def blocks(self) -> int:
        """Number of equal blocks that the frames fill."""
        return int(self.parameters["blocks"])

    @cached_property
    def interface(self) -> Profiler:
        """Surface, waters and ions of the first frame; ValueError where the run has no profiles."""
        self.require_stable()
        return profiler(self.stretch, self.parameters["profiles"])

    def require_stable(self) -> None:
        """Raise ValueError for a run that ended as unstable, which most observables leave out."""
        if self.unstable:
            raise ValueError(UNSTABLE)

    def shared(self, start: Callable[["Run"], S]) -> S:
        """Sums of a kind, one instance for all families that need them, so that frames are added once."""
        if start not in self.sums:
            self.sums[start] = start(self)
        sums: Any = self.sums[start]
        return sums  # type: ignore[no-any-return]

    def read(self) -> None:
        """Read the frames once, for all sums; not at all where there are none."""
        if self.sums:
            feed(watched(self.context, self.stretch), [sums.add for sums in self.sums.values()])


@dataclass(frozen=True)
class Produced:
    """Values that a family adds to its part of result.json, and the observables described by them."""

    values: dict[str, Any] = field(default_factory=dict)
    observables: list[Observable] = field(default_factory=list)


Finish = Callable[[], Produced]


@dataclass(frozen=True)
class Family:
    """Observables that are computed together. part: of result.json's values; order: of its notes.

    `start` is called before the frames are read: it asks the run for the sums it needs and returns a function
    to call afterwards, which writes files and returns values; None where this run has no such observable. A
    ValueError gives the reason why the whole part is missing.
    """

    part: str
    order: int
    start: Callable[[Run], Finish | None]


def observe(run: Run, families: list[Family]) -> dict[str, Any]:
    """Values by part, and `descriptors` of all observables in the order of the report.

    Writes the files of all observables.
    """
    values: dict[str, Any] = {}
    begun: list[tuple[Family, Finish]] = []
    for family in sorted(families, key=lambda family: family.order):
        try:
            finish = family.start(run)
        except ValueError as reason:
            values[family.part] = {"skipped": str(reason)}
            continue
        if finish is not None:
            begun.append((family, finish))
    run.read()
    observables: list[Observable] = []
    for family, finish in begun:
        produced = finish()
        values.setdefault(family.part, {}).update(produced.values)
        observables += produced.observables
    return values | {"descriptors": descriptors(observables)}


def descriptors(observables: list[Observable]) -> list[dict[str, Any]]:
    """Descriptions for result.json, in the order of the report; ValueError where two have the same name."""
    names = [observable.name for observable in observables]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two observables are called {', '.join(twice)}: rename the one from outside")
    return [
        observable.to_json() for observable in sorted(observables, key=lambda observable: observable.order)
    ]


def watched(context: Context, stretch: Stretch) -> Iterator[NDArray[np.floating]]:
    """Positions (f, N, 3) Å piece by piece, as stored; checks the deadline and reports progress between."""
    for part in stretch.parts():
        context.check()
        yield stretch.trajectory.positions[stretch.span][part]
        let_go(stretch.trajectory.positions)
        context.progress(part.stop, len(stretch), "frames")
