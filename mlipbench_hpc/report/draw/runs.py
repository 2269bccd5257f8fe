"""Quantities of MD runs over time, and radial distributions."""

import numpy as np

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import DISTANCE, Observable
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.draw.drawing import ROWS_DRAWN, SIZE, Figure, colour_of, finish, new_axes, stacked

SERIES = (
    ("temperature", "Temperature", "temperature / K"),
    ("potential", "Potential energy", "potential energy − mean / meV/atom"),
    ("conserved", "Conserved energy", "conserved energy − first / meV/atom"),
)


def series(name: str, runs: list[Item], about: str, kind: str, title: str, label: str) -> Figure | None:
    """One quantity of thermo.csv against time, one line for each replica, at most 600 rows drawn of each."""
    whole = {str(run.subject["replica"]): _series_values(run, kind) for run in runs}
    lines = {replica: values for replica, values in whole.items() if values is not None}
    if not lines:
        return None
    stride = max(-(-len(times) // ROWS_DRAWN) for times, _ in lines.values())
    canvas, axes = new_axes(SIZE, "time / ps", label)
    for replica, (times, values) in lines.items():
        line = axes.plot(times[::stride], values[::stride], color=colour_of(int(replica)), linewidth=0.9)
        line[0].set_label(f"replica {replica}")
    if len(lines) > 1:
        axes.legend(ncols=2)
    columns = {replica: {"time_ps": t[::stride], kind: v[::stride]} for replica, (t, v) in lines.items()}
    every = "every row is drawn" if stride == 1 else f"one row in {stride} is drawn"
    caption = f"{title} of {name} ({about}); {every}."
    return finish(f"md-{kind}-{name}", title, caption, stacked(columns, "replica"), canvas)


def _series_values(run: Item, kind: str) -> tuple[Floats, Floats] | None:
    table = run.table("thermo.csv")
    column = "temperature_K" if kind == "temperature" else f"{kind}_eV"
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


def distributions(results: Results, name: str) -> list[Observable]:
    """Functions of the distance between two atoms that runs of one `md` have."""
    every = [
        observable for item in results.of("analyse", md=name) for observable in item.observables.values()
    ]
    return list({observable.name: observable for observable in every if observable.axis == DISTANCE}.values())


def radial(results: Results, name: str, observable: Observable, about: str) -> Figure | None:
    """g(r) of each replica with a band of two block standard errors."""
    tables = {
        str(item.subject["replica"]): item.table(observable.file) for item in results.of("analyse", md=name)
    }
    columns = {DISTANCE.column: DISTANCE.column, "g": observable.column, "se": observable.error}
    lines = {
        replica: {title: table[column] for title, column in columns.items()}
        for replica, table in tables.items()
        if observable.column in table
    }
    if not lines:
        return None
    canvas, axes = new_axes(SIZE, DISTANCE.title, observable.label)
    for replica, table in lines.items():
        colour, r = colour_of(int(replica)), table[DISTANCE.column]
        axes.plot(r, table["g"], color=colour, label=f"replica {replica}")
        band = (table["g"] - 2 * table["se"], table["g"] + 2 * table["se"])
        axes.fill_between(r, *band, color=colour, alpha=0.22, linewidth=0)
    axes.axhline(1.0, color="#9aa5b1", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.legend()
    blocks = results.document["campaign"]["analysis"]["blocks"]
    caption = (
        f"{observable.title} of {name}, one line for each replica, not pooled ({about}). "
        f"Bands: ± 2 standard errors from {blocks} blocks."
    )
    return finish(f"{observable.name}-{name}", observable.title, caption, stacked(lines, "replica"), canvas)
