"""Slab dipole and electrode potential against P_z, as Fig. S10 of arXiv:2602.22931."""

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, joined, side_by_side
from mlipbench_hpc.report.polarization import DipoleFrames

PANELS = {"dipoles": "slab dipole / e·Å", "potentials": "electrode potential / V"}


def against_orientation(study: str, every: list[DipoleFrames]) -> Figure | None:
    """A panel for each quantity that is known, a colour for each composition, at fixed heights of ions."""
    known = {kind: [own for own in every if np.isfinite(getattr(own, kind)).all()] for kind in PANELS}
    known = {kind: frames for kind, frames in known.items() if frames}
    if not known:
        return None
    titles = {kind: PANELS[kind].partition(" /")[0] for kind in known}
    canvas, axes = side_by_side(list(titles.values()), "total dipole orientation P_z", "", shared=False)
    for kind, frames in known.items():
        axes[titles[kind]].set_ylabel(PANELS[kind])
        _draw(axes[titles[kind]], kind, frames)
    caption = (
        "Slab dipole of the labels and potential of the electrode against P_z of the same frames, with the "
        "line of each composition. With ions, what the fit gives to their heights is taken out of both."
    )
    parts = [
        (
            {"quantity": kind, "dataset": own.dataset, "composition": own.formula},
            _rows(own, getattr(own, kind)),
        )
        for kind, frames in known.items()
        for own in frames
    ]
    return finish(f"polarization-{study}", f"{study}: polarization", caption, joined(parts), canvas)


def _rows(own: DipoleFrames, values: Floats) -> dict[str, Floats]:
    return {"P_z": own.across, "value": values, "without_ions": own.without_ions(values)}


def _draw(axes: Axes, kind: str, frames: list[DipoleFrames]) -> None:
    for place, own in enumerate(frames):
        values, colour = getattr(own, kind), colour_of(place)
        drawn, slope = own.without_ions(values), own.at_fixed_ions(values)
        axes.scatter(own.across, drawn, s=14, alpha=0.65, linewidths=0, color=colour, label=own.formula)
        if slope:
            ends = np.array([own.across.min(), own.across.max()])
            axes.plot(ends, drawn.mean() + slope[0] * (ends - own.across.mean()), color=colour)
    axes.legend(handletextpad=0.1)
