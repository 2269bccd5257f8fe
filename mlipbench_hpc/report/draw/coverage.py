"""Coverage of calibrated committees, side by side."""

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, joined, side_by_side
from mlipbench_hpc.report.text import count, number

NAMES = {"raw": "raw energies", "centred": "centred energies"}
Rows = dict[str, tuple[float, Floats]]


def coverage(finals: list[Round]) -> Figure | None:
    """Draw the share of validation errors inside k·α·s against that of a normal distribution."""
    by_committee = {final.committee: rows for final in finals if (rows := _rows(final))}
    if not by_committee:
        return None
    canvas, axes = side_by_side(list(by_committee), "k", "share of errors inside k · α · s")
    for name, rows in by_committee.items():
        _draw(axes[name], rows)
    about = "; ".join(_about(final) for final in finals if final.committee in by_committee)
    caption = (
        f"Coverage on the validation set ({about}): share of the structures whose energy error, of the "
        "mean over members against the label, is within k·α·s, s their standard deviation and α as "
        "fitted to the same structures, whether or not bands use it. Dotted: of normal errors; "
        "with few members s itself scatters, so that less is covered at k = 1 (Student's t: 61 % for M = 4)."
    )
    parts = [
        ({"committee": name, "set": kind}, {"k": table[:, 0], "share": table[:, 1], "normal": table[:, 2]})
        for name, rows in by_committee.items()
        for kind, (_, table) in rows.items()
    ]
    return finish("coverage", "Coverage of the spread between members", caption, joined(parts), canvas)


def _rows(final: Round) -> Rows:
    """α and rows (K, 3) of k, share inside, share of a normal distribution, by kind of energies."""
    calibration = final.calibration.values if final.calibration else {}
    return {
        kind: (calibration[kind]["alpha"], np.array(calibration[kind]["coverage"]))
        for kind in NAMES
        if "coverage" in calibration.get(kind, {})
    }


def _about(final: Round) -> str:
    structures = final.calibration.values["structures"] if final.calibration else 0
    return f"{final.committee}: {final.describe()}, {count(structures, 'validation structure')}"


def _draw(axes: Axes, rows: Rows) -> None:
    for place, (kind, (alpha, table)) in enumerate(rows.items()):
        label = f"{NAMES[kind]}, α = {number(alpha)}"
        axes.plot(table[:, 0], table[:, 1], color=colour_of(place), marker="o", markersize=3, label=label)
    expected = next(iter(rows.values()))[1]
    axes.plot(expected[:, 0], expected[:, 2], color="#6b7280", linestyle=":", label="normal distribution")
    axes.set_ylim(0, 1.03)
    axes.legend()
