"""Figures with two kinds of band: sampling (blocks of one run) and training (spread of the committee)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.analysis.committee import student_factor
from mlipbench_hpc.analysis.reweighting import UNUSABLE
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import DISTANCE, FROM_ORIGIN, HEIGHT, LAG, Observable
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.draw.drawing import (
    COLOURS,
    ROWS_DRAWN,
    SIZE,
    Figure,
    beside,
    finish,
    new_axes,
    room,
)
from mlipbench_hpc.report.driving import about_run, driving_potential
from mlipbench_hpc.report.text import count, number

SAMPLING, TRAINING = COLOURS[0], COLOURS[1]
# Axes of curves that other sections draw; densities of a run without a surface are in files only.
ELSEWHERE = (DISTANCE, LAG, FROM_ORIGIN)


def place(run: Item) -> str:
    """Prefix of the names of the figures of one MD run."""
    return f"profiles-{run.subject['md']}-{run.subject['replica']}"


def of_run(results: Results, run: Item) -> list[Figure | None]:
    """Figures of every observable of one MD run, with the committee's band where it was reweighted.

    The g(r) of all replicas share a figure in another section, so here are the reweighted ones alone.
    Correlation functions stand in the comparison of potentials.
    """
    analysis, spread = next(iter(analyses(results, run)), None), reweighted(results, run)
    own = analysis.observables.values() if analysis else ()
    bands = spread.observables.values() if spread else ()
    sources = {
        observable.name: (observable, analysis)
        for observable in own
        if observable.drawn and observable.axis not in ELSEWHERE
    }
    sources |= {observable.name: (observable, spread) for observable in bands if observable.axis}
    figures: list[Figure | None] = []
    for observable, item in sorted(sources.values(), key=lambda pair: pair[0].order):
        if item is not None and observable.drawn == "histogram":
            figures.append(series(results, run, item, observable))
        elif item is not None:
            figures.append(curve(results, run, item, observable, item.values if item is spread else None))
    return figures


def curve(
    results: Results, run: Item, item: Item, observable: Observable, spread: dict[str, Any] | None
) -> Figure | None:
    """Average of the driving member with its sampling error.

    spread: values of a reweighting, whose training band and mean over all members are then drawn too.
    """
    table, axis = item.table(observable.file), observable.axis
    if axis is None or not {axis.column, observable.column, observable.error} <= set(table):
        return None
    if spread is None:
        names = {axis.column: axis.column, "driving_member": observable.column, "se": observable.error}
        table = {name: table[column] for name, column in names.items()}
    return _line(results, run, observable, table, spread)


def _line(
    results: Results,
    run: Item,
    observable: Observable,
    table: dict[str, Floats],
    spread: dict[str, Any] | None,
) -> Figure:
    axis = observable.axis
    assert axis is not None
    canvas, axes = new_axes(SIZE, axis.title, observable.label)
    blocks = results.document["campaign"]["analysis"]["blocks"]
    x, average = table[axis.column], table["driving_member"]
    _band(axes, x, average, 2 * table["se"], SAMPLING, f"± 2 SE (sampling, {blocks} blocks)")
    lost = spread is not None and spread["verdict"] in UNUSABLE
    if lost:  # averages of members that reweighting does not reach are no densities
        table = {name: table[name] for name in (axis.column, "driving_member", "se")}
    banded = spread if not lost else None
    width, label = training_band(table, banded) if banded else (np.zeros_like(x), "")
    seen = np.fmax(2 * table["se"], width)
    room(axes, average - seen, average + seen)
    if banded:
        _band(axes, x, average, width, TRAINING, label)
    axes.plot(x, average, color=SAMPLING, label=_drawn_by(results, run))
    if banded:
        axes.plot(x, table["mean"], color=TRAINING, linestyle="--", linewidth=1.0, label="committee mean")
    if axis == HEIGHT:
        _frame(axes, x, average)
    axes.legend()
    caption = f"{observable.title} of {_whose(results, run)}"
    caption += f". {_method(spread)}" if spread else ". Sampling error only."
    caption += " Training band and averages of other members are not determined." if lost else ""
    columns = {column: values.tolist() for column, values in table.items()}
    return finish(f"{place(run)}-{observable.name}", _title(observable, run), caption, columns, canvas)


def _whose(results: Results, run: Item) -> str:
    return f"{run.subject['md']}, replica {run.subject['replica']} ({about_run(results, run)})"


def _title(observable: Observable, run: Item) -> str:
    """`Water density, dp-charged`, with the replica where it is not the first."""
    replica = f" replica {run.subject['replica']}" if run.subject["replica"] else ""
    return f"{observable.title}, {run.subject['md']}{replica}"


def _drawn_by(results: Results, run: Item) -> str:
    drives = driving_potential(results, run.subject["md"])
    return drives.models() if drives.reference else f"member {drives.member}, driving"


def training_band(table: dict[str, Floats], spread: dict[str, Any]) -> tuple[Floats, str]:
    """Half width (B,) of the training band, and its entry in the legend."""
    members, alpha = len(spread["members"]) + 1, spread["alpha"]
    if alpha is None:
        factor = student_factor(members)
        label = f"± {number(factor)} σ (training, M = {members}, Student's t, not calibrated)"
        return factor * table["sigma"], label
    return table["alpha_sigma"], f"± 1 α·σ (training, M = {members}, α = {number(alpha)})"


def _method(spread: dict[str, Any]) -> str:
    frames = count(spread["reweighted_frames"], "stored frame")
    return (
        f"Other members: reweighting of {frames} of the driving member by the cumulant expansion "
        f"approximation (CEA); verdict: {spread['verdict']}."
    )


def _band(axes: Axes, x: Floats, centre: Floats, half: Floats, colour: str, label: str) -> None:
    axes.fill_between(x, centre - half, centre + half, color=colour, alpha=0.25, linewidth=0, label=label)


def _frame(axes: Axes, x: Floats, average: Floats) -> None:
    """Restrict z to the range where the profile is not zero."""
    occupied = np.flatnonzero(np.isfinite(average) & (average != 0))
    if len(occupied):
        axes.set_xlim(min(0.0, x[occupied[0]] - 0.5), x[occupied[-1]] + 0.5)


def series(results: Results, run: Item, analysis: Item, observable: Observable) -> Figure | None:
    """Draw a number over time (at most 600 points), and its histogram over all frames beside it."""
    statistics, arrays = analysis.statistics(observable.name), analysis.arrays(observable.file)
    if not statistics or observable.column not in arrays:
        return None
    times, values = arrays["time_ps"], arrays[observable.column]
    stride = -(-len(times) // ROWS_DRAWN)
    canvas, axes = new_axes(SIZE, "time / ps", observable.label)
    axes.plot(times[::stride], values[::stride], color=SAMPLING, linewidth=0.8)
    beside(axes, statistics["histogram"], SAMPLING)
    mean, error, correlated, width = (
        number(statistics[name]) for name in ("mean", "se", "se_autocorrelation", "width")
    )
    blocks = number(statistics.get("se_blocks", statistics["se"]))
    unit = observable.unit and f" {observable.unit}"
    definition = observable.definition and f" {observable.definition}"
    caption = (
        f"{observable.title} of {_whose(results, run)}.{definition} Mean {mean}{unit}, standard error "
        f"{error}{unit}, the larger of {blocks}{unit} from blocks and {correlated}{unit} from "
        f"autocorrelation; standard deviation {width}{unit}. "
        f"{'Every frame' if stride == 1 else f'One frame in {stride}'} is drawn; histogram over all frames."
    )
    columns = {"time_ps": times[::stride].tolist(), observable.column: values[::stride].tolist()}
    return finish(f"{place(run)}-{observable.name}", _title(observable, run), caption, columns, canvas)
