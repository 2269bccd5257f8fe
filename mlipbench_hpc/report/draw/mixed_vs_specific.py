"""Specific and mixed models: errors, profiles, P_z, ions and their free energy (Fig. 4, 6, S1, S11)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from mlipbench_hpc.analysis.free_energy import free_energy, free_energy_width
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.combine import Band, band
from mlipbench_hpc.report.draw.drawing import (
    INK,
    PANEL_WIDTH,
    Figure,
    colour_of,
    finish,
    joined,
    new_canvas,
    side_by_side,
)
from mlipbench_hpc.report.draw.overlay import ALMOST_NONE, BLACK
from mlipbench_hpc.report.mixed_errors import Judged
from mlipbench_hpc.report.mixed_profiles import Place, State, curves, failed, scalars, widths
from mlipbench_hpc.report.series import histograms
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.studies.mixed_vs_specific import arms

MILLI = 1000.0
WHERE_NARROW = " (linear, kT δc / c, and only in bins where δc is below c)"
SHIFTED = (
    "Each curve is shifted to its own minimum, the highest concentration of its own runs: heights of two "
    "curves can be compared with that minimum alone, and not with each other. "
)
ROW = 2.1  # inches
KINDS = {"centred": ("centred energies", "RMSE / meV/structure"), "force": ("forces", "RMSE / meV/Å")}


def errors(part: Part, every: list[Judged]) -> Figure | None:
    """A row for each number of ions, energies and forces; groups of bars by model, a colour for each arm."""
    known = [own for own in every if own.centred and own.force]
    if not known:
        return None
    targets = list(dict.fromkeys(own.ions for own in known))
    titles = {
        (ions, kind): f"{ions} {part.spec.element}, {KINDS[kind][0]}" for ions in targets for kind in KINDS
    }
    canvas, axes = grid(len(targets), len(KINDS), list(titles.values()))
    for (ions, kind), title in titles.items():
        _bars(axes[title], part, kind, [own for own in known if own.ions == ions])
        axes[title].set_ylabel(KINDS[kind][1])
    _fullest(axes).legend()
    caption = (
        "RMSE on the same test frames of each number of ions, by model and training data; of energies "
        "without the mean error of each composition. Bars: mean over members, from the least to the "
        "greatest."
    )
    names = ("ions", "model", "trained", "centred_mean_meV", "centred_least_meV", "centred_greatest_meV",
             "force_mean_meV_per_A", "force_least_meV_per_A", "force_greatest_meV_per_A")  # fmt: skip
    rows = [
        [own.ions, own.model, own.arm.label, *_ends(own, "centred"), *_ends(own, "force")] for own in known
    ]
    columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return finish(f"mixed-{part.name}-errors", f"{part.name}: test errors", caption, columns, canvas)


def _fullest(axes: dict[str, Axes]) -> Axes:
    """The panel with most lines, whose legend therefore names those of every panel that lacks some."""
    return max(axes.values(), key=lambda pane: len(pane.get_legend_handles_labels()[0]))


def _ends(own: Judged, kind: str) -> tuple[float, float, float]:
    extremes = getattr(own, kind)
    return extremes.mean, extremes.least, extremes.greatest


def _bars(axes: Axes, part: Part, kind: str, known: list[Judged]) -> None:
    models, every = part.spec.models, arms(part.spec)
    kinds = list(dict.fromkeys(arm.kind for arm in every))
    width = 0.8 / len(kinds)
    for turn, name in enumerate(kinds):
        own = [one for one in known if one.arm.kind == name]
        if not own:
            continue
        x = [models.index(one.model) + (turn - (len(kinds) - 1) / 2) * width for one in own]
        ends = np.array([_ends(one, kind) for one in own]).reshape(-1, 3)
        spans = np.array([ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 0]])
        axes.bar(x, ends[:, 0], width, yerr=spans, color=colour_of(turn), label=name, capsize=2.0)
    axes.set_xticks(range(len(models)), models)
    axes.set_xlabel("")


def grid(rows: int, across: int, titles: list[str]) -> tuple[Canvas, dict[str, Axes]]:
    """Axes by title, row by row, each with its own scale."""
    canvas = new_canvas((PANEL_WIDTH[min(across, 3)], 0.5 + ROW * rows))
    axes = {}
    for place, title in enumerate(titles):
        axes[title] = canvas.add_subplot(rows, across, place + 1)
        axes[title].set_title(title, fontsize=9, loc="left", color=INK)
    return canvas, axes


def of_state(part: Part, state: State) -> list[Figure]:
    """Every figure of one charge state."""
    along = curves(state.group)
    drawn = [profile(part, state, own) for own in along if not own.species]
    drawn += [ions(part, state, own, free) for own in along if own.species for free in (False, True)]
    drawn += [distribution(part, state, own) for own in scalars(state.group) if own.drawn == "histogram"]
    return [figure for figure in drawn if figure]


def profile(part: Part, state: State, observable: Observable) -> Figure | None:
    """A panel for each arm, a line for each model, references in black."""
    known = [(place, own) for place in state.places if (own := band(place.line, observable.name))]
    if not known:
        return None
    label = observable.axis.title if observable.axis else ""
    canvas, axes = side_by_side([arm.label for arm in state.arms], label, observable.label)
    for name, pane in axes.items():
        _references(pane, state, observable.name)
        for place, own in known:
            if place.arm.label == name:
                colour = colour_of(part.spec.models.index(place.model))
                pane.plot(own.x, own.mean, color=colour, label=place.model)
                pane.fill_between(
                    own.x, own.mean - 2 * own.se, own.mean + 2 * own.se, color=colour, alpha=0.22, linewidth=0
                )
    _stretch(axes.values(), [own for _, own in known])
    _fullest(axes).legend()
    caption = f"{observable.title}, {state.group.title}, by training data. Bands: ± 2 SE, sampling. "
    columns = joined([(_owner(place), _rows(own)) for place, own in known])
    name = f"mixed-{part.name}-{observable.name}-{state.group.slug}"
    title = f"{part.name}: {observable.title}"
    return finish(name, title, caption + _about(part, state), columns, canvas)


def _owner(place: Place) -> dict[str, Any]:
    return {"model": place.model, "trained": place.arm.label, "md": place.line.name}


def _rows(own: Band) -> dict[str, Floats]:
    sampling, training = widths(own)
    return {"x": own.x, "mean": own.mean, "two_se": sampling, "training": training}


def _bands(columns: dict[str, list[Any]], free: bool) -> str:
    """What the bands are, of those that are drawn; why there are none, of the others."""
    sampling, training = (visible(columns[name]) for name in ("two_se", "training"))
    narrow = WHERE_NARROW * free
    words = [
        f"Dark bands: ± 2 SE, sampling{narrow}."
        if sampling
        else f"No sampling bands: 2 SE is nowhere known and small enough in two bins side by side{narrow}.",
        "Light bands: ± α·σ, training (Student's t times σ without α), where reweighting reaches the members."
        if training
        else "No training bands: reweighting does not reach the members of any of these.",
    ]
    return " ".join(words)


def visible(widths: list[float]) -> bool:
    """True where two neighbours are known and one is above zero, between which a band is drawn."""
    known = np.isfinite(np.array(widths, dtype=float))
    wide = np.nan_to_num(np.array(widths, dtype=float)) > 0
    return bool((known[1:] & known[:-1] & (wide[1:] | wide[:-1])).any())


def _say(axes: Axes, words: str) -> None:
    """Words in the middle of an empty panel."""
    axes.text(0.5, 0.5, words.replace(": ", ":\n"), transform=axes.transAxes, ha="center", va="center",
              fontsize=8, color=INK,
              bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85})  # fmt: skip


def _about(part: Part, state: State) -> str:
    lines = [f"{place.line.name}: {place.line.about()}" for place in state.places]
    black = [f"{line.name}: {line.about()}" for line in state.references]
    lost = [f"{model}, {arm.label}: {words}" for (model, arm), words in failed(part, state).items()]
    return (
        f"{'; '.join(lines)}."
        + (f" Black: {'; '.join(black)}." if black else "")
        + (f" Without a profile: {'; '.join(lost)}." if lost else "")
    )


def _references(axes: Axes, state: State, name: str) -> None:
    for line in state.references:
        if own := band(line, name):
            axes.plot(own.x, own.mean, color=BLACK, linewidth=1.8, label=line.name)


def _stretch(axes: Iterable[Axes], own: list[Band]) -> None:
    """One range of z, from the surface to where every profile is almost zero."""
    inside = [one.x[np.abs(one.mean) > ALMOST_NONE * np.nanmax(np.abs(one.mean), initial=0.0)] for one in own]
    ends = [x for x in inside if len(x)]
    for pane in axes if ends else ():
        pane.set_xlim(min(0.0, *(x[0] - 0.5 for x in ends)), max(x[-1] for x in ends) + 0.5)


def ions(part: Part, state: State, observable: Observable, free: bool) -> Figure | None:
    """A row for each model, a column for each arm: profile of ions with both bands, or -kT ln c in meV."""
    known = {
        (place.model, place.arm): (place, own)
        for place in state.places
        if (own := band(place.line, observable.name))
    }
    if not known:
        return None
    titles = {(model, arm): f"{model}, {arm.label}" for model in part.spec.models for arm in state.arms}
    canvas, axes = grid(len(part.spec.models), len(state.arms), list(titles.values()))
    for key, title in titles.items():
        _ion_panel(axes[title], part, state, observable, known.get(key), free)
    for key, words in failed(part, state).items():
        _say(axes[titles[key]], words)
    _same_heights(axes.values(), [own for _, own in known.values()], free)
    what = f"Free energy of {observable.species}, −kT ln c" if free else observable.title
    columns = joined(
        [(_owner(place), _free(own, state) if free else _rows(own)) for place, own in known.values()]
    )
    caption = (
        f"{what}, {state.group.title}, a row for each model, a column for each way of training. "
        f"{_bands(columns, free)} "
    )
    caption += SHIFTED * free
    name = f"mixed-{part.name}-{'free-energy-' * free}{observable.name}-{state.group.slug}"
    about = _about(part, state)
    return finish(name, f"{part.name}: {what}", caption + about, columns, canvas)


def _free(own: Band, state: State) -> dict[str, Floats]:
    """The columns of `_rows` for F in meV."""
    kelvin, (sampling, training) = state.group.temperature, widths(own)
    parts = {"two_se": sampling, "training": training}
    return {"x": own.x, "mean": MILLI * free_energy(own.mean, kelvin)} | {
        name: MILLI * free_energy_width(own.mean, width, kelvin) for name, width in parts.items()
    }


def _ion_panel(
    axes: Axes, part: Part, state: State, observable: Observable, known: tuple[Place, Band] | None, free: bool
) -> None:
    axes.set_xlabel(observable.axis.title if observable.axis else "")
    axes.set_ylabel("−kT ln c / meV" if free else observable.label)
    for line in state.references:
        if reference := band(line, observable.name):
            rows = _free(reference, state) if free else _rows(reference)
            axes.plot(rows["x"], rows["mean"], color=BLACK, linewidth=1.2)
    if known is None:
        return
    place, own = known
    rows, colour = _free(own, state) if free else _rows(own), colour_of(part.spec.models.index(place.model))
    for name, alpha in (("training", 0.15), ("two_se", 0.35)):
        low, high = rows["mean"] - rows[name], rows["mean"] + rows[name]
        axes.fill_between(rows["x"], low, high, color=colour, alpha=alpha, linewidth=0)
    axes.plot(rows["x"], rows["mean"], color=colour)


def _same_heights(axes: Iterable[Axes], own: list[Band], free: bool) -> None:
    """One range of z, and one of densities, which is what their peaks are compared by."""
    panes = list(axes)
    _stretch(panes, own)
    highest = max(float(np.nanmax(one.mean + 2 * one.se)) for one in own)
    for pane in panes if not free and highest > 0 else ():
        pane.set_ylim(0, 1.15 * highest)


def distribution(part: Part, state: State, observable: Observable) -> Figure | None:
    """Histograms of a number over all frames, as P_z: a panel for each arm, references filled in black."""
    every = histograms(state.group, observable.name)
    known = [place for place in state.places if place.line.name in every]
    if not known:
        return None
    names = [arm.label for arm in state.arms]
    canvas, axes = side_by_side(names, observable.label, "probability density")
    for name in names:
        for line in state.references:
            if line.name in every:
                axes[name].fill_between(*every[line.name], step="mid", color=BLACK, alpha=0.15, linewidth=0)
                axes[name].step(*every[line.name], where="mid", color=BLACK, label=line.name)
        for place in known:
            if place.arm.label == name:
                colour = colour_of(part.spec.models.index(place.model))
                axes[name].step(*every[place.line.name], where="mid", color=colour, label=place.model)
    _fullest(axes).legend()
    caption = f"{observable.title}, {state.group.title}: all frames of all replicas, by training data. "
    columns = joined(
        [(_owner(place), dict(zip(("x", "density"), every[place.line.name], strict=True))) for place in known]
    )
    name = f"mixed-{part.name}-{observable.name}-{state.group.slug}"
    return finish(name, f"{part.name}: {observable.title}", caption + _about(part, state), columns, canvas)
