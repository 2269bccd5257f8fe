"""Figures of `mlipbench analyse`, drawn from the files it has written."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from mlipbench_hpc.analysis.profiles import column_of
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.draw.bands import HEIGHT, SAMPLING, shown
from mlipbench_hpc.report.draw.drawing import ROWS_DRAWN, SIZE, STYLE, Figure, beside, finish, new_axes


@mpl.rc_context(STYLE)
def draw(folder: Path) -> list[str]:
    """One SVG and PDF for each profile, P_z, C_dip and P_surv; returns the names of what is there."""
    values = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    names = values["profiles"]["names"]
    table = _table(folder / "profiles.csv")
    band = f"± 2 SE, {values['blocks']} blocks"
    names += ["cosine"] * ("orientation" in names)
    figures = [_line(name, HEIGHT, table["z_A"], table, column_of(name), band) for name in names]
    if "dipole" in values:
        figures.append(_dipole(_table(folder / "dipole.csv"), values["dipole"]["histogram"]))
    lagged = values.get("dynamics", {}).get("names", [])
    for name in lagged:
        table = _table(folder / f"{name}.csv")
        figures.append(_line(name, "lag τ / ps", table["lag_ps"], table, name, band))
    for figure in figures:
        write_bytes(folder / f"{figure.name}.svg", figure.svg.encode())
        write_bytes(folder / f"{figure.name}.pdf", figure.pdf)
    tables = [f"{name}.csv" for name in ("profiles", *(["dipole"] if "dipole" in values else []), *lagged)]
    return ["analysis.json", *tables, *(f"{figure.name}.svg" for figure in figures)]


def _table(path: Path) -> dict[str, Floats]:
    with path.open(encoding="utf-8") as stream:
        header = stream.readline().strip().split(",")
        return dict(zip(header, np.loadtxt(stream, delimiter=",", ndmin=2).T, strict=True))


def _line(name: str, label: str, x: Floats, table: dict[str, Floats], column: str, band: str) -> Figure:
    """± 2 standard errors from blocks."""
    named, mean, error = shown(name), table[column], table[f"se_{column}"]
    canvas, axes = new_axes(SIZE, label, named.label)
    axes.plot(x, mean, color=SAMPLING)
    low, high = mean - 2 * error, mean + 2 * error
    axes.fill_between(x, low, high, color=SAMPLING, alpha=0.25, linewidth=0, label=band)
    # Above the frame, which peaks fill.
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return finish(name, named.title, "", {}, canvas)


def _dipole(table: dict[str, Floats], histogram: dict[str, Any]) -> Figure:
    """The series, and beside it the histogram over all frames."""
    x = "time_ps" if "time_ps" in table else "frame"
    stride = -(-len(table[x]) // ROWS_DRAWN)
    canvas, axes = new_axes(SIZE, x.replace("_ps", " / ps"), "total dipole orientation P_z")
    axes.plot(table[x][::stride], table["P_z"][::stride], color=SAMPLING, linewidth=0.8)
    beside(axes, histogram, SAMPLING)
    return finish("dipole", "Total dipole orientation", "", {}, canvas)
