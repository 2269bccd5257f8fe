"""Predictions of committees against labels, side by side."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, diagonal, finish, joined, side_by_side
from mlipbench_hpc.report.text import count

FORCE_BINS = 120
HEIGHT = 3.0
Predictions = dict[int, dict[str, Any]]
Forces = dict[str, tuple[Floats, Floats]]


def parity_plots(finals: list[Round]) -> list[Figure]:
    """Energies and forces of all evaluated members on the test set, whose files are read once."""
    predictions = {final.committee: _test_predictions(final) for final in finals}
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    drawn = energy_parity(predictions, about), force_parity(predictions, about)
    return [figure for figure in drawn if figure]


def _test_predictions(final: Round) -> Predictions:
    predictions = {
        m.number: m.evaluate.arrays("predictions-test.npz") for m in final.members if m.evaluate is not None
    }
    needed = {"energies", "forces", "label_energies", "label_forces", "offsets"}
    return {member: arrays for member, arrays in predictions.items() if needed <= set(arrays)}


def energy_parity(predictions: dict[str, Predictions], about: str) -> Figure | None:
    """Predicted against labelled energy per atom on the test set, a panel for each committee."""
    tables = {
        name: {member: _energy_columns(arrays) for member, arrays in own.items()}
        for name, own in predictions.items()
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
    for member, table in tables.items():
        points = table["label_meV_per_atom"], table["predicted_meV_per_atom"]
        axes.scatter(
            *points, s=14, alpha=0.65, linewidths=0, color=colour_of(member), label=f"member {member}"
        )
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


def force_parity(predictions: dict[str, Predictions], about: str) -> Figure | None:
    """Density of predicted against labelled force components on the test set, a panel for each committee."""
    forces = {name: _components(own) for name, own in predictions.items() if own}
    forces = {name: pair for name, pair in forces.items() if len(pair[0])}
    if not forces:
        return None
    largest = max(float(np.abs(labels).max()) for labels, _ in forces.values())
    edges = np.linspace(-1, 1, FORCE_BINS + 1) * (1.05 * largest or 1.0)
    counts = {name: np.histogram2d(*pair, bins=[edges, edges])[0] for name, pair in forces.items()}
    canvas, axes = side_by_side(list(counts), "label / eV/Å", "prediction / eV/Å", HEIGHT)
    norm = LogNorm(vmin=1, vmax=max(2.0, *(float(own.max()) for own in counts.values())))
    for name, own in counts.items():
        shown = np.ma.masked_equal(own.T, 0)
        mesh = axes[name].pcolormesh(edges, edges, shown, cmap="Blues", norm=norm, rasterized=True)
        diagonal(axes[name])
    canvas.colorbar(mesh, ax=list(axes.values()), label="components in a bin", shrink=0.85, format="{x:g}")
    lost = [
        f"{count(int(len(forces[name][0]) - own.sum()), 'prediction')} of {name}"
        for name, own in counts.items()
    ]
    caption = (
        "Force components in eV/Å predicted against the labels of the test set, all evaluated members of a "
        f"committee together ({about}); outside the axes: {', '.join(lost)}."
    )
    rows = [({"committee": name}, _occupied(edges, own)) for name, own in counts.items()]
    return finish("parity-force", "Forces: prediction against label, test set", caption, joined(rows), canvas)


def _components(predictions: Predictions) -> tuple[Floats, Floats]:
    """Finite labels and predictions (K,) of all members in eV/Å."""
    parts = [(a["label_forces"].ravel(), a["forces"].ravel()) for a in predictions.values()]
    labels, predicted = (np.concatenate(column) for column in zip(*parts, strict=True))
    known = np.isfinite(labels) & np.isfinite(predicted)
    return labels[known], predicted[known]


def _occupied(edges: Floats, counts: Floats) -> dict[str, Any]:
    """Centres and counts of the bins that are not empty."""
    centres = (edges[:-1] + edges[1:]) / 2
    i, j = np.nonzero(counts)
    return {
        "label_eV_per_A": centres[i],
        "predicted_eV_per_A": centres[j],
        "components": counts[i, j].astype(int),
    }
