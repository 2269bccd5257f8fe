"""Kinetic temperatures over time by species, as Fig. S5 of arXiv:2602.22931."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.draw.drawing import ROWS_DRAWN, Figure, colour_of, finish, joined, side_by_side
from mlipbench_hpc.report.draw.overlay import BLACK
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.temperatures import TOTAL, WHOLE
from mlipbench_hpc.report.text import number
from mlipbench_hpc.report.thermostats import THERMO, TIME
from mlipbench_hpc.studies.thermostats import run_name

SHARE = 20  # Of the run's length: time constant of the moving average.
Columns = dict[str, Floats]


def moving_average(values: Floats, rows: float) -> Floats:
    """Exponential moving average (T,) of values (T,), any unit, with a time constant of so many rows.

    a(0) = x(0), a(t) = a(t-1) + (x(t) - a(t-1)) (1 - e^{-1/rows}).
    """
    share, average = 1 - np.exp(-1 / rows), np.empty(len(values))
    average[:1] = values[:1]
    for row in range(1, len(values)):
        average[row] = average[row - 1] + share * (values[row] - average[row - 1])
    return average


def temperatures(part: Part) -> Figure | None:
    """A panel for each case: every species of its first replica, and all atoms in black."""
    series = {case: own for case in part.spec.cases if (own := _series(part, case))}
    if not series:
        return None
    canvas, axes = side_by_side(list(series), TIME.replace("_ps", " / ps"), "kinetic temperature / K")
    for case, own in series.items():
        _draw(axes[case], own, float(part.spec.md.temperature))
    axes[next(iter(series))].legend(ncols=2)
    caption = (
        "Kinetic temperature by species, first replica of each case. Light: every row that is drawn; dark: "
        f"exponential moving average over 1/{SHARE} of the run, {number(part.spec.md.length / SHARE)} ps; "
        f"black: that of all atoms. At most {ROWS_DRAWN} rows are drawn."
    )
    columns = joined([({"case": case}, _table(own)) for case, own in series.items()])
    title = f"{part.name}: kinetic temperatures"
    return finish(f"thermostats-{part.name}", title, caption, columns, canvas)


def _series(part: Part, case: str) -> Columns:
    """time_ps, and by species (all atoms too) the temperature in K; {} before a run is done."""
    runs = [run for run in part.results.of("md", md=run_name(part.name, case)) if run.done]
    rows = runs[0].table(THERMO) if runs else {}
    if not {TIME, TOTAL} <= set(rows) or not len(rows[TIME]):
        return {}
    species = {name: name[len("temperature_") : -len("_K")] for name in rows if _of_species(name)}
    known = {TIME: rows[TIME], WHOLE: rows[TOTAL]}
    return known | {symbol: rows[name] for name, symbol in species.items() if (rows[name] > 0).any()}


def _of_species(name: str) -> bool:
    return name.startswith("temperature_") and name.endswith("_K") and name != TOTAL


def _strided(own: Columns) -> tuple[Columns, Columns]:
    """Rows that are drawn, and the moving averages at these rows."""
    stride, rows = -(-len(own[TIME]) // ROWS_DRAWN), len(own[TIME]) / SHARE
    averages = {name: moving_average(values, rows)[::stride] for name, values in own.items() if name != TIME}
    return {name: values[::stride] for name, values in own.items()}, averages


def _draw(axes: Axes, own: Columns, target: float) -> None:
    drawn, averages = _strided(own)
    for place, name in enumerate(name for name in averages if name != WHOLE):
        axes.plot(drawn[TIME], drawn[name], color=colour_of(place), alpha=0.2, linewidth=0.6)
        axes.plot(drawn[TIME], averages[name], color=colour_of(place), label=name)
    axes.plot(drawn[TIME], averages[WHOLE], color=BLACK, label=WHOLE)
    axes.axhline(target, color="#9aa5b1", linewidth=0.8, linestyle=":")


def _table(own: Columns) -> dict[str, Any]:
    """One row for each drawn row and species."""
    drawn, averages = _strided(own)
    names = list(averages)
    return {
        "species": [name for name in names for _ in drawn[TIME]],
        TIME: np.tile(drawn[TIME], len(names)),
        "temperature_K": np.concatenate([drawn[name] for name in names]),
        "moving_average_K": np.concatenate([averages[name] for name in names]),
    }
