"""Sections of the page: their parts, and the registry of the modules of `sections` and of plugins."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from mlipbench_hpc.report import sections
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.drawing import Figure

PLUGINS = "mlipbench_hpc.sections"
PAGE_ANCHORS = ("verdict", "warnings")
LONGEST_TABLE = 10


@dataclass(frozen=True)
class Heading:
    """A heading within a section; `badge` stands beside it, in another colour where something is `open`."""

    kind: ClassVar[str] = "heading"
    text: str
    badge: str = ""
    open: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text. `quiet` marks a remark on something absent, `caption` a note."""

    kind: ClassVar[str] = "paragraph"
    text: str
    style: str = ""


@dataclass(frozen=True)
class Points:
    """Sentences, one below the other; as warnings where they may mislead."""

    kind: ClassVar[str] = "points"
    sentences: list[str]
    warnings: bool = False


@dataclass(frozen=True)
class Table:
    """Text in cells. `words` counts the leading columns that hold words; others are right-aligned numbers.

    strong: indices of rows that summarise others. titles: indices of rows whose first cell is a heading
    across all columns. marks: `differs`, `unresolved` or another class of report.css by (row, column).
    open: never folded, however long.
    """

    kind: ClassVar[str] = "table"
    caption: str
    header: list[str]
    rows: list[list[str]]
    words: int = 1
    strong: list[int] = field(default_factory=list)
    titles: list[int] = field(default_factory=list)
    marks: dict[tuple[int, int], str] = field(default_factory=dict)
    open: bool = False

    @property
    def folded(self) -> bool:
        """True where the page shows the table after a click only."""
        return len(self.rows) > LONGEST_TABLE and not self.open


@dataclass(frozen=True)
class Gallery:
    """Figures side by side, or below each other if `wide`; `nothing` is the text where there is none."""

    kind: ClassVar[str] = "gallery"
    figures: list[Figure]
    nothing: str
    wide: bool = False


@dataclass(frozen=True)
class Listing:
    """Text of a file, unchanged."""

    kind: ClassVar[str] = "listing"
    text: str


@dataclass(frozen=True)
class Definitions:
    """Names with a value each."""

    kind: ClassVar[str] = "definitions"
    values: dict[str, Any]


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown after a click on the summary."""

    kind: ClassVar[str] = "folded"
    summary: str
    blocks: list["Block"]


@dataclass(frozen=True)
class Columns:
    """Blocks beside each other where the page is wide enough, else `left` above `right`."""

    kind: ClassVar[str] = "columns"
    left: list["Block"]
    right: list["Block"]


Block = Heading | Paragraph | Points | Table | Gallery | Listing | Definitions | Folded | Columns


class Consequence(IntEnum):
    """Consequence of a warning for the numbers, the worst first."""

    WRONG = 0
    ERROR_UNKNOWN = 1
    LIMITED = 2
    NOTE = 3


@dataclass(frozen=True)
class Caution:
    """A warning: `place` names the dataset, committee or run, `about` adds its amount of data.

    kind: what equal warnings of several places have in common, in words; where empty, the sentence without
    its numbers decides. value: quantities of the place that such a line names beside it.
    """

    place: str
    about: str
    sentence: str
    consequence: Consequence = Consequence.LIMITED
    kind: str = ""
    value: str = ""


def cautions(
    place: str, about: str, sentences: Iterable[str], consequence: Consequence, kind: str = ""
) -> list[Caution]:
    """Cautions of several sentences on the same dataset, committee or run."""
    return [Caution(place, about, sentence, consequence, kind) for sentence in sentences]


@dataclass(frozen=True)
class Content:
    """The content of a section; without blocks it is not on the page, its numbers still are in results.json.

    numbers: the top-level keys of results.json that this section alone gives. verdict: paragraphs for the
    verdict, each a sentence and the points below it. summary:
    lines of at most 80 characters for summary.txt.
    """

    blocks: list[Block]
    numbers: dict[str, Any] = field(default_factory=dict)
    verdict: list[list[str]] = field(default_factory=list)
    warnings: list[Caution] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)

    @property
    def figures(self) -> list[Figure]:
        """Figures of all galleries, in the order of the page."""
        return list(_figures(self.blocks))


def _figures(blocks: Iterable[Block]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Gallery):
            yield from block.figures
        elif isinstance(block, Folded):
            yield from _figures(block.blocks)
        elif isinstance(block, Columns):
            yield from _figures([*block.left, *block.right])


@dataclass(frozen=True)
class Section:
    """One section: `name` is its anchor, `order` its place, `build` computes its content from results."""

    name: str
    title: str
    order: int
    build: Callable[[Results], Content]


def all_sections() -> list[Section]:
    """`SECTION` of every module in `sections`, and what packages register under `mlipbench_hpc.sections`.

    Raises ValueError for an entry point that is no Section, and where two have the same name.
    """
    paths = [f"{sections.__name__}.{module.name}" for module in pkgutil.iter_modules(sections.__path__)]
    own: list[Section] = [importlib.import_module(path).SECTION for path in paths]
    ordered = sorted([*own, *map(_plugin, entry_points(group=PLUGINS))], key=_place)
    if twice := sorted(_repeated([*PAGE_ANCHORS, *(section.name for section in ordered)])):
        raise ValueError(f"sections of the report: {', '.join(twice)} is registered twice; rename yours")
    return ordered


def _plugin(entry: EntryPoint) -> Section:
    section = entry.load()
    if isinstance(section, Section):
        return section
    raise ValueError(
        f"entry point {entry.name} of {PLUGINS}: received {type(section).__name__} from {entry.value}, "
        "expected a Section of mlipbench_hpc.report.section"
    )


def _repeated(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def _place(section: Section) -> tuple[int, str]:
    return section.order, section.name


def together(contents: Iterable[Content]) -> dict[str, Any]:
    """Numbers of all sections; raises ValueError where two give the same key of results.json."""
    numbers: dict[str, Any] = {}
    for content in contents:
        if twice := sorted(numbers.keys() & content.numbers.keys()):
            raise ValueError(f"results.json: two sections give the key {', '.join(twice)}; rename yours")
        numbers |= content.numbers
    return numbers


def all_figures(contents: Iterable[Content]) -> list[Figure]:
    """Figures of all sections; raises ValueError where two have the same name, hence the same files."""
    figures = [figure for content in contents for figure in content.figures]
    if twice := sorted(_repeated(figure.name for figure in figures)):
        raise ValueError(f"figures of the report: {', '.join(twice)} is drawn twice; rename yours")
    return figures
