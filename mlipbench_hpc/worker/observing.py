"""What observables see of a run, and what they give: families of `worker.observables`, fed in one reading."""

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
        """The next frames (F, N, 3) Å."""
        ...


S = TypeVar("S", bound=Sums)


@dataclass
class Run:
    """One MD run's analysed frames. `sums`: what is fed by the reading, in this order."""

    context: Context
    stretch: Stretch
    notes: Notes
    unstable: bool = False
    sums: dict[Callable[["Run"], Sums], Sums] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """The task's parameters."""
        return self.context.parameters

    @property
    def blocks(self) -> int:
        """The number of equal blocks that the frames fill."""
        return int(self.parameters["blocks"])

    @cached_property
    def interface(self) -> Profiler:
        """Surface, waters and ions of the first frame; ValueError says why the run has no profiles."""
        self.require_stable()
        return profiler(self.stretch, self.parameters["profiles"])

    def require_stable(self) -> None:
        """ValueError for a run that ended as unstable: most observables leave it out."""
        if self.unstable:
            raise ValueError(UNSTABLE)

    def shared(self, start: Callable[["Run"], S]) -> S:
        """The run's only sums of a kind, for all families that need them: fed once."""
        if start not in self.sums:
            self.sums[start] = start(self)
        sums: Any = self.sums[start]
        return sums  # type: ignore[no-any-return]

    def read(self) -> None:
        """One reading of the frames, for all sums; none where there are no sums."""
        if self.sums:
            feed(watched(self.context, self.stretch), [sums.add for sums in self.sums.values()])


@dataclass(frozen=True)
class Produced:
    """What a family adds to its part of result.json's values, and the observables that it describes."""

    values: dict[str, Any] = field(default_factory=dict)
    observables: list[Observable] = field(default_factory=list)


Finish = Callable[[], Produced]


@dataclass(frozen=True)
class Family:
    """Observables that come about together. part: of result.json's values; order: of its notes.

    `start` is called before the frames are read: it asks the run for the sums it needs and returns what to
    call afterwards, which writes files and gives values; None where this run has no such observable. A
    ValueError says why the whole part is missing.
    """

    part: str
    order: int
    start: Callable[[Run], Finish | None]


def observe(run: Run, families: list[Family]) -> dict[str, Any]:
    """Values by part, and `descriptors` of all observables in the order of the report; writes their files."""
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
    """As result.json holds them, in the order of the report; ValueError where two have the same name."""
    names = [observable.name for observable in observables]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two observables are called {', '.join(twice)}: rename the one from outside")
    return [
        observable.to_json() for observable in sorted(observables, key=lambda observable: observable.order)
    ]


def watched(context: Context, stretch: Stretch) -> Iterator[NDArray[np.floating]]:
    """Positions (f, N, 3) Å piece by piece, as stored; between pieces deadline and progress are looked at."""
    for part in stretch.parts():
        context.check()
        yield stretch.trajectory.positions[stretch.span][part]
        let_go(stretch.trajectory.positions)
        context.progress(part.stop, len(stretch), "frames")
