"""One figure for each group: the averages of all its lines, the reference potential in black."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mlipbench_hpc.analysis.profiles import DENSITY
from mlipbench_hpc.analysis.reweighting import FEWEST_FRAMES
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import HEIGHT, Observable
from mlipbench_hpc.report import convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import (
    POOLING,
    Band,
    alpha,
    band,
    reached,
    reweighted_runs,
)
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, panels, room
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.series import histograms
from mlipbench_hpc.report.text import listed, number

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1)))
HATCHES = ("////", "\\\\\\\\", "....", "xxxx")
BLACK, GREY = "#1f2933", "#5b6774"
LEGEND_COLUMNS = 52
ALMOST_NONE = 0.005
Histograms = dict[str, tuple[Floats, Floats]]
# By line, and by observable in the order of the panels.
Bands = dict[Observable, dict[str, Band]]
Drawn = dict[Observable, Histograms]


@dataclass(frozen=True)
class Look:
    """Style of one line: colour, dash and hatch all differ, for print and for colour-blind readers."""

    colour: str
    dash: Any
    hatch: str
    width: float = 1.4


def looks(results: Results, lines: list[Line]) -> dict[str, Look]:
    """Look of each line by name; a committee looks the same in every group."""
    committees = results.names("committees")
    by_line: dict[str, Look] = {}
    for line in lines:
        if line.potential.reference:
            place = sum(other.potential.reference for other in lines[: lines.index(line)])
            by_line[line.name] = Look((BLACK, GREY)[place % 2], DASHES[place % len(DASHES)], "", 1.8)
            continue
        twins = sum(other.potential.name == line.potential.name for other in lines[: lines.index(line)])
        place = committees.index(line.potential.name) + twins * len(committees)
        by_line[line.name] = Look(
            colour_of(place), DASHES[place % len(DASHES)], HATCHES[place % len(HATCHES)]
        )
    return by_line


def overlay(results: Results, group: Group, prefix: str = "") -> Figure | None:
    """A panel for each observable in which the group's potentials are compared.

    prefix: of the figure's name, where another section draws the same group.
    """
    bands = {
        observable: _bands(group.drawn, observable.name)
        for observable in group.observables
        if observable.drawn == "line"
    }
    bands = {observable: curves for observable, curves in bands.items() if curves}
    series = {
        observable: histograms(group, observable.name)
        for observable in group.observables
        if observable.drawn == "histogram"
    }
    series = {observable: lines for observable, lines in series.items() if lines}
    shown = [observable for observable in group.observables if observable in bands or observable in series]
    if not shown:
        return None
    drawn = looks(results, group.drawn)
    canvas, panes, spare = panels(len(shown), len(group.drawn) + 4)
    axes = dict(zip(shown, panes, strict=False))
    for observable, curves in bands.items():
        _draw(axes[observable], observable, curves, drawn)
    _same_stretch(axes, bands)
    for observable, lines in series.items():
        _draw_histograms(axes[observable], observable, lines, drawn)
    _legend(canvas, spare, group, drawn, ions=any(observable.species for observable in bands))
    columns = _columns(group.drawn, bands, series)
    return finish(f"overlay-{prefix}{group.slug}", group.title, caption(group, bool(series)), columns, canvas)


def _bands(lines: list[Line], name: str) -> dict[str, Band]:
    profiles = {line.name: band(line, name) for line in lines}
    return {line: profile for line, profile in profiles.items() if profile is not None}


def _draw(axes: Axes, observable: Observable, profiles: dict[str, Band], drawn: dict[str, Look]) -> None:
    axes.set_xlabel(observable.axis.title if observable.axis else "")
    axes.set_ylabel(observable.label)
    ends = [
        np.concatenate([profile.mean + sign * profile.height for profile in profiles.values()])
        for sign in (-1, 1)
    ]
    room(axes, *ends)
    for line, profile in profiles.items():
        look = drawn[line]
        _training(axes, profile, look)
        low, high = profile.mean - 2 * profile.se, profile.mean + 2 * profile.se
        axes.fill_between(profile.x, low, high, color=look.colour, alpha=0.22, linewidth=0)
        if profile.together is not None:
            for edge in (profile.mean - profile.together, profile.mean + profile.together):
                axes.plot(profile.x, edge, color=look.colour, linewidth=0.5)
    for line, profile in profiles.items():
        look = drawn[line]
        axes.plot(profile.x, profile.mean, color=look.colour, linestyle=look.dash, linewidth=look.width)
        if profile.committee is not None and observable.species:
            axes.plot(profile.x, profile.committee, color=look.colour, linestyle=":", linewidth=0.8)


def _training(axes: Axes, profile: Band, look: Look) -> None:
    """Draw a training band, hatched, where there is one."""
    if profile.training is None:
        return
    low, high = profile.mean - profile.training, profile.mean + profile.training
    axes.fill_between(
        profile.x, low, high, facecolor="none", edgecolor=look.colour, linewidth=0.6, alpha=0.75,
        hatch=look.hatch,
    )  # fmt: skip


def _same_stretch(axes: dict[Observable, Axes], bands: Bands) -> None:
    """Set one range of z for all profiles: from the surface to the end of the water."""
    films = [
        profile.x[profile.mean > ALMOST_NONE * profile.mean.max()]
        for observable, profiles in bands.items()
        for profile in profiles.values()
        if observable.name == DENSITY
    ]
    ends = [x for x in films if len(x)]
    for observable in bands if ends else ():
        if observable.axis == HEIGHT:
            low, high = min(0.0, *(x[0] - 0.5 for x in ends)), max(x[-1] for x in ends) + 0.5
            axes[observable].set_xlim(low, high)


def _draw_histograms(axes: Axes, observable: Observable, lines: Histograms, drawn: dict[str, Look]) -> None:
    axes.set_xlabel(observable.label)
    axes.set_ylabel("probability density")
    for line, (centres, density) in lines.items():
        look = drawn[line]
        if not look.hatch:
            axes.fill_between(centres, density, step="mid", color=look.colour, alpha=0.15, linewidth=0)
        axes.step(centres, density, where="mid", color=look.colour, linestyle=look.dash, linewidth=look.width)
    axes.set_ylim(bottom=0)


def _legend(canvas: Canvas, spare: Axes | None, group: Group, drawn: dict[str, Look], ions: bool) -> None:
    """Entries for lines and bands, in the empty panel or below the panels."""
    handles: list[Any] = [_handle(group, line, drawn[line.name]) for line in group.drawn]
    handles.append(Patch(facecolor=GREY, alpha=0.3, linewidth=0, label="filled: ± 2 SE (sampling)"))
    if any(reweighted_runs(line) and reached(line) for line in group.drawn):
        label = "hatched: ± 1 α·σ (training)"
        handles.append(Patch(facecolor="none", edgecolor=GREY, hatch="////", linewidth=0.5, label=label))
        label = "thin lines: √((2 SE)² + (α·σ)²)"
        handles.append(Line2D([], [], color=GREY, linewidth=0.5, label=label))
        if ions:
            label = "dotted: mean over all members (ions)"
            handles.append(Line2D([], [], color=GREY, linestyle=":", linewidth=0.8, label=label))
    if spare:
        spare.legend(handles=handles, loc="center left", handlelength=3.2, labelspacing=0.9)
    else:
        canvas.legend(handles=handles, loc="outside lower left", ncols=2, handlelength=3.2)


def _handle(group: Group, line: Line, look: Look) -> Line2D:
    scale = ""
    if reweighted_runs(line):
        known = alpha(line)
        scale = ", not calibrated: Student's t · σ" if known is None else f", α = {number(known)}"
        scale += "" if reached(line) else ", training band not determined"
    about = textwrap.wrap(f"{line.about()}{scale}", LEGEND_COLUMNS)
    label = "\n".join([f"{line.title(group.drawn)}:", *about])
    return Line2D([], [], color=look.colour, linestyle=look.dash, linewidth=look.width, label=label)


def caption(group: Group, series: bool = False) -> str:
    """Caption: lines with amount of data, definitions of bands, convergence; series: with histograms."""
    lines = "; ".join(f"{line.title(group.drawn)}: {line.about()}" for line in group.drawn)
    believed = "Converged." if convergence.converged(group) else "Not converged."
    sentences = [f"{group.title}. {lines}. {believed}", "Filled bands: ± 2 SE, sampling."]
    if any(reweighted_runs(line) and reached(line) for line in group.drawn):
        sentences.append(
            "Hatched bands: ± 1 α·σ, training: standard deviation σ over the members, from reweighting the "
            "frames of the driving member, times the calibration factor α (times Student's t without "
            "calibration). Thin lines: √((2 SE)² + (α·σ)²). Lines: averages of the driving member."
        )
    if lost := [line.title(group.drawn) for line in group.drawn if not reached(line)]:
        sentences.append(
            f"Training band of {listed(lost)} not determined and not drawn: std(h), the "
            "standard deviation over frames of the energy difference between a member and the driving "
            f"member, exceeds 2 kT, or fewer than {FEWEST_FRAMES:g} independent effective frames are left."
        )
    if any(len(line.runs) > 1 for line in group.drawn):
        sentences.append(f"{POOLING}.")
    if series:
        sentences.append("Histograms: all frames of all replicas, without band.")
    sentences += [
        observable.definition
        for observable in group.observables
        if observable.drawn and observable.definition
    ]
    return " ".join([*sentences, *group.left_out])


def _columns(lines: list[Line], bands: Bands, series: Drawn) -> dict[str, list[Any]]:
    """Plotted numbers, one row for each point: quantity, line, x and value with its widths; may be empty."""
    potentials = {line.name: line.potential.name for line in lines}
    names = (
        "observable",
        "md",
        "driven_by",
        "x",
        "value",
        "two_se",
        "training",
        "together",
        "committee_mean",
    )
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for observable, profiles in bands.items():
        for line, profile in profiles.items():
            widths = [2 * profile.se, profile.training, profile.together]
            values = [profile.x, profile.mean, *widths, profile.committee]
            _extend(columns, observable.name, line, potentials[line], values)
    for observable, lines_of in series.items():
        for line, (centres, density) in lines_of.items():
            values = [centres, density, None, None, None, None]
            _extend(columns, observable.column, line, potentials[line], values)
    return columns


def _extend(
    columns: dict[str, list[Any]], observable: str, line: str, potential: str, values: list[Floats | None]
) -> None:
    rows = len(values[0]) if values[0] is not None else 0
    parts: list[list[Any]] = [[observable] * rows, [line] * rows, [potential] * rows]
    parts += [[float("nan")] * rows if column is None else column.tolist() for column in values]
    for name, content in zip(columns, parts, strict=True):
        columns[name].extend(content)
