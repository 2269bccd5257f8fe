"""Description of an observable: the worker writes it beside the numbers, and the report reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Blocks = Literal["mean of block means", "ratio of block sums", "jackknife over blocks"]
Drawn = Literal["line", "histogram", ""]
Compared = Literal["interface", "bulk", "everywhere", ""]

# Key of the tests of stationarity among result.json's values, and one of the series tested.
STATIONARITY, WATERS = "stationarity", "waters_in_first_layer"
# File of `analyse` with the heights (T, K) Å of the ions of each species by symbol, and their means (T,).
ION_HEIGHTS, HEIGHT_OF = "ion_heights.npz", "height_"
# File of `analyse` with the numbers (T, K) of oxygens near the ions of each species, by symbol.
ION_COORDINATION = "ion_coordination.npz"


@dataclass(frozen=True)
class Axis:
    """Axis of values. name: z, r, lag, or one of a package outside this one; column: its name in tables."""

    name: str
    column: str
    label: str
    unit: str

    @property
    def title(self) -> str:
        """Label with unit, for the axis of a figure."""
        return with_unit(self.label, self.unit)


HEIGHT = Axis("z", "z_A", "height above the surface", "Å")
FROM_ORIGIN = Axis("z", "z_A", "height above the cell's origin", "Å")
DISTANCE = Axis("r", "r_A", "r", "Å")
LAG = Axis("lag", "lag_ps", "lag τ", "ps")


@dataclass(frozen=True)
class Observable:
    """One observable of a run: its name, the place of its numbers, and its presentation.

    name: in results.json, names of figures and of files; no other observable has it. title: of figures and
    in lists; words: in a sentence and a table's heading (the title where empty). symbol and unit: of values;
    definition: a sentence for captions.

    axis: of a curve, whose columns `column` and `error` (standard error) stand in `file`; None for a single
    number, whose mean and se stand in the result's values at `path`. A number drawn as a histogram also has
    its series as array `column` of `file`, beside time_ps.

    needs: slab, water, ions, or symbols of elements that a run must have. blocks: estimator of the standard
    error. drawn: kind of figure, if any. compared: groups of runs in which potentials are compared by it.
    species: the species it belongs to; of such a curve the committee mean is drawn too.
    positive: it cannot be below zero. reweighted: it can be reweighted to other members. order: place in the
    report.
    """

    name: str
    title: str
    symbol: str
    unit: str = ""
    words: str = ""
    definition: str = ""
    axis: Axis | None = None
    file: str = ""
    column: str = ""
    error: str = ""
    path: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    blocks: Blocks = "mean of block means"
    drawn: Drawn = ""
    compared: Compared = ""
    species: str = ""
    positive: bool = False
    reweighted: bool = False
    order: int = 1000

    @property
    def label(self) -> str:
        """Symbol with unit, for the axis of a figure."""
        return with_unit(self.symbol, self.unit)

    @property
    def phrase(self) -> str:
        """Words for the observable in a sentence."""
        return self.words or self.title

    @property
    def heading(self) -> str:
        """Heading of a table's column."""
        return f"{self.phrase}, {self.unit}" if self.unit else self.phrase

    def to_json(self) -> dict[str, Any]:
        """Values for result.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Observable":
        """Observable from the values of `to_json`."""
        own = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        axis = Axis(**own["axis"]) if own.get("axis") else None
        parts = {name: tuple(own.get(name, ())) for name in ("path", "needs")}
        return cls(**own | parts | {"axis": axis})


def height_of(symbol: str) -> str:
    """Name of the mean height of the ions of an element: `height_Na`."""
    return f"{HEIGHT_OF}{symbol}"


def by_name(descriptors: Iterable[Mapping[str, Any]]) -> dict[str, Observable]:
    """Observables of a result, in its order, which is that of the report."""
    return {values["name"]: Observable.from_json(values) for values in descriptors}


def with_unit(label: str, unit: str) -> str:
    """`label / unit`; the label alone for a dimensionless quantity."""
    return f"{label} / {unit}" if unit else label
