"""C_dip and P_surv of several runs, as Fig. S3 and S4 of arXiv:2602.22931."""

from matplotlib.axes import Axes

from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, joined, side_by_side
from mlipbench_hpc.report.draw.overlay import BLACK, DASHES
from mlipbench_hpc.report.dynamics import FUNCTIONS, Motion, intervals_words
from mlipbench_hpc.report.text import count

PANEL_HEIGHT, LEGEND_ROW = 2.7, 0.2  # inches
REFERENCES = (BLACK, "#9aa5b1")


def functions(study: str, every: list[Motion], kind: str = "dynamics") -> Figure | None:
    """A panel for each function, a colour for each potential, a dash for each number of ions.

    Potentials of reference are black, and grey from the second on, so that lines of equal ions differ.

    kind: beginning of the figure's name.
    """
    known = {name for own in every for name in own.bands}
    panels = {name: f"{symbol}(τ)" for name, symbol in FUNCTIONS.items() if name in known}
    if not panels:
        return None
    height = PANEL_HEIGHT + LEGEND_ROW * -(-len(every) // 2)
    canvas, axes = side_by_side(list(panels.values()), "lag τ / ps", "", height, shared=False)
    for function, title in panels.items():
        draw_function(axes[title], function, [own for own in every if function in own.bands])
    entries = max((pane.get_legend_handles_labels() for pane in axes.values()), key=lambda pair: len(pair[0]))
    canvas.legend(*entries, loc="outside lower left", ncols=2)
    lines = "; ".join(f"{own.title}: {own.line.about()}" for own in every)
    caption = (
        "Dipole correlation and survival probability of first-layer water against the lag, one colour for "
        f"each potential, dashed with more ions. Bands: ± 2 SE, sampling. {lines}.{intervals_words(every)}"
    )
    parts = [
        ({"function": function, "run": own.line.name, "ions": own.ions}, _rows(own, function))
        for function in panels
        for own in every
        if function in own.bands
    ]
    return finish(f"{kind}-{study}", f"{study}: interfacial dynamics", caption, joined(parts), canvas)


def _rows(own: Motion, function: str) -> dict[str, object]:
    known = own.bands[function]
    return {"lag_ps": known.x, "value": known.mean, "two_se": 2 * known.se}


def _label(own: Motion) -> str:
    return f"{own.line.title(own.group.drawn)}, {count(own.ions, 'ion')}"


def draw_function(axes: Axes, function: str, every: list[Motion]) -> None:
    """Draw one function of all runs, but for lag 0: the axis is logarithmic."""
    names = {
        kind: list(
            dict.fromkeys(own.line.potential.title for own in every if own.line.potential.reference == kind)
        )
        for kind in (True, False)
    }
    charges = sorted({own.ions for own in every})
    for own in every:
        potential, known = own.line.potential, own.bands[function]
        place = names[potential.reference].index(potential.title)
        colour = REFERENCES[place % len(REFERENCES)] if potential.reference else colour_of(place)
        later = known.x > 0
        x, mean, width = known.x[later], known.mean[later], 2 * known.se[later]
        dash = DASHES[charges.index(own.ions) % len(DASHES)]
        axes.plot(x, mean, color=colour, linestyle=dash, label=_label(own))
        axes.fill_between(x, mean - width, mean + width, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
