"""Coverage of a calibrated committee."""

import numpy as np

from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import SQUARE, Figure, colour_of, finish, new_axes, stacked
from mlipbench_hpc.report.text import count, number


def coverage(final: Round) -> Figure | None:
    """Share of validation errors inside k·α·s, against what a normal distribution gives."""
    calibration = final.calibration.values if final.calibration else {}
    lines = {
        kind: np.array(calibration[kind]["coverage"])
        for kind in ("raw", "centred")
        if "coverage" in calibration.get(kind, {})
    }
    if not lines:
        return None
    canvas, axes = new_axes(SQUARE, "k", "share of errors inside k · α · s")
    names = {"raw": "raw energies", "centred": "centred energies"}
    for index, (kind, rows) in enumerate(lines.items()):
        label = f"{names[kind]}, α = {number(calibration[kind]['alpha'])}"
        axes.plot(rows[:, 0], rows[:, 1], color=colour_of(index), marker="o", markersize=3, label=label)
    expected = next(iter(lines.values()))
    axes.plot(expected[:, 0], expected[:, 2], color="#6b7280", linestyle=":", label="normal distribution")
    axes.set_ylim(0, 1.03)
    axes.legend()
    caption = (
        f"Coverage of {final.committee} on {count(calibration['structures'], 'validation structure')} "
        f"({final.describe()}; no MD): share of the errors within k·α·s, s the standard deviation over the "
        "members; below the dotted line errors exceed the calibrated spread."
    )
    tables = {
        str(index): {"k": rows[:, 0], "share": rows[:, 1], "normal": rows[:, 2]}
        for index, rows in enumerate(lines.values())
    }
    columns = stacked(tables, "set")
    columns["set"] = [list(lines)[index] for index in columns["set"]]
    return finish(f"coverage-{final.committee}", "Coverage", caption, columns, canvas)
