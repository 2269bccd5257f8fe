"""Style and axes of every figure, and the rendering of a canvas as SVG, PDF and CSV."""

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullLocator

from mlipbench_hpc.data.frames import Floats

INK = "#1f2933"
PALER = 0.55  # of a colour is left at each further turn through the palette
LEGEND_ROW = 0.2  # inches
TITLE_LETTERS = 11.0  # of a bold title in an inch
COLOURS = ("#0b5cad", "#c8641b", "#2f855a", "#8b4aa8", "#b23a48", "#4a5568", "#917500", "#007c89")
STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": "#6b7280", "axes.labelcolor": "#1f2933", "xtick.color": "#6b7280",
    "ytick.color": "#6b7280",
    "xtick.labelcolor": "#1f2933", "ytick.labelcolor": "#1f2933",
    "axes.linewidth": 0.8, "lines.linewidth": 1.3,
    "legend.frameon": False, "legend.fontsize": 8.0, "axes.grid": True, "grid.color": "#e8ebef",
    "grid.linewidth": 0.7, "hatch.linewidth": 0.5, "axes.axisbelow": True, "svg.fonttype": "path",
}  # fmt: skip
SIZE = (4.6, 3.1)
SQUARE = (4.6, 3.6)
ROWS_DRAWN = 600
PANELS_ACROSS = 3
# Width in inches of a figure by its number of panels in a row.
PANEL_WIDTH = {1: 4.6, 2: 7.2, 3: 9.6}


@dataclass(frozen=True)
class Figure:
    """One figure: `columns` are the plotted numbers (text or float, equal length)."""

    name: str
    title: str
    caption: str
    columns: dict[str, list[Any]]
    svg: str = field(repr=False)
    pdf: bytes = field(repr=False)

    def csv(self) -> bytes:
        """The plotted numbers, one column each."""
        rows = [list(self.columns), *zip(*self.columns.values(), strict=True)]
        return "".join(",".join(_cell(value) for value in row) + "\n" for row in rows).encode()


