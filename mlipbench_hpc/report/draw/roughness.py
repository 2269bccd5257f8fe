"""Energy and force along scans, and roughness, as Fig. S9 of arXiv:2602.22931."""

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.draw.drawing import (
    Figure,
    colour_of,
    finish,
    joined,
    logarithmic,
    new_axes,
    side_by_side,
)
from mlipbench_hpc.report.draw.overlay import BLACK
from mlipbench_hpc.report.roughness import Key, Scans, kinds
from mlipbench_hpc.report.text import count

QUANTITIES = {"energies": "energy / eV", "forces": "force along the scan / eV/Å"}
PANEL_HEIGHT, LEGEND_ROW = 2.5, 0.2  # inches
SIZE = (4.6, 3.1)


def curves(study: str, every: list[Scans]) -> Figure | None:
    """Energy and force along the first scan of each kind: a line for each member, the reference in black."""
    if not every:
        return None
    shown = {
        kind: next(key for key in every[0].keys if (key[1], key[3]) == kind) for kind in kinds(every[:1])
    }
    titles = {
        (kind, name): f"{words.split()[0]}: {kind[0]}, {kind[1]}"
        for name, words in QUANTITIES.items()
        for kind in shown
    }
    height = PANEL_HEIGHT + LEGEND_ROW
    canvas, axes = side_by_side(list(titles.values()), "shift / Å", "", height, shared=False)
    for (kind, name), title in titles.items():
        axes[title].set_ylabel(QUANTITIES[name])
        _draw(axes[title], every, name, shown[kind])
    first = next(iter(axes.values()))
    canvas.legend(*first.get_legend_handles_labels(), loc="outside lower left", ncols=4)
    caption = (
        "Energy from that at the start, and net force along the scan, while one water or ion is moved as a "
        f"whole. Drawn is the first scan of each kind, {len(shown)} of the "
        f"{count(len(every[0].keys), 'scan')} that the numbers are of: "
        f"{'; '.join(map(_scan, shown.values()))}. A line for each member of each committee; black: "
        "reference potential."
    )
    parts = [
        (
            {"potential": own.whose, "member": member, "scan": _scan(key)},
            _rows(own, member, own.keys.index(key)),
        )
        for own in every
        for key in shown.values()
        if key in own.keys
        for member in range(len(own.forces))
    ]
    return finish(f"scans-{study}", f"{study}: energy and force along scans", caption, joined(parts), canvas)


def _scan(key: Key) -> str:
    frame, particle, atom, direction = key
    return f"{particle} (atom {atom}) of frame {frame} along the {direction}"


def _rows(own: Scans, member: int, row: int) -> dict[str, Floats]:
    return {
        "shift_A": own.shift, "energy_eV": own.energies[member, row],
        "force_eV_per_A": own.forces[member, row],
    }  # fmt: skip


def _draw(axes: Axes, every: list[Scans], name: str, key: Key) -> None:
    for place, own in enumerate([*filter(lambda own: not own.reference, every)]):
        for member, values in enumerate(getattr(own, name)):
            label = own.whose if member == 0 else None
            axes.plot(
                own.shift, values[own.keys.index(key)], color=colour_of(place), linewidth=0.9, label=label
            )
    for own in filter(lambda own: own.reference, every):
        values = getattr(own, name)[0, own.keys.index(key)]
        axes.plot(own.shift, values, color=BLACK, linewidth=1.6, label=own.whose)


def points(study: str, every: list[Scans]) -> Figure | None:
    """Roughness of each potential over all scans with ± 2 SE, and of each scan by each member as dots."""
    if not every or not all(np.isfinite(own.each).all() for own in every):
        return None
    canvas, axes = new_axes(SIZE, "", "roughness / meV/Å")
    place = 0
    for number, own in enumerate(every):
        colour = BLACK if own.reference else colour_of(place)
        place += not own.reference
        rough, dots = own.rough(own.chosen()), own.each.ravel()
        axes.plot(np.full(len(dots), number + 0.15), dots, ".", color=colour, alpha=0.35, markersize=3)
        width = 2 * rough.error if np.isfinite(rough.error) else None
        axes.errorbar(number, rough.value, width, color=colour, marker="o", capsize=3)
    axes.set_xticks(range(len(every)), [own.whose for own in every], rotation=30, ha="right")
    if all((own.each > 0).all() for own in every):
        logarithmic(axes)
    caption = (
        "Roughness of the force along scans: root mean square of what a cubic cannot follow over half an "
        "Ångström. Large: over all scans and members, ± 2 SE where an error is determined; small: each "
        "scan by each member."
    )
    rows = [
        ({"potential": own.whose}, {
            "roughness_meV_per_A": [rough.value], "two_se": [2 * rough.error], "scans": [rough.scans],
            "members": [rough.members],
        })
        for own in every
        for rough in [own.rough(own.chosen())]
    ]  # fmt: skip
    return finish(f"roughness-{study}", f"{study}: roughness", caption, joined(rows), canvas)
