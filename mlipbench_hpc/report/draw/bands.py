"""Figures with two kinds of band: sampling (blocks of one run) and training (spread of the committee)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.analysis.profiles import CONCENTRATION, COSINE, column_of
from mlipbench_hpc.data.frames import Floats
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
OUT_OF_REACH = "run it directly"
HEIGHT = "height above the surface / Å"


@dataclass(frozen=True)
class Shown:
    """How one observable is named on the page."""

    title: str
    label: str


def shown(name: str) -> Shown:
    """Title and axis label of an observable."""
    if name.startswith(CONCENTRATION):
        ion = name.removeprefix(CONCENTRATION)
        return Shown(f"{ion} concentration", f"{ion} concentration / mol/L")
    if name.startswith("g_"):
        pair = name.removeprefix("g_")
        return Shown(f"{pair} radial distribution", f"g(r), {pair}")
    return {
        "density": Shown("Water density", "water density / g/cm³"),
        "orientation": Shown("Orientation", "ρ · cos θ / g/cm³"),
        "cosine": Shown("Mean cos θ", "⟨cos θ⟩"),
        "dipole_correlation": Shown("Dipole correlation of the first layer", "C_dip(τ), first layer"),
        "survival": Shown("Survival in the first layer", "P_surv(τ), first layer"),
    }[name]


def place(run: Item) -> str:
    """How the names of the figures of one MD run begin."""
    return f"profiles-{run.subject['md']}-{run.subject['replica']}"


def of_run(results: Results, run: Item) -> list[Figure | None]:
    """All profiles of one MD run, and g(r) of the committee where there is no slab."""
    analysis = next(iter(analyses(results, run)), None)
    spread = reweighted(results, run)
    figures: list[Figure | None] = []
    observables = spread.values.get("observables", {}) if spread else {}
    own = analysis.values.get("profiles", {}) if analysis else {}
    if analysis and own.get("faces"):
        for name in (*own["names"], COSINE):
            figures.append(profile(results, run, analysis, spread if name in observables else None, name))
        figures.append(dipole(results, run, analysis))
    elif spread:
        figures += [committee_line(results, run, spread, name) for name in observables]
    return figures


def profile(results: Results, run: Item, analysis: Item, spread: Item | None, name: str) -> Figure | None:
    """One profile along z, with the committee's band where there is one."""
    if spread:
        return committee_line(results, run, spread, name)
    table, column = analysis.table("profiles.csv"), column_of(name)
    if column not in table:
        return None
    columns = {"z_A": table["z_A"], "driver": table[column], "se": table[f"se_{column}"]}
    return _line(results, run, name, columns, None)


def committee_line(results: Results, run: Item, spread: Item, name: str) -> Figure | None:
    """Average of the driving member, both bands, and the mean over all members."""
    table = spread.table(f"reweighted-{name}.csv")
    return _line(results, run, name, table, spread.values) if "driver" in table else None


def _line(
    results: Results, run: Item, name: str, table: dict[str, Floats], spread: dict[str, Any] | None
) -> Figure:
    axis = "z_A" if "z_A" in table else "r_A"
    named = shown(name)
    canvas, axes = new_axes(SIZE, HEIGHT if axis == "z_A" else "r / Å", named.label)
    blocks = results.document["campaign"]["analysis"]["blocks"]
    x, average = table[axis], table["driver"]
    _band(axes, x, average, 2 * table["se"], SAMPLING, f"± 2 SE (sampling, {blocks} blocks)")
    width, label = training_band(table, spread) if spread else (np.zeros_like(x), "")
    reached = spread is None or spread["verdict"] != OUT_OF_REACH
    label += "" if reached else ", unusable"
    seen = np.fmax(2 * table["se"], width if reached else 0.0)
    height = room(axes, average - seen, average + seen)
    fits = spread is not None and (reached or bool(np.nanmax(width) < height))
    if fits and reached:
        _band(axes, x, average, width, TRAINING, label)
    elif fits:
        _outline(axes, x, average, width, label)
    axes.plot(x, average, color=SAMPLING, label=_drawn_by(results, run))
    if fits:
        axes.plot(x, table["mean"], color=TRAINING, linestyle="--", linewidth=1.0, label="committee mean")
    _frame(axes, x, average, axis)
    axes.legend()
    caption = (
        f"{named.title} of {run.subject['md']}, replica {run.subject['replica']} ({about_run(results, run)})"
    )
    caption += f". {_method(spread)}" if spread else ". Sampling error only."
    caption += " The training band exceeds the axis range and is not drawn." if spread and not fits else ""
    columns = {column: values.tolist() for column, values in table.items()}
    return finish(f"{place(run)}-{name}", named.title, caption, columns, canvas)


