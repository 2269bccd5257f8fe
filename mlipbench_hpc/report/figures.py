"""The figures of data, models and runs, and the list of all that the page shows."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report import crosscheck, dipoles
from mlipbench_hpc.report.bands import coverage, of_run
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Round, final_round
from mlipbench_hpc.report.drawing import (
    ROWS_DRAWN,
    SIZE,
    SQUARE,
    STYLE,
    Figure,
    colour_of,
    diagonal,
    finish,
    logarithmic,
    new_axes,
    stacked,
)
from mlipbench_hpc.report.drivers import about_md
from mlipbench_hpc.report.overlay import overlays
from mlipbench_hpc.report.text import count

FORCE_BINS = 120


def figures(results: Results) -> list[Figure]:
    """All figures that the done tasks allow, in the order of the page."""
    with mpl.rc_context(STYLE):
        made: list[Figure | None] = [*overlays(results), *crosscheck.figures(results)]
        made += dipoles.figures(results)
        made += [figure for name in results.names("committees") for figure in _of_committee(results, name)]
        made += [figure for name in results.names("md") for figure in _of_md(results, name)]
    return [figure for figure in made if figure is not None]


def _of_committee(results: Results, name: str) -> list[Figure | None]:
    final = final_round(results, name)
    return (
        [draw(final) for draw in (loss_curves, force_curves, energy_parity, force_parity, coverage)]
        if final
        else []
    )


def _of_md(results: Results, name: str) -> list[Figure | None]:
    runs = [item for item in results.of("md", md=name) if item.done]
    about = about_md(results, name)
    drawn = [series(name, runs, about, *kind) for kind in SERIES]
    drawn += [radial(results, name, pair, about) for pair in _pairs(results, name)]
    return drawn + [figure for run in runs for figure in of_run(results, run)]


def loss_curves(one: Round) -> Figure | None:
    """Training loss by epoch."""
    return _curves(one, "loss", "Training loss", "loss (as defined by the architecture)")


def force_curves(one: Round) -> Figure | None:
    """Validation force error by epoch."""
    return _curves(one, "validation_force_rmse_meV_per_A", "Validation force error", "force RMSE / meV/Å")


def _curves(one: Round, column: str, title: str, label: str) -> Figure | None:
    tables = {m.number: m.train.table("curve.csv") for m in one.members if m.train is not None}
    lines = {m: (t["epoch"], t[column]) for m, t in tables.items() if column in t and len(t["epoch"])}
    if not lines:
        return None
    canvas, axes = new_axes(SIZE, "epoch", label)
    for member, (epochs, values) in lines.items():
        axes.plot(
            epochs,
            values,
            color=colour_of(member),
            label=f"member {member}",
            marker="o" if len(epochs) < 4 else None,
        )
    if all((values[np.isfinite(values)] > 0).all() for _, values in lines.values()):
        logarithmic(axes)
    axes.legend(ncols=2 if len(lines) > 3 else 1)
    columns = stacked({str(m): {"epoch": e, column: v} for m, (e, v) in lines.items()}, "member")
    caption = f"{title} of {one.committee}, one line for each member ({one.describe()}; no MD enters)."
    return finish(f"learning-{_short(column)}-{one.committee}", "models", title, caption, columns, canvas)


def _short(column: str) -> str:
    return "loss" if column == "loss" else "force"


def _test_predictions(one: Round) -> dict[int, dict[str, Any]]:
    found = {
        m.number: m.evaluate.arrays("predictions-test.npz") for m in one.members if m.evaluate is not None
    }
    needed = {"energies", "forces", "reference_energies", "reference_forces", "offsets"}
    return {member: arrays for member, arrays in found.items() if needed <= set(arrays)}


def energy_parity(one: Round) -> Figure | None:
    """Predicted against labelled energy per atom on the test set."""
    columns = {str(member): _energy_columns(arrays) for member, arrays in _test_predictions(one).items()}
    if not any(len(table["frame"]) for table in columns.values()):
        return None
    canvas, axes = new_axes(SQUARE, "label / meV/atom", "prediction / meV/atom")
    for member, table in columns.items():
        points = table["label_meV_per_atom"], table["predicted_meV_per_atom"]
        colour = colour_of(int(member))
        axes.scatter(*points, s=14, alpha=0.65, linewidths=0, color=colour, label=f"member {member}")
    diagonal(axes)
    axes.legend(handletextpad=0.1)
    caption = (
        f"Energies of {one.committee} on the test set ({one.describe()}; no MD enters). Labels and each "
        "member's predictions are taken from their own mean: a constant error, which forces do not feel, is "
        "not seen."
    )
    name = f"parity-energy-{one.committee}"
    return finish(name, "errors", "Energy parity", caption, stacked(columns, "member"), canvas)


def _energy_columns(arrays: dict[str, Any]) -> dict[str, Any]:
    """Finite energies in meV/atom, labels and predictions each less their own mean."""
    atoms = np.diff(arrays["offsets"])
    label, predicted = (1000 * arrays[name] / atoms for name in ("reference_energies", "energies"))
    known = np.isfinite(label) & np.isfinite(predicted)
    return {
        "frame": arrays["indices"][known],
        "label_meV_per_atom": _centred(label[known]),
        "predicted_meV_per_atom": _centred(predicted[known]),
    }


def _centred(values: Floats) -> Floats:
    return values - values.mean() if len(values) else values


def force_parity(one: Round) -> Figure | None:
    """Density of predicted against labelled force components on the test set, all members together."""
    parts = [(a["reference_forces"].ravel(), a["forces"].ravel()) for a in _test_predictions(one).values()]
    if not parts:
        return None
    labels, predicted = (np.concatenate(column) for column in zip(*parts, strict=True))
    known = np.isfinite(labels) & np.isfinite(predicted)
    if not known.any():
        return None
    edges = np.linspace(-1, 1, FORCE_BINS + 1) * (float(np.abs(labels[known]).max()) * 1.05 or 1.0)
    counts = np.histogram2d(labels[known], predicted[known], bins=[edges, edges])[0]
    outside = count(int(known.sum() - counts.sum()), "prediction")
    caption = (
        f"Force components of {one.committee} on the test set, all evaluated members together "
        f"({one.describe()}; no MD enters); {outside} outside the frame."
    )
    columns = _occupied(edges, counts)
    return finish(
        f"parity-force-{one.committee}", "errors", "Force parity", caption, columns, _density(edges, counts)
    )


def _density(edges: Floats, counts: Floats) -> Canvas:
    """Counts (B, B) over label and prediction, eV/Å, in a logarithmic shade."""
    canvas, axes = new_axes(SQUARE, "label / eV/Å", "prediction / eV/Å")
    norm = LogNorm(vmin=1, vmax=max(float(counts.max()), 2.0))
    shown = np.ma.masked_equal(counts.T, 0)
    mesh = axes.pcolormesh(edges, edges, shown, cmap="Blues", norm=norm, rasterized=True)
    canvas.colorbar(mesh, ax=axes, label="components in a bin", shrink=0.85, format="{x:g}")
    diagonal(axes)
    return canvas


def _occupied(edges: Floats, counts: Floats) -> dict[str, list[Any]]:
    """Centres and counts of the bins that are not empty."""
    centres = (edges[:-1] + edges[1:]) / 2
    i, j = np.nonzero(counts)
    columns = {
        "label_eV_per_A": centres[i],
        "predicted_eV_per_A": centres[j],
        "components": counts[i, j].astype(int),
    }
    return {name: values.tolist() for name, values in columns.items()}


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
    return finish(f"md-{kind}-{name}", "md", title, caption, stacked(columns, "replica"), canvas)


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


def _pairs(results: Results, name: str) -> list[str]:
    found = [
        pair
        for item in results.of("analyse", md=name)
        for pair in item.values.get("rdf", {}).get("pairs", {})
    ]
    return list(dict.fromkeys(found))


def radial(results: Results, name: str, pair: str, about: str) -> Figure | None:
    """g(r) of each replica with a band of two block standard errors."""
    tables = {str(item.subject["replica"]): item.table("rdf.csv") for item in results.of("analyse", md=name)}
    lines = {
        replica: {"r_A": table["r_A"], "g": table[f"g_{pair}"], "se": table[f"se_{pair}"]}
        for replica, table in tables.items()
        if f"g_{pair}" in table
    }
    if not lines:
        return None
    canvas, axes = new_axes(SIZE, "r / Å", f"g(r), {pair}")
    for replica, table in lines.items():
        colour = colour_of(int(replica))
        axes.plot(table["r_A"], table["g"], color=colour, label=f"replica {replica}")
        band = (table["g"] - 2 * table["se"], table["g"] + 2 * table["se"])
        axes.fill_between(table["r_A"], *band, color=colour, alpha=0.22, linewidth=0)
    axes.axhline(1.0, color="#9aa5b1", linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.legend()
    blocks = results.document["campaign"]["analysis"]["blocks"]
    caption = (
        f"{pair} radial distribution of {name}, one line for each replica, not pooled ({about}). "
        f"Bands: ± 2 standard errors from {blocks} blocks."
    )
    return finish(
        f"rdf-{pair}-{name}",
        "rdf",
        f"{pair} radial distribution",
        caption,
        stacked(lines, "replica"),
        canvas,
    )
