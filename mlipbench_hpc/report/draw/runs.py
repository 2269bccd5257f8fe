"""Quantities of MD runs over time, and radial distributions."""

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import DISTANCE, Observable
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.conserved import last_draw_ps
from mlipbench_hpc.report.draw.drawing import ROWS_DRAWN, Figure, colour_of, finish, joined, side_by_side
from mlipbench_hpc.report.driving import about_md
from mlipbench_hpc.report.text import listed, number

PANEL_HEIGHT, CONSERVED = 2.2, "conserved"
SERIES = (
    ("temperature", "Temperature", "temperature / K"),
    ("potential", "Potential energy", "potential energy − mean / meV/atom"),
    (CONSERVED, "Conserved energy", "conserved energy − first / meV/atom"),
)


def series(results: Results, names: list[str], kind: str, title: str, label: str) -> Figure | None:
    """One quantity of thermo.csv against time, a panel for each `md` and in it a line for each replica.

    At most 600 rows are drawn of each replica.
    """
    lines = {name: _lines(results, name, kind) for name in names}
    lines = {name: own for name, own in lines.items() if own}
    if not lines:
        return None
    stride = max(-(-len(times) // ROWS_DRAWN) for own in lines.values() for times, _ in own.values())
    canvas, axes = side_by_side(list(lines), "time / ps", label, PANEL_HEIGHT)
    for name, own in lines.items():
        for replica, (times, values) in own.items():
            line = axes[name].plot(times[::stride], values[::stride], color=colour_of(replica), linewidth=0.9)
            line[0].set_label(f"replica {replica}")
        if len(own) > 1:
            axes[name].legend(ncols=2)
    every = "every row is drawn" if stride == 1 else f"one row in {stride} is drawn"
    about = "; ".join(f"{name}: {about_md(results, name)}" for name in lines)
    parts = [
        ({"md": name, "replica": replica}, {"time_ps": times[::stride], kind: values[::stride]})
        for name, own in lines.items()
        for replica, (times, values) in own.items()
    ]
    caption = (
        f"{title} of each run ({about}); {every}.{_draws(results, list(lines)) if kind == CONSERVED else ''}"
    )
    return finish(f"md-{kind}", title, caption, joined(parts), canvas)


def _draws(results: Results, names: list[str]) -> str:
    """Sentence on the draws of momenta, at which the conserved energy jumps; empty without any."""
    times = {name: last_draw_ps(results, name) for name in names}
    drawn = [f"{name} up to {number(last)} ps" for name, last in times.items() if last]
    if not drawn:
        return ""
    return (
        f" It jumps where momenta are drawn again ({listed(drawn)}); the largest deviation in the table is "
        "of the frames after that."
    )


def _lines(results: Results, name: str, kind: str) -> dict[int, tuple[Floats, Floats]]:
    """Times in ps and values by replica."""
    runs = [run for run in results.of("md", md=name) if run.done]
    by_replica = {int(run.subject["replica"]): series_values(run, kind) for run in runs}
    return {replica: values for replica, values in by_replica.items() if values is not None}


def series_values(run: Item, kind: str) -> tuple[Floats, Floats] | None:
    """Times in ps and values of one of SERIES, in its unit; None where the run has none."""
    column = "temperature_K" if kind == "temperature" else f"{kind}_eV"
    table = run.table("thermo.csv", "time_ps", column)
    if column not in table or len(table[column]) == 0:
        return None
    values = table[column]
    if kind == "temperature":
        return table["time_ps"], values
    atoms = _atoms(run)
    zero = np.nanmean(values) if kind == "potential" and np.isfinite(values).any() else values[0]
    return table["time_ps"], 1000 * (values - zero) / atoms


def _atoms(run: Item) -> int:
    """Number of atoms, from topology.pdb; 1 (energies then are of the whole system) where that is missing."""
    try:
        lines = (run.folder / "topology.pdb").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 1
    return sum(line.startswith(("ATOM", "HETATM")) for line in lines) or 1


def distributions(results: Results) -> list[Observable]:
    """Functions of the distance between two atoms that runs have."""
    every = [observable for item in results.of("analyse") for observable in item.observables.values()]
    return list({observable.name: observable for observable in every if observable.axis == DISTANCE}.values())


def radial(results: Results, observable: Observable) -> Figure | None:
    """g(r) with a band of two block standard errors, a panel for each `md`, a line for each replica."""
    lines = {name: _radial_lines(results, name, observable) for name in results.names("md")}
    lines = {name: own for name, own in lines.items() if own}
    if not lines:
        return None
    blocks = results.document["campaign"]["analysis"]["blocks"]
    surfaces = [name for name in lines if _surface(results, name)]
    canvas, axes = side_by_side(list(lines), DISTANCE.title, observable.label, PANEL_HEIGHT)
    for name, own in lines.items():
        _draw_radial(axes[name], own, "± 2 SE")
        if name not in surfaces:  # what it tends to in a liquid
            axes[name].axhline(1.0, color="#9aa5b1", linewidth=0.8, linestyle=":")
    about = "; ".join(f"{name}: {about_md(results, name)}" for name in lines)
    caption = (
        f"{observable.title} of each run, replicas not pooled ({about}). "
        f"Bands: ± 2 standard errors, from {blocks} blocks or from autocorrelation, the larger."
        f"{_normalisation(surfaces)}"
    )
    parts = [
        ({"md": name, "replica": replica}, table)
        for name, own in lines.items()
        for replica, table in own.items()
    ]
    return finish(observable.name, observable.title, caption, joined(parts), canvas)


def _surface(results: Results, name: str) -> bool:
    """True where runs of an `md` have a surface."""
    every = (item.values.get("profiles", {}) for item in results.of("analyse", md=name))
    return any(profiles.get("faces") for profiles in every)


def _normalisation(surfaces: list[str]) -> str:
    """Sentence on what g(r) of runs with a surface is relative to; empty without any."""
    if not surfaces:
        return ""
    return (
        f" In {listed(surfaces)}, with a surface, g is relative to the mean density of the whole cell, metal "
        "and vacuum included, as in a homogeneous liquid: it is larger than in the film's liquid, does not "
        "tend to 1, and is to be compared between runs in one cell alone."
    )


def _radial_lines(results: Results, name: str, observable: Observable) -> dict[int, dict[str, Floats]]:
    """r, g and its standard error by replica."""
    columns = {DISTANCE.column: DISTANCE.column, "g": observable.column, "se": observable.error}
    tables = {
        int(item.subject["replica"]): item.table(observable.file) for item in results.of("analyse", md=name)
    }
    return {
        replica: {title: table[column] for title, column in columns.items()}
        for replica, table in tables.items()
        if observable.column in table
    }


def _draw_radial(axes: Axes, lines: dict[int, dict[str, Floats]], band: str) -> None:
    for replica, table in lines.items():
        colour, r = colour_of(replica), table[DISTANCE.column]
        axes.plot(r, table["g"], color=colour, label=f"replica {replica}")
        low, high = table["g"] - 2 * table["se"], table["g"] + 2 * table["se"]
        axes.fill_between(r, low, high, color=colour, alpha=0.22, linewidth=0, label=band)
        band = ""
    axes.set_ylim(bottom=0)
    axes.legend()
