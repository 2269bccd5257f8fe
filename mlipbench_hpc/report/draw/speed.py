"""Cost of MD against the number of atoms, and against the error of the forces."""

from typing import Any

import numpy as np
from matplotlib.ticker import NullLocator

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import final_round, mean_and_deviation
from mlipbench_hpc.report.draw.drawing import (
    SIZE,
    Figure,
    colour_of,
    finish,
    joined,
    legend_below,
    logarithmic,
    new_axes,
)
from mlipbench_hpc.report.speed_ratios import Cost
from mlipbench_hpc.report.speeds import Timed
from mlipbench_hpc.report.text import number

LABEL = "time of a step / µs/atom"
MOST_TICKS = 8


def scaling(timed: list[Timed], about: str, study: str = "") -> Figure | None:
    """Microseconds for an atom and step against atoms: medians, and the range of the blocks.

    study: of which these entries are; "" for the campaign's own.
    """
    if not timed:
        return None
    canvas, axes = new_axes(SIZE, "atoms", LABEL)
    parts: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for place, entry in enumerate(timed):
        atoms = np.array([size.atoms for size in entry.sizes])
        middle, low, high = (
            np.array([getattr(size, name) for size in entry.sizes])
            for name in ("microseconds", "least_microseconds", "most_microseconds")
        )
        axes.errorbar(
            atoms, middle, yerr=[middle - low, high - middle], color=colour_of(place), label=entry.name,
            marker="o", markersize=3.5, capsize=2.0,
        )  # fmt: skip
        table = {"atoms": atoms, "us_per_atom": middle, "least": low, "most": high}
        parts.append(({"speed": entry.name}, table))
    axes.set_xscale("log", base=2)
    sizes = sorted({size.atoms for entry in timed for size in entry.sizes})
    shown = sizes[:: -(-len(sizes) // MOST_TICKS)]
    axes.set_xticks(shown, [number(size) for size in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    logarithmic(axes)
    legend_below(canvas, axes)
    caption = (
        "Time of a step of MD over the number of atoms: medians of the blocks, bars from the fastest to the "
        f"slowest block ({about})."
    )
    title = _title("Cost against atoms", study)
    return finish(_name("scaling", study), title, caption, joined(parts), canvas)


def _name(figure: str, study: str) -> str:
    return f"speed-{study}-{figure}" if study else f"speed-{figure}"


def _title(title: str, study: str) -> str:
    return f"{study}: {title[0].lower()}{title[1:]}" if study else title


def accuracy_and_cost(results: Results, timed: list[Timed], study: str = "") -> Figure | None:
    """Force error on the test set against the time of a step, a point for each entry with an evaluation.

    study: of which these entries are; "" for the campaign's own.
    """
    rows = []
    for entry in timed:
        final = final_round(results, entry.committee)
        errors = [errors for member in final.members if (errors := member.errors("test"))] if final else []
        error, spread = mean_and_deviation([one["force"]["all"]["rmse_meV_per_A"] for one in errors])
        if error is not None and final is not None:
            words = f"{entry.name}: {final.describe()}"
            rows.append((entry.name, entry.sizes[0].microseconds, error, spread or 0.0, words))
    if not rows:
        return None
    canvas, axes = new_axes(SIZE, LABEL, "force RMSE on the test set / meV/Å")
    for place, (name, cost, error, spread, _) in enumerate(rows):
        axes.errorbar(cost, error, yerr=spread, color=colour_of(place), label=name, marker="o", capsize=2.0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0)
    legend_below(canvas, axes)
    names = ("speed", "us_per_atom", "force_rmse_meV_per_A", "std_over_members_meV_per_A")
    columns = {
        name: list(column) for name, column in zip(names, list(zip(*rows, strict=True))[:4], strict=True)
    }
    caption = (
        "Force RMSE on the test set, mean ± std over the members, against the time of a step of the start "
        f"as it is ({'; '.join(row[4] for row in rows)})."
    )
    return finish(_name("accuracy", study), _title("Accuracy and cost", study), caption, columns, canvas)


def per_day(study: str, every: list[Cost], about: str) -> Figure | None:
    """Bars of ns/day of the start as it is, each with the range of its blocks (Fig. 2c, S6c of the paper)."""
    if not every:
        return None
    canvas, axes = new_axes((SIZE[0], 1.3 + 0.3 * len(every)), "speed of MD / ns/day", "")
    for place, cost in enumerate(every):
        low, middle, high = cost.start.least_ns_per_day, cost.start.ns_per_day, cost.start.most_ns_per_day
        error = [[middle - low], [high - middle]]
        axes.barh(place, middle, xerr=error, height=0.6, color=colour_of(place), capsize=2.0)
        axes.annotate(f" {cost.words}", (high, place), va="center", fontsize=8)
    axes.set_yticks(range(len(every)), [cost.entry.name for cost in every])
    axes.invert_yaxis()
    axes.set_xlim(0, 2.2 * max(cost.start.most_ns_per_day for cost in every))
    columns: dict[str, list[Any]] = {
        "speed": [cost.entry.name for cost in every],
        "atoms": [cost.start.atoms for cost in every],
        "ns_per_day": [cost.start.ns_per_day for cost in every],
        "least": [cost.start.least_ns_per_day for cost in every],
        "most": [cost.start.most_ns_per_day for cost in every],
        "ratio": [np.nan if cost.ratio is None else cost.ratio.mean for cost in every],
    }
    caption = (
        "Speed of MD with the start as it is: median of the blocks, bars from the slowest to the fastest; "
        f"beside it how often the speed of {every[0].against} it is ({about})."
    )
    return finish(_name("ns-per-day", study), _title("Speed of MD", study), caption, columns, canvas)
