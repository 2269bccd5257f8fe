"""Learning curves of all committees side by side."""

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, joined, logarithmic, side_by_side

Lines = dict[int, tuple[Floats, Floats]]


def loss_curves(finals: list[Round]) -> Figure | None:
    """Training loss by epoch; each architecture defines its own, so axes differ."""
    return _curves(finals, "loss", "Training loss", "loss (the architecture's own)", shared=False)


def force_curves(finals: list[Round]) -> Figure | None:
    """Validation force error by epoch, on one scale."""
    label = "validation force RMSE / meV/Å"
    return _curves(finals, "validation_force_rmse_meV_per_A", "Validation force error", label, shared=True)


def _curves(finals: list[Round], column: str, title: str, label: str, shared: bool) -> Figure | None:
    by_committee = {final.committee: _lines(final, column) for final in finals}
    by_committee = {name: lines for name, lines in by_committee.items() if lines}
    if not by_committee:
        return None
    canvas, axes = side_by_side(list(by_committee), "epoch", label, shared=shared)
    for name, lines in by_committee.items():
        _draw(axes[name], lines)
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    what = (
        "Force RMSE in meV/Å against the labels of the validation set, on one scale"
        if shared
        else "Loss on the training set, which each architecture defines otherwise: panels cannot be compared"
    )
    caption = f"{what}; one line for each member ({about})."
    rows = [
        ({"committee": name, "member": member}, {"epoch": epochs, column: values})
        for name, lines in by_committee.items()
        for member, (epochs, values) in lines.items()
    ]
    return finish(f"learning-{_short(column)}", title, caption, joined(rows), canvas)


def _lines(final: Round, column: str) -> Lines:
    """Epochs and values by member, of one committee."""
    tables = {m.number: m.train.table("curve.csv") for m in final.members if m.train is not None}
    return {m: (t["epoch"], t[column]) for m, t in tables.items() if column in t and len(t["epoch"])}


def _draw(axes: Axes, lines: Lines) -> None:
    for member, (epochs, values) in lines.items():
        marker = "o" if len(epochs) < 4 else None
        axes.plot(epochs, values, color=colour_of(member), label=f"member {member}", marker=marker)
    if all((values[np.isfinite(values)] > 0).all() for _, values in lines.values()):
        logarithmic(axes)
    axes.legend(ncols=2 if len(lines) > 3 else 1)


def _short(column: str) -> str:
    return "loss" if column == "loss" else "force"
