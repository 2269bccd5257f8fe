"""Observables from packages outside this one: a function of one frame, which the suite averages.

An entry point of group `mlipbench_hpc.observables` leads to a `Framewise`. An image holds no entry points, so
tasks carry the entry point's value, `module:attribute`, and the digest of the package's source.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.contract.versions import Source, package_folder
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.observable import Observable

GROUP = "mlipbench_hpc.observables"
PART = "scalars"  # key of single numbers among result.json's values


class ObservableError(InputFailure):
    """Error: an entry point adds an observable that cannot be used; its author corrects it."""


@dataclass(frozen=True)
class Frame:
    """One frame of a run: numbers (N,) atomic numbers, positions (N, 3) Å as stored, cell (3, 3) Å.

    heights (faces, N) Å above the surface layer of each face along its outward normal; without a slab no row.
    waters (W, 3): indices of O, H, H of each molecule that is water in this frame.
    """

    numbers: Ints
    positions: Floats
    cell: Floats
    heights: Floats
    waters: Ints


@dataclass(frozen=True)
class Framewise:
    """Observable whose average over frames is that of `of_frame`, with the error of its blocks.

    bins: centres (B,) along the observable's axis, in its unit, and `of_frame` returns (B,); none where it
    returns one number. The suite decides files, columns and figures. source: the entry point's value, set by
    `load`.
    """

    observable: Observable
    of_frame: Callable[[Frame], Floats | float]
    bins: tuple[float, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def described(self) -> Observable:
        """Observable with the place of its numbers: a curve in NAME.csv, a series in NAME.npz."""
        own, name = self.observable, self.observable.name
        usual = replace(own, column=name, compared=own.compared or "everywhere", reweighted=True)
        if own.axis:
            return replace(usual, file=f"{name}.csv", error=f"se_{name}", drawn="line")
        return replace(usual, file=f"{name}.npz", path=(PART, name), drawn="histogram")


def load(value: str) -> Framewise:
    """Framewise of an entry point's value, `module:attribute`. Raises ObservableError for anything else."""
    name, _, attribute = value.partition(":")
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise ObservableError(f"{value}: import of {name} failed: {type(error).__name__}: {error}") from error
    framewise = getattr(module, attribute, None)
    if not isinstance(framewise, Framewise):
        raise ObservableError(
            f"{value}: received {type(framewise).__name__}, expected a Framewise of {__name__}"
        )
    if bool(framewise.observable.axis) != bool(framewise.bins):
        raise ObservableError(
            f"{value}: bins belong to an observable with an axis, and it to them; give both, or neither"
        )
    return replace(framewise, source=value)


def load_all(values: Iterable[str]) -> list[Framewise]:
    """Framewise of each value once, sorted by value. Raises ObservableError where two have the same name."""
    every = [load(value) for value in sorted(values)]
    names = [framewise.observable.name for framewise in every]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ObservableError(f"observables: {', '.join(twice)} is registered twice; rename yours")
    return every


@cache
def foreign() -> tuple[str, ...]:
    """Values of the entry points, sorted. Raises ObservableError for one that cannot be used."""
    values = tuple(sorted(entry.value for entry in entry_points(group=GROUP)))
    load_all(values)
    return values


def package_of(value: str) -> tuple[str, Path]:
    """Package and folder of an entry point's module, which its digest covers and workers receive."""
    module = value.partition(":")[0]
    for package in (module, module.rpartition(".")[0]):
        folder = package_folder(package) if package else None
        if folder is not None:
            return package, folder
    raise ObservableError(f"{value}: its module is in no package that can be found here")


def foreign_versions() -> dict[str, str]:
    """Digest of the source of each observable from outside, by its entry point's value."""
    source = Source.here()
    return {value: source.package(*package_of(value)) for value in foreign()}
