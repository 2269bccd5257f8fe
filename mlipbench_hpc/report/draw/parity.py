"""Predictions of a committee against labels."""

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import SQUARE, Figure, colour_of, diagonal, finish, new_axes, stacked
from mlipbench_hpc.report.text import count

FORCE_BINS = 120
Predictions = dict[int, dict[str, Any]]


def parity(final: Round) -> list[Figure]:
    """Energies and forces of all evaluated members on the test set, whose files are read once."""
    predictions = _test_predictions(final)
    drawn = energy_parity(final, predictions), force_parity(final, predictions)
    return [figure for figure in drawn if figure]


def _test_predictions(final: Round) -> Predictions:
    predictions = {
        m.number: m.evaluate.arrays("predictions-test.npz") for m in final.members if m.evaluate is not None
    }
    needed = {"energies", "forces", "reference_energies", "reference_forces", "offsets"}
    return {member: arrays for member, arrays in predictions.items() if needed <= set(arrays)}


def energy_parity(final: Round, predictions: Predictions) -> Figure | None:
    """Predicted against labelled energy per atom on the test set."""
    columns = {str(member): _energy_columns(arrays) for member, arrays in predictions.items()}
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
        f"Energies of {final.committee} on the test set ({final.describe()}; no MD). Labels and "
        "predictions of each member are relative to their mean, which removes constant energy offsets."
    )
    name = f"parity-energy-{final.committee}"
    return finish(name, "Energy parity", caption, stacked(columns, "member"), canvas)


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


def force_parity(final: Round, predictions: Predictions) -> Figure | None:
    """Density of predicted against labelled force components on the test set, all members together."""
    parts = [(a["reference_forces"].ravel(), a["forces"].ravel()) for a in predictions.values()]
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
        f"Force components of {final.committee} on the test set, all evaluated members together "
        f"({final.describe()}; no MD); {outside} outside the axis range."
    )
    columns = _occupied(edges, counts)
    return finish(
        f"parity-force-{final.committee}", "Force parity", caption, columns, _density(edges, counts)
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
