"""Predictions of committees against labels, side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, diagonal, finish, joined, side_by_side
from mlipbench_hpc.report.text import count

FORCE_BINS = 120
HEIGHT = 3.0
TEST, LABELS = "predictions-test.npz", "label_forces"
NEEDED = {"indices", "energies", "forces", "label_energies", LABELS, "offsets"}
# Points of a panel beyond which they are a picture, not each a mark of the page.
MARKS = 2000


@dataclass(frozen=True)
class Compared:
    """Predictions of one member beside the labels of the test set, without the arrays of all atoms.

    energies: columns, meV/atom; components (B, B): of forces by bin of label and prediction; outside: others.
    """

    energies: dict[str, Any]
    components: Floats
    outside: int


Members = dict[int, Compared]


def parity_plots(finals: list[Round]) -> list[Figure]:
    """Energies and forces of all evaluated members on the test set, whose large files are read one by one."""
    items = {final.committee: _evaluated(final) for final in finals}
    edges = _edges([item for own in items.values() for item in list(own.values())[:1]])
    compared = {
        name: {member: known for member, item in own.items() if (known := _compared(item, edges))}
        for name, own in items.items()
    }
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    drawn = energy_parity(compared, about), force_parity(compared, edges, about)
    return [figure for figure in drawn if figure]


def _evaluated(final: Round) -> dict[int, Item]:
    return {member.number: member.evaluate for member in final.members if member.evaluate is not None}


def _edges(items: list[Item]) -> Floats:
    """Edges of bins in eV/Å that hold the labels of all test sets, of which each committee has one."""
    labels = (item.arrays(TEST, LABELS).get(LABELS, np.zeros(0)) for item in items)
    largest = max((float(np.abs(own[np.isfinite(own)]).max(initial=0.0)) for own in labels), default=0.0)
    return np.linspace(-1, 1, FORCE_BINS + 1) * (1.05 * largest or 1.0)


def _compared(item: Item, edges: Floats) -> Compared | None:
    """None where its predictions cannot be read."""
    arrays = item.arrays(TEST, *NEEDED)
    if not set(arrays) >= NEEDED:
        return None
    labels, predicted = arrays[LABELS].ravel(), arrays["forces"].ravel()
    known = np.isfinite(labels) & np.isfinite(predicted)
    inside = np.histogram2d(labels[known], predicted[known], bins=[edges, edges])[0]
    return Compared(_energy_columns(arrays), inside, int(known.sum() - inside.sum()))


def energy_parity(compared: dict[str, Members], about: str) -> Figure | None:
    """Predicted against labelled energy per atom on the test set, a panel for each committee."""
    tables = {
        name: {member: one.energies for member, one in own.items()} for name, own in compared.items() if own
    }
    shown = [name for name, own in tables.items() if any(len(table["frame"]) for table in own.values())]
    if not shown:
        return None
    canvas, axes = side_by_side(shown, "label / meV/atom", "prediction / meV/atom", HEIGHT, shared=False)
    for name in shown:
        _scatter(axes[name], tables[name])
    caption = (
        f"Energies in meV/atom predicted by each member against the labels of the test set ({about}), both "
        "relative to their mean over all frames, which removes constant energy offsets."
    )
    rows = [
        ({"committee": name, "member": member}, table)
        for name in shown
        for member, table in tables[name].items()
    ]
    return finish(
        "parity-energy", "Energies: prediction against label, test set", caption, joined(rows), canvas
    )


def _scatter(axes: Axes, tables: dict[int, dict[str, Any]]) -> None:
    many = sum(len(table["frame"]) for table in tables.values()) > MARKS
    for member, table in tables.items():
        points = table["label_meV_per_atom"], table["predicted_meV_per_atom"]
        marks = axes.scatter(*points, s=14, alpha=0.65, linewidths=0, color=colour_of(member))
        marks.set(label=f"member {member}", rasterized=many)
    diagonal(axes)
    axes.legend(handletextpad=0.1)


def _energy_columns(arrays: dict[str, Any]) -> dict[str, Any]:
    """Finite energies in meV/atom, labels and predictions each less their own mean."""
    atoms = np.diff(arrays["offsets"])
    label, predicted = (1000 * arrays[name] / atoms for name in ("label_energies", "energies"))
    known = np.isfinite(label) & np.isfinite(predicted)
    return {
        "frame": arrays["indices"][known],
        "label_meV_per_atom": _centred(label[known]),
        "predicted_meV_per_atom": _centred(predicted[known]),
    }


def _centred(values: Floats) -> Floats:
    return values - values.mean() if len(values) else values


def force_parity(compared: dict[str, Members], edges: Floats, about: str) -> Figure | None:
    """Density of predicted against labelled force components on the test set, a panel for each committee."""
    sums = {name: np.sum([one.components for one in own.values()], axis=0) for name, own in compared.items()}
    counts = {name: own for name, own in sums.items() if np.sum(own)}
    if not counts:
        return None
    canvas, axes = side_by_side(list(counts), "label / eV/Å", "prediction / eV/Å", HEIGHT)
    norm = LogNorm(vmin=1, vmax=max(2.0, *(float(own.max()) for own in counts.values())))
    for name, own in counts.items():
        shown = np.ma.masked_equal(own.T, 0)
        mesh = axes[name].pcolormesh(edges, edges, shown, cmap="Blues", norm=norm, rasterized=True)
        diagonal(axes[name])
    canvas.colorbar(mesh, ax=list(axes.values()), label="components in a bin", shrink=0.85, format="{x:g}")
    outside = {name: sum(one.outside for one in compared[name].values()) for name in counts}
    lost = [f"{count(amount, 'prediction')} of {name}" for name, amount in outside.items()]
    caption = (
        "Force components in eV/Å predicted against the labels of the test set, all evaluated members of a "
        f"committee together ({about}); outside the axes: {', '.join(lost)}."
    )
    rows = [({"committee": name}, _occupied(edges, own)) for name, own in counts.items()]
    return finish("parity-force", "Forces: prediction against label, test set", caption, joined(rows), canvas)


def _occupied(edges: Floats, counts: Floats) -> dict[str, Any]:
    """Centres and counts of the bins that are not empty."""
    centres = (edges[:-1] + edges[1:]) / 2
    i, j = np.nonzero(counts)
    return {
        "label_eV_per_A": centres[i],
        "predicted_eV_per_A": centres[j],
        "components": counts[i, j].astype(int),
    }