def new_canvas(size: tuple[float, float]) -> Canvas:
    canvas = Canvas(figsize=size, layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas


def new_axes(size: tuple[float, float], x: str, y: str) -> tuple[Canvas, Axes]:
    canvas = new_canvas(size)
    axes = canvas.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return canvas, axes


def panels(count: int, entries: int) -> tuple[Canvas, list[Axes], Axes | None]:
    """Panels, two in a row; the legend of `entries` lines takes an odd last place, else space below."""
    rows = -(-count // 2)
    below = 0.3 + 0.35 * -(-entries // 2) if count % 2 == 0 else 0.0
    canvas = new_canvas((9.6, 2.75 * rows + below))
    axes = [canvas.add_subplot(rows, 2, place + 1) for place in range(2 * rows)]
    spare = axes.pop() if count % 2 else None
    if spare:
        spare.set_axis_off()
    return canvas, axes, spare


def side_by_side(
    names: Sequence[str], x: str, y: str, height: float = 2.7, shared: bool = True
) -> tuple[Canvas, dict[str, Axes]]:
    """Axes by name, at most three in a row, titled with the name; shared: all have the same y."""
    across = min(len(names), PANELS_ACROSS)
    canvas = new_canvas((PANEL_WIDTH[across], 0.35 + height * -(-len(names) // across)))
    by_name: dict[str, Axes] = {}
    for place, name in enumerate(names):
        first = next(iter(by_name.values()), None) if shared else None
        axes = canvas.add_subplot(-(-len(names) // across), across, place + 1, sharey=first)
        axes.set_title(name, fontsize=9, loc="left", color=INK)
        axes.set_xlabel(x)
        axes.set_ylabel(y if place % across == 0 else "")
        by_name[name] = axes
    return canvas, by_name


def beside(axes: Axes, histogram: dict[str, Any], colour: str) -> None:
    """Draw a histogram {edges, counts} of the series on the axes, turned to share its y."""
    side = axes.inset_axes((1.02, 0.0, 0.22, 1.0), sharey=axes)
    edges = np.array(histogram["edges"])
    side.stairs(histogram["counts"], edges, orientation="horizontal", fill=True, color=colour)
    side.tick_params(labelleft=False, labelbottom=False)
    side.grid(False)


def logarithmic(axes: Axes) -> None:
    """A logarithmic y axis with ticks at 1, 2 and 5, written as plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def diagonal(axes: Axes) -> None:
    low = min(axes.get_xlim()[0], axes.get_ylim()[0])
    high = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="#6b7280", linewidth=0.8, zorder=0)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def room(axes: Axes, low: Floats, high: Floats) -> float:
    """Set y so that everything between `low` and `high`, any shape, is seen; returns the frame's height."""
    ends = np.concatenate([np.ravel(low), np.ravel(high)])
    ends = ends[np.isfinite(ends)]
    if not len(ends) or ends.max() <= ends.min():
        return 0.0
    rim = 0.08 * (ends.max() - ends.min())
    axes.set_ylim(ends.min() - rim, ends.max() + rim)
    return float(ends.max() - ends.min() + 2 * rim)


def colour_of(index: int) -> str:
    """Colour of a line: those of the palette, then the same lighter, so that lines of one figure differ."""
    turn, place = divmod(index, len(COLOURS))
    red, green, blue = (1 - PALER**turn * (1 - part) for part in to_rgb(COLOURS[place]))
    return to_hex((red, green, blue))


def legend_below(canvas: Canvas, axes: Axes, across: int = 3) -> None:
    """Legend of the axes below all panels, in rows of its own, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    width, height = canvas.get_size_inches()
    canvas.set_size_inches(width, height + LEGEND_ROW * -(-len(labels) // across))
    canvas.legend(handles, labels, loc="outside lower left", ncols=across, handlelength=3)


def joined(parts: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, list[Any]]:
    """Join tables of equal columns into one; values of each table's owner fill leading columns."""
    columns: dict[str, list[Any]] = {}
    for owner, table in parts:
        rows = len(next(iter(table.values())))
        for name, value in owner.items():
            columns.setdefault(name, []).extend([value] * rows)
        for name, values in table.items():
            columns.setdefault(name, []).extend(np.asarray(values).tolist())
    return columns


def finish(name: str, title: str, caption: str, columns: dict[str, list[Any]], canvas: Canvas) -> Figure:
    """Finish a canvas as a figure, with its title above, so that the file is legible alone."""
    lines = textwrap.fill(title, int(TITLE_LETTERS * canvas.get_figwidth()))
    canvas.suptitle(lines, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
    svg, pdf = render(canvas, name)
    return Figure(name, title, caption, columns, _inline(svg, name, title), pdf)


def render(canvas: Canvas, name: str) -> tuple[str, bytes]:
    """Render SVG and PDF without dates; the salt keeps equal figures equal and different ones apart."""
    svg, pdf = io.StringIO(), io.BytesIO()
    if layout := canvas.get_layout_engine():
        layout.execute(canvas)
        # Once: any engine, even "none", makes each file draw the figure twice.
        canvas.set_layout_engine(None)
    with mpl.rc_context({"svg.hashsalt": name}):
        canvas.savefig(svg, format="svg", dpi=160, transparent=True, metadata={"Date": None, "Creator": None})
        canvas.savefig(
            pdf, format="pdf", dpi=160, metadata={"CreationDate": None, "Creator": None, "Producer": None}
        )
    return svg.getvalue(), pdf.getvalue()


def _inline(svg: str, name: str, title: str) -> str:
    """Extract the <svg> element, its ids made unique on the page.

    It scales with its column between the sizes at which its text can be read.
    """
    head, tail = svg[svg.index("<svg ") :].split(">", 1)
    points = re.search(r'viewBox="\S+ \S+ (\S+) ', head)
    width = float(points[1]) if points else 0.0
    limits = f' style="min-width:{0.88 * width:.0f}px;max-width:{1.6 * width:.0f}px"' * bool(points)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head).replace(
        "<svg ", f'<svg role="img" aria-label="{escape(title)}"{limits} ', 1
    )
    for prefix in (' id="', "url(#", 'xlink:href="#'):
        tail = tail.replace(prefix, f"{prefix}{name}-")
    return f"{head}>{tail}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.8g}" if np.isfinite(value) else ""
    return str(value)