def _drawn_by(results: Results, run: Item) -> str:
    drives = driving_potential(results, run.subject["md"])
    return drives.models() if drives.reference else f"member {drives.member}, driving"


def training_band(table: dict[str, Floats], spread: dict[str, Any]) -> tuple[Floats, str]:
    """Half width (B,) of the training band, and its entry in the legend."""
    members, alpha = len(spread["members"]) + 1, spread["alpha"]
    if alpha is None:
        return table["sigma"], f"± 1 σ (training, M = {members}, not calibrated)"
    return table["alpha_sigma"], f"± 1 α·σ (training, M = {members}, α = {number(alpha)})"


def _method(spread: dict[str, Any]) -> str:
    frames = count(spread["reweighted_frames"], "stored frame")
    return (
        f"Other members: reweighting of {frames} of the driving member by the cumulant expansion "
        f"approximation (CEA); verdict: {spread['verdict']}."
    )


def _band(axes: Axes, x: Floats, centre: Floats, half: Floats, colour: str, label: str) -> None:
    axes.fill_between(x, centre - half, centre + half, color=colour, alpha=0.25, linewidth=0, label=label)


def _outline(axes: Axes, x: Floats, centre: Floats, half: Floats, label: str) -> None:
    """The edges of an unusable training band."""
    for edge, text in ((centre - half, label), (centre + half, None)):
        axes.plot(x, edge, color=TRAINING, linestyle=(0, (4, 2)), linewidth=0.6, label=text)


def _frame(axes: Axes, x: Floats, average: Floats, axis: str) -> None:
    """Only the stretch of z where there is something; g(r) keeps its whole axis."""
    occupied = np.flatnonzero(np.isfinite(average) & (average != 0))
    if axis == "z_A" and len(occupied):
        axes.set_xlim(min(0.0, x[occupied[0]] - 0.5), x[occupied[-1]] + 0.5)


def dipole(results: Results, run: Item, analysis: Item) -> Figure | None:
    """P_z(t), at most 600 points drawn, and its histogram over all frames beside it."""
    statistics, arrays = analysis.values["profiles"].get("dipole"), analysis.arrays("dipole.npz")
    if not statistics or "P_z" not in arrays:
        return None
    times, series = arrays["time_ps"], arrays["P_z"]
    stride = -(-len(times) // ROWS_DRAWN)
    canvas, axes = new_axes(SIZE, "time / ps", "total dipole orientation P_z")
    axes.plot(times[::stride], series[::stride], color=SAMPLING, linewidth=0.8)
    beside(axes, statistics["histogram"], SAMPLING)
    caption = (
        f"Total dipole orientation P_z of {run.subject['md']}, replica {run.subject['replica']} "
        f"({about_run(results, run)}): Σ cos θ over {intact_molecules(analysis)}, dimensionless; mean "
        f"{number(statistics['mean'])}, standard error {number(statistics['se'])} from blocks and "
        f"{number(statistics['se_autocorrelation'])} from autocorrelation, standard deviation "
        f"{number(statistics['width'])}. {'Every frame' if stride == 1 else f'One frame in {stride}'} is "
        "drawn; histogram over all frames."
    )
    columns = {"time_ps": times[::stride].tolist(), "P_z": series[::stride].tolist()}
    return finish(f"{place(run)}-dipole", "Total dipole orientation", caption, columns, canvas)


def intact_molecules(analysis: Item) -> str:
    """How many molecules the dipole is summed over."""
    return count(analysis.values["profiles"]["intact_molecules"], "intact molecule")
