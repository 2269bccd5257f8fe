"""Errors against the size of the training set, as in Fig. 2a-b of arXiv:2602.22931."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from mlipbench_hpc.report.data_efficiency import Point
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, logarithmic, side_by_side
from mlipbench_hpc.report.extremes import Extremes
from mlipbench_hpc.report.text import number

MARKERS = "osD^vP*X"
PANELS = {
    "energy": "energy RMSE / meV/atom",
    "force": "force RMSE / meV/Å",
    "median": "median absolute force error / meV/Å",
}


def errors(study: str, every: list[Point]) -> Figure | None:
    """Energy and force errors of every model, logarithmic in both axes; None before any is known."""
    known = [point for point in every if point.energy and point.force]
    if not known:
        return None
    panels = {kind: label for kind, label in PANELS.items() if all(getattr(point, kind) for point in known)}
    canvas, axes = side_by_side(list(panels), "training structures n", "", shared=False)
    for kind, label in panels.items():
        _draw(axes[kind], kind, known)
        axes[kind].set_ylabel(label)
    axes["energy"].legend()
    caption = (
        "Errors on the same test set against the number n of training structures. Markers: mean over "
        "repeats, each trained on a training set of its own; bands: least to greatest, none of a single "
        f"repeat, whose spread is not known. Repeats: {_repeats(known)}."
    )
    title = f"{study}: errors against training structures"
    return finish(f"data-efficiency-{study}", title, caption, _columns(known), canvas)


def _repeats(known: list[Point]) -> str:
    counts: dict[str, set[int]] = {}
    for point in known:
        counts.setdefault(point.model, set()).add(point.force.repeats if point.force else 0)
    return ", ".join(
        f"{model} {' or '.join(map(number, sorted(repeats)))}" for model, repeats in counts.items()
    )


def _draw(axes: Axes, kind: str, known: list[Point]) -> None:
    for place, model in enumerate(dict.fromkeys(point.model for point in known)):
        own = sorted((point for point in known if point.model == model), key=lambda point: point.size)
        sizes = [point.size for point in own]
        spans: list[Extremes] = [getattr(point, kind) for point in own]
        colour, marker = colour_of(place), MARKERS[place % len(MARKERS)]
        axes.plot(sizes, [span.mean for span in spans], color=colour, marker=marker, label=model)
        low, high = [span.least for span in spans], [span.greatest for span in spans]
        axes.fill_between(sizes, low, high, color=colour, alpha=0.22, linewidth=0)
    axes.set_xscale("log")
    sizes = sorted({point.size for point in known})
    axes.set_xticks(sizes, [number(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    if all(getattr(point, kind).least > 0 for point in known):
        logarithmic(axes)


def _columns(known: list[Point]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "model": [point.model for point in known],
        "training_structures": [point.size for point in known],
    }
    for kind, unit in (("energy", "meV_per_atom"), ("centred", "meV_per_atom"), ("force", "meV_per_A")):
        for end in ("mean", "least", "greatest"):
            values = [getattr(getattr(point, kind), end, np.nan) for point in known]
            columns[f"{kind}_rmse_{end}_{unit}"] = values
    medians = [getattr(point.median, "mean", np.nan) for point in known]
    return columns | {"force_median_mean_meV_per_A": medians}
