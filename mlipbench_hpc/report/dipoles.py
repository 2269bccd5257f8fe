"""Slab dipole against total dipole orientation P_z, of each dataset with dipoles (Fig. S10)."""

from typing import Any

import numpy as np

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.draw.drawing import SQUARE, Figure, colour_of, finish, new_axes
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, count, number, plus_minus


def table(results: Results) -> Table | None:
    """One row for each composition of each dataset; None where no dataset has dipoles."""
    rows = [
        [
            str(item.subject["frames"]),
            formula,
            number(part["frames"]),
            plus_minus(part.get("correlation"), part.get("se_correlation")),
            *_simple(part),
            *_with_ions(part.get("plane")),
            plus_minus(*_work_function(part)),
            _parts(part.get("parts_eA") or {}),
        ]
        for item in results.of("dipole")
        for formula, part in item.values.get("compositions", {}).items()
    ]
    header = ["dataset", "composition", "frames", "correlation r", "slope without ions, e·Å per P_z",
              "slab dipole at P_z = 0 without ions, e·Å", "R², P_z alone → with Σqz of ions",
              "fitted together: e·Å per P_z; per e·Å of ions", "r of P_z and Σqz",
              "work function per P_z at fixed ions, eV", "mean: molecules + ions + metal, e·Å"]  # fmt: skip
    caption = (
        "Slab dipole of the labels against the total dipole orientation P_z = Σ cos θ of the waters in the "
        "same frames, both along the outward normal: least-squares line for each composition, ± jackknife "
        f"standard error over at most {results.document['campaign']['analysis']['blocks']} blocks of "
        "consecutive frames. Crossing the film outwards the electrostatic potential rises by D/(ε0 A), so "
        "the work function falls with P_z (H-up water) and with the height of cations. The slab dipole D is "
        "exactly the sum of molecules (Σμ_z), ions (Σqz above the metal's mean height) and the metal's "
        "charges. With ions a slope against P_z alone is confounded by the ions' heights, which change with "
        "P_z, so that it is no effect of the water's orientation: there only the fit of P_z and Σqz together "
        "gives a slope and a work function per P_z. Where P_z and Σqz go together (r near ±1), its "
        "coefficients are not determined separately. No model, no MD of a model."
    )
    return Table(caption, header, rows, words=2) if rows else None


def _simple(part: dict[str, Any]) -> list[str]:
    """Slope against P_z alone, and slab dipole at P_z = 0; dashes where ions confound them."""
    if part.get("plane"):
        return [NOTHING] * 2
    names = ("slope_eA", "intercept_eA")
    return [plus_minus(part.get(name), part.get(f"se_{name}")) for name in names]


def _work_function(part: dict[str, Any]) -> tuple[float | None, float | None]:
    """Change of the work function per P_z in eV, with its error: -1/(ε0 A) times the slope in e·Å.

    With ions the slope is that of the fit together with Σqz.
    """
    plane, slope, change = part.get("plane"), part.get("slope_eA"), part.get("work_function_eV")
    if plane is None or not slope or change is None:
        return change, part.get("se_slope_V")
    value, error = plane["orientation"]
    per_eA = change / slope
    return value * per_eA, None if error is None else error * abs(per_eA)


def _with_ions(plane: dict[str, Any] | None) -> list[str]:
    """Three cells on the fit with the ions' Σqz; dashes where there is none."""
    if plane is None:
        return [NOTHING] * 3
    shares = f"{number(plane['alone'])} → {number(plane['together'])}"
    coefficients = f"{plus_minus(*plane['orientation'])}; {plus_minus(*plane['ions'])}"
    return [shares, coefficients, number(plane["collinearity"])]


def _parts(parts: dict[str, float | None]) -> str:
    """`4.1 + 2.0 − 12`, a dash where the labels do not say."""
    values = (parts.get(name) for name in ("molecules", "ions", "metal"))
    known = [value for value in values if value is not None]
    return " + ".join(number(value) for value in known) if len(known) == 3 else NOTHING


def warnings(results: Results, dataset: str) -> list[str]:
    """One sentence where frames are left out of the comparison, with the reasons."""
    return [
        f"{number(item.values['without'])} of "
        f"{count(item.values['frames'] + item.values['without'], 'frame')} are excluded from the comparison "
        "of slab dipole and P_z: "
        + "; ".join(f"{why} ({number(frames)})" for why, frames in sorted(item.values["reasons"].items()))
        + "."
        for item in results.of("dipole", frames=dataset)
        if item.values.get("without")
    ]


def figures(results: Results) -> list[Figure]:
    """Figures of all datasets whose frames have slab dipole and P_z."""
    drawn = [_figure(item, item.table("dipoles.csv")) for item in results.of("dipole")]
    return [figure for figure in drawn if figure is not None]


def _figure(item: Item, rows: dict[str, Any]) -> Figure | None:
    parts = dict(sorted(item.values.get("compositions", {}).items()))
    if not parts or len(rows.get("P_z", ())) == 0:
        return None
    canvas, axes = new_axes(SQUARE, "total dipole orientation P_z", "slab dipole / e·Å")
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
    left = f"; {count(without, 'frame')} excluded" if without else ""
    caption = (
        f"Slab dipole in the labels of {name} against the total dipole orientation P_z of the same frames "
        f"({count(item.values['frames'], 'frame')}{left}; no model, no MD of a model), with the "
        "least-squares line of each composition. With ions these lines are confounded by the ions' heights: "
        "the table's fit of P_z and Σqz together separates the two."
    )
    columns = {
        "frame": rows["frame"].astype(int).tolist(),
        "composition": [list(parts)[int(place)] for place in rows["composition"]],
        "P_z": rows["P_z"].tolist(),
        "dipole_eA": rows["dipole_eA"].tolist(),
    }
    return finish(f"slab-dipole-{name}", "Slab dipole against P_z", caption, columns, canvas)
