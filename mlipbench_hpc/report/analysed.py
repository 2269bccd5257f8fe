"""Figures of `mlipbench analyse`, drawn from the files it has written."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable, by_name
from mlipbench_hpc.report.draw.bands import SAMPLING
from mlipbench_hpc.report.draw.drawing import ROWS_DRAWN, SIZE, STYLE, Figure, beside, finish, new_axes


@mpl.rc_context(STYLE)
def draw(folder: Path) -> list[str]:
    """Draw each observable as SVG and PDF; returns the names of all files in the folder."""
    values = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    drawn = [observable for observable in by_name(values["descriptors"]).values() if observable.drawn]
    band = f"± 2 SE, {values['blocks']} blocks"
    figures = [_figure(folder, observable, values, band) for observable in drawn]
    for figure in figures:
        write_bytes(folder / f"{figure.name}.svg", figure.svg.encode())
        write_bytes(folder / f"{figure.name}.pdf", figure.pdf)
    tables = dict.fromkeys(observable.file for observable in by_name(values["descriptors"]).values())
    return ["analysis.json", *tables, *(f"{figure.name}.svg" for figure in figures)]


def _figure(folder: Path, observable: Observable, values: dict[str, Any], band: str) -> Figure:
    table = _table(folder / observable.file)
    if observable.drawn == "line":
        return _line(observable, table, band)
    for key in observable.path:
        values = values[key]
    return _series(observable, table, values["histogram"])


def _table(path: Path) -> dict[str, Floats]:
    with path.open(encoding="utf-8") as stream:
        header = stream.readline().strip().split(",")
        return dict(zip(header, np.loadtxt(stream, delimiter=",", ndmin=2).T, strict=True))


def _line(observable: Observable, table: dict[str, Floats], band: str) -> Figure:
    """Draw an average along its axis with ± 2 standard errors from blocks."""
    axis = observable.axis
    assert axis is not None
    x, mean, error = (table[name] for name in (axis.column, observable.column, observable.error))
    canvas, axes = new_axes(SIZE, axis.title, observable.label)
    axes.plot(x, mean, color=SAMPLING)
    low, high = mean - 2 * error, mean + 2 * error
    axes.fill_between(x, low, high, color=SAMPLING, alpha=0.25, linewidth=0, label=band)
    # Above the axes, because peaks fill the frame.
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return finish(observable.name, observable.title, "", {}, canvas)


def _series(observable: Observable, table: dict[str, Floats], histogram: dict[str, Any]) -> Figure:
    """Draw a time series, and beside it the histogram over all frames."""
    x = "time_ps" if "time_ps" in table else "frame"
    stride = -(-len(table[x]) // ROWS_DRAWN)
    canvas, axes = new_axes(SIZE, x.replace("_ps", " / ps"), observable.label)
    axes.plot(table[x][::stride], table[observable.column][::stride], color=SAMPLING, linewidth=0.8)
    beside(axes, histogram, SAMPLING)
    return finish(observable.name, observable.title, "", {}, canvas)
