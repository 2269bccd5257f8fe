"""Learning curves of a committee."""

import numpy as np

from mlipbench_hpc.report.committees import Round
from mlipbench_hpc.report.draw.drawing import SIZE, Figure, colour_of, finish, logarithmic, new_axes, stacked


def loss_curves(final: Round) -> Figure | None:
    """Training loss by epoch."""
    return _curves(final, "loss", "Training loss", "loss (as defined by the architecture)")


def force_curves(final: Round) -> Figure | None:
    """Validation force error by epoch."""
    return _curves(final, "validation_force_rmse_meV_per_A", "Validation force error", "force RMSE / meV/Å")


def _curves(final: Round, column: str, title: str, label: str) -> Figure | None:
    tables = {m.number: m.train.table("curve.csv") for m in final.members if m.train is not None}
    lines = {m: (t["epoch"], t[column]) for m, t in tables.items() if column in t and len(t["epoch"])}
    if not lines:
        return None
    canvas, axes = new_axes(SIZE, "epoch", label)
    for member, (epochs, values) in lines.items():
        axes.plot(
            epochs,
            values,
            color=colour_of(member),
            label=f"member {member}",
            marker="o" if len(epochs) < 4 else None,
        )
    if all((values[np.isfinite(values)] > 0).all() for _, values in lines.values()):
        logarithmic(axes)
    axes.legend(ncols=2 if len(lines) > 3 else 1)
    columns = stacked({str(m): {"epoch": e, column: v} for m, (e, v) in lines.items()}, "member")
    caption = f"{title} of {final.committee}, one line for each member ({final.describe()}; no MD)."
    return finish(f"learning-{_short(column)}-{final.committee}", title, caption, columns, canvas)


def _short(column: str) -> str:
    return "loss" if column == "loss" else "force"
