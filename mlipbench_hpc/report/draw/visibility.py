"""Locality floor against the radius, with models' errors on the same waters, and what models see."""

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.report.draw.drawing import (
    Figure,
    colour_of,
    finish,
    joined,
    legend_below,
    logarithmic,
    new_axes,
)
from mlipbench_hpc.report.draw.overlay import BLACK, DASHES
from mlipbench_hpc.report.floors import KINDS, Composed
from mlipbench_hpc.report.visibility import Sight, WaterErrors

SIZE = (6.4, 3.9)
BARS = (6.4, 3.1)


def shares(study: str, seen: list[Sight]) -> Figure | None:
    """Share of waters that see all ions against the receptive field, a colour for each composition."""
    formulas = list(dict.fromkeys(name for sight in seen for name in sight.shares))
    if not formulas:
        return None
    canvas, axes = new_axes(BARS, "receptive field / Å", "share of waters that see all ions")
    for place, formula in enumerate(formulas):
        own = [sight for sight in seen if formula in sight.shares]
        radii, values = [sight.radius for sight in own], [sight.shares[formula][1] for sight in own]
        axes.plot(radii, values, "o", color=colour_of(place), label=formula)
    tops = labels_of(seen)
    for (radius, top), names in tops.items():
        axes.annotate("\n".join(names), (radius, top), (0, 6), textcoords="offset points", fontsize=8,
                      ha="center")  # fmt: skip
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.margins(x=0.1)
    axes.set_ylim(-0.05, 1.15 + 0.1 * max(map(len, tops.values())))
    axes.legend(loc="lower right")
    caption = (
        "Share of first-layer waters whose receptive field (cutoff × layers) holds every ion, by "
        "composition, of each committee's model."
    )
    rows = [
        (
            {"committee": sight.committee, "composition": formula},
            {"receptive_field_A": [sight.radius], "share": [share]},
        )
        for sight in seen
        for formula, (_, share) in sight.shares.items()
    ]
    name = f"visibility-{study}"
    return finish(name, f"{study}: what models see of the ions", caption, joined(rows), canvas)


def labels_of(seen: list[Sight]) -> dict[tuple[float, float], list[str]]:
    """Committees by place of their label, which those that see equally far share."""
    radii = {sight.radius for sight in seen}
    return {
        (radius, max(share for sight in own for _, share in sight.shares.values())): [
            sight.committee for sight in own
        ]
        for radius in sorted(radii)
        if (own := [sight for sight in seen if sight.radius == radius and sight.shares])
    }


def floors(study: str, own: Composed, errors: list[WaterErrors]) -> Figure | None:
    """The floor of each kind against the radius; each model's error from its receptive field to twice it."""
    known = {kind: every for kind in own.kinds if (every := own.known(kind))}
    if not known:
        return None
    canvas, axes = new_axes(SIZE, "radius / Å", "force on a water / meV/Å")
    for place, (kind, every) in enumerate(known.items()):
        values, widths = (np.array([getattr(one, name) for _, one in every]) for name in ("value", "error"))
        radii = [radius for radius, _ in every]
        axes.errorbar(radii, values, 2 * np.nan_to_num(widths), color=BLACK, linestyle=DASHES[place],
                      marker="o", markersize=3, capsize=2, label=f"floor, {KINDS[kind]}")  # fmt: skip
    for place, error in enumerate(errors):
        _draw(axes, error, colour_of(place))
    if all(one.value > 0 for every in known.values() for _, one in every):
        logarithmic(axes)
    legend_below(canvas, axes)
    caption = (
        "Locality floor: spread of a component of the net force on a first-layer water when all within the "
        "radius stays and the rest comes from other reference frames (± 2 SE over hosts); radii beyond which "
        "the cell has nothing to exchange are not drawn. Coloured: force "
        "RMSE of models on the same waters in their hosts, from the receptive field to twice it, the "
        "farthest that a force can depend on."
    )
    parts = [
        ({"curve": f"floor, {KINDS[kind]}"}, {
            "radius_A": [radius for radius, _ in every],
            "force_meV_per_A": [one.value for _, one in every],
            "two_se": [2 * one.error for _, one in every], "waters": [one.waters for _, one in every],
        })
        for kind, every in known.items()
    ]  # fmt: skip
    parts += [
        ({"curve": error.committee}, {
            "radius_A": [error.radius, 2 * error.radius], "force_meV_per_A": [error.rmse] * 2,
            "two_se": [2 * error.se] * 2, "waters": [error.waters] * 2,
        })
        for error in errors
    ]  # fmt: skip
    return finish(f"locality-{study}", f"{study}: locality floor", caption, joined(parts), canvas)


def _draw(axes: Axes, error: WaterErrors, colour: str) -> None:
    ends = [error.radius, 2 * error.radius]
    axes.plot(ends, [error.rmse] * 2, color=colour, label=f"{error.committee}, RMSE")
    axes.plot(ends, [error.rmse] * 2, "|", color=colour)
