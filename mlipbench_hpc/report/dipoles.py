"""The slab's dipole against P_z, of each dataset that knows dipoles: table and figure (Fig. S10)."""

from typing import Any

import numpy as np

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.draw.drawing import SQUARE, Figure, colour_of, finish, new_axes
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import count, number, plus_minus


def table(results: Results) -> Table | None:
    """One row for each composition of each dataset; None where no dataset knows dipoles."""
    rows = [
        [
            str(item.subject["frames"]),
            formula,
            number(part["frames"]),
            plus_minus(part.get("correlation"), part.get("se_correlation")),
            plus_minus(part.get("slope_eA"), part.get("se_slope_eA")),
            plus_minus(part.get("intercept_eA"), part.get("se_intercept_eA")),
            plus_minus(part.get("slope_V"), part.get("se_slope_V")),
        ]
        for item in results.of("dipole")
        for formula, part in item.values.get("compositions", {}).items()
    ]
    header = ["dataset", "composition", "frames", "correlation r", "slope, e·Å per P_z",
              "dipole at P_z = 0, e·Å", "potential step per P_z, V"]  # fmt: skip
    caption = (
        "The slab's dipole, as the labels say it, against P_z = Σ cos θ of the waters in the same frames, "
        "both along the outward normal; a least-squares line for each composition, ± jackknife standard "
        f"error over at most {results.document['campaign']['analysis']['blocks']} blocks of frames in "
        "their order. Potential step: the slope over ε0 and the area, by how much the work function rises "
        "with P_z. Ions carry dipole too: where they move, P_z says less of it. "
        "No model and no MD of a model enters."
    )
    return Table(caption, header, rows, words=2) if rows else None


def warnings(results: Results, dataset: str) -> list[str]:
    """One sentence where frames are left out of the comparison, with the reasons."""
    return [
        f"of {count(item.values['frames'] + item.values['without'], 'frame')} the slab's dipole is not "
        f"compared with P_z in {number(item.values['without'])}: "
        + "; ".join(f"{why} ({number(frames)})" for why, frames in sorted(item.values["reasons"].items()))
        + "."
        for item in results.of("dipole", frames=dataset)
        if item.values.get("without")
    ]


def figures(results: Results) -> list[Figure]:
    """One for each dataset with frames that know both."""
    drawn = [_figure(item, item.table("dipoles.csv")) for item in results.of("dipole")]
    return [figure for figure in drawn if figure is not None]


def _figure(item: Item, rows: dict[str, Any]) -> Figure | None:
    parts = dict(sorted(item.values.get("compositions", {}).items()))
    if not parts or len(rows.get("P_z", ())) == 0:
        return None
    canvas, axes = new_axes(SQUARE, "total dipole of the water, P_z", "dipole of the slab / e·Å")
    for place, (formula, part) in enumerate(parts.items()):
        own = rows["composition"] == place
        across = rows["P_z"][own]
        axes.scatter(
            across, rows["dipole_eA"][own], s=14, alpha=0.65, linewidths=0, color=colour_of(place),
            label=formula,
        )  # fmt: skip
        if part.get("slope_eA") is not None:
            ends = np.array([across.min(), across.max()])
            axes.plot(ends, part["intercept_eA"] + part["slope_eA"] * ends, color=colour_of(place))
    axes.legend(handletextpad=0.1)
    name, without = item.subject["frames"], item.values["without"]
    left = f"; {count(without, 'frame')} left out" if without else ""
    caption = (
        f"Dipole of the slab in the labels of {name} against P_z of the same frames "
        f"({count(item.values['frames'], 'frame')}{left}; no model and no MD of a model enters), with the "
        "least-squares line of each composition."
    )
    columns = {
        "frame": rows["frame"].astype(int).tolist(),
        "composition": [list(parts)[int(place)] for place in rows["composition"]],
        "P_z": rows["P_z"].tolist(),
        "dipole_eA": rows["dipole_eA"].tolist(),
    }
    return finish(f"slab-dipole-{name}", "Dipole of the slab against P_z", caption, columns, canvas)
