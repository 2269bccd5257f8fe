"""Profiles and energies with models of little training data, as Fig. 3, S7, S8 of arXiv:2602.22931."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.combine import Band, band
from mlipbench_hpc.report.draw.drawing import (
    COLOURS,
    ROWS_DRAWN,
    Figure,
    colour_of,
    finish,
    joined,
    side_by_side,
)
from mlipbench_hpc.report.draw.overlay import ALMOST_NONE, BLACK
from mlipbench_hpc.report.draw.runs import series_values
from mlipbench_hpc.report.groups import Group
from mlipbench_hpc.report.stability import Curve, Repeats, curves, profiles_of, reference_of
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import number

RED = COLOURS[4]


def profiles(part: Part, group: Group, every: list[Repeats]) -> list[Figure]:
    """A figure for each profile that the group's runs have, such as density and orientation."""
    known = [(observable, curves(part, group, every, observable.name)) for observable in profiles_of(group)]
    return [_profile(part, group, every, observable, own) for observable, own in known if own]


def _profile(
    part: Part, group: Group, every: list[Repeats], observable: Observable, own: list[Curve]
) -> Figure:
    """A panel for each size of the training set, a line for each model, the reference in black."""
    names = {size: f"n = {number(size)}" for size in part.spec.sizes}
    label = observable.axis.title if observable.axis else ""
    canvas, axes = side_by_side(list(names.values()), label, observable.label)
    reference = reference_of(part, group)
    truth = band(reference, observable.name) if reference else None
    for size, name in names.items():
        _draw(axes[name], part.spec.models, [curve for curve in own if curve.size == size], truth)
        _cross(axes[name], part.spec.models, [one for one in every if one.size == size])
    _same_stretch(list(axes.values()), own)
    max(axes.values(), key=lambda pane: len(pane.get_legend_handles_labels()[0])).legend()
    caption = (
        f"{observable.title}, {group.title}: mean over the stable runs of each model, bands from the least "
        "to the greatest of them. Red: unstable and decomposed runs, which are left out."
    )
    caption += f" Black: {part.spec.reference}, {reference.about()}." if reference else ""
    title = f"{part.name}: {observable.title}"
    columns = joined([(_owner(curve), _rows(curve)) for curve in own])
    return finish(f"stability-{part.name}-{observable.name}-{group.slug}", title, caption, columns, canvas)


def _owner(curve: Curve) -> dict[str, Any]:
    return {"model": curve.model, "training_structures": curve.size, "stable_runs": curve.repeats}


def _rows(curve: Curve) -> dict[str, Any]:
    return {"x": curve.x, "mean": curve.mean, "least": curve.least, "greatest": curve.greatest}


def _draw(axes: Axes, models: list[str], own: list[Curve], truth: Band | None) -> None:
    if truth:
        axes.plot(truth.x, truth.mean, color=BLACK, linewidth=1.8, label="reference")
    for curve in own:
        colour = colour_of(models.index(curve.model))
        axes.plot(curve.x, curve.mean, color=colour, label=curve.model)
        axes.fill_between(curve.x, curve.least, curve.greatest, color=colour, alpha=0.22, linewidth=0)


def _cross(axes: Axes, models: list[str], own: list[Repeats]) -> None:
    """`× 2 of 3 dp` in red for every model with unstable or decomposed runs."""
    words = [f"× {one.failed} of {len(one.runs)} {one.model}" for one in own if one.failed]
    for place, text in enumerate(words):
        axes.text(0.98, 0.95 - 0.08 * place, text, color=RED, ha="right", va="top", transform=axes.transAxes)


def _same_stretch(axes: list[Axes], own: list[Curve]) -> None:
    """One range of z, from the surface to where every profile is almost zero."""
    inside = [
        curve.x[np.abs(curve.mean) > ALMOST_NONE * np.nanmax(np.abs(curve.mean), initial=0.0)]
        for curve in own
    ]
    ends = [x for x in inside if len(x)]
    for pane in axes if ends else ():
        pane.set_xlim(min(0.0, *(x[0] - 0.5 for x in ends)), max(x[-1] for x in ends) + 0.5)


def energies(part: Part, every: list[Repeats]) -> Figure | None:
    """Potential energy along every run, less its first value; a panel for each model and size."""
    lines = {f"{own.model}, n = {number(own.size)}": _series(own) for own in every}
    lines = {name: own for name, own in lines.items() if own}
    if not lines:
        return None
    canvas, axes = side_by_side(list(lines), "time / ps", "energy − first / meV/atom", 2.2, shared=False)
    for name, own in lines.items():
        for repeat, (times, values) in own.items():
            axes[name].plot(times, values, color=colour_of(repeat), linewidth=0.9)
    caption = (
        "Potential energy along each run less that of its first row, one colour for each repeat; a run that "
        f"is unstable ends early. At most {ROWS_DRAWN} rows of each run are drawn."
    )
    columns = joined(
        [
            ({"runs": name, "repeat": repeat}, {"time_ps": times, "energy_meV_per_atom": values})
            for name, own in lines.items()
            for repeat, (times, values) in own.items()
        ]
    )
    return finish(f"stability-{part.name}-energy", f"{part.name}: potential energy", caption, columns, canvas)


def _series(own: Repeats) -> dict[int, tuple[Floats, Floats]]:
    """Times in ps and energies in meV/atom by repeat."""
    series = {repeat: series_values(run, "potential") for repeat, run in own.runs.items()}
    known = {repeat: values for repeat, values in series.items() if values is not None}
    strides = {repeat: -(-len(times) // ROWS_DRAWN) for repeat, (times, _) in known.items()}
    return {
        repeat: (times[:: strides[repeat]], (values - values[0])[:: strides[repeat]])
        for repeat, (times, values) in known.items()
    }
