"""Figures of `truth`: differences to the truth, profiles, coverage."""

import io
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas

from mlipbench_hpc.report.draw.drawing import STYLE, Figure, colour_of, finish, joined, new_canvas
from mlipbench_hpc.report.truth.judge import Covered, Study
from mlipbench_hpc.report.truth.tables import WORDS

NAMES = ("truth-differences", "truth-profiles", "truth-coverage")
SHOWN = ("cosine", "total_orientation")
HELD = "#9ca3af"


@dataclass(frozen=True)
class Drawing:
    """A drawn canvas with what a `Figure` needs besides."""

    name: str
    title: str
    caption: str
    columns: dict[str, list[Any]]
    canvas: Canvas

    def figure(self) -> Figure:
        """For a page."""
        return finish(self.name, self.title, self.caption, self.columns, self.canvas)

    def png(self) -> bytes:
        """As PNG, without a date or a program's name."""
        self.canvas.suptitle(self.title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        stream = io.BytesIO()
        self.canvas.savefig(stream, format="png", dpi=160, metadata={"Software": None})
        return stream.getvalue()


def drawings(every: list[Study], rows: list[Covered]) -> list[Drawing]:
    """All figures for which there are numbers."""
    with mpl.rc_context(STYLE):
        drawn = [differences(every), profiles(every), coverage(rows)]
    return [own for own in drawn if own]


def differences(every: list[Study]) -> Drawing | None:
    """Deviation of each committee from its truth: thin bars both errors, thick ones sampling alone."""
    parts, canvas = [], new_canvas((9.6, 0.8 + 0.28 * sum(len(study.spec.committees) for study in every)))
    axes = [canvas.add_subplot(1, 2, place + 1) for place in range(2)]
    labels = [f"{study.name}: {committee}" for study in every for committee in study.spec.committees]
    for side, name in zip(axes, SHOWN, strict=True):
        side.axvline(0.0, color="#6b7280", linewidth=0.8)
        side.set_xlabel(f"{WORDS[name]}, model − truth")
        side.set_yticks(range(len(labels)), labels if side is axes[0] else [""] * len(labels))
        side.set_ylim(len(labels) - 0.5, -0.5)
        place = -1
        for number, study in enumerate(every):
            for committee in study.spec.committees:
                place += 1
                if (own := study.deviation(committee, name)) is None:
                    continue
                held = study.against_truth(committee, name)
                colour, face = (HELD, "white") if held else (colour_of(number), colour_of(number))
                dot: dict[str, Any] = {"color": colour, "marker": "o", "markerfacecolor": face}
                side.errorbar(own.difference, place, xerr=own.sampling, color=colour, linewidth=3)
                side.errorbar(own.difference, place, xerr=own.both, markersize=4, **dot)
                values = {
                    "difference": [own.difference], "sampling": [own.sampling], "training": [own.training],
                    "withheld": [held],
                }  # fmt: skip
                parts.append(({"study": study.name, "committee": committee, "number": name}, values))
    if not parts:
        return None
    caption = (
        "Committee's mean over own runs less the truth. Thick: one standard error of sampling, of both "
        "sides; thin: together with the training error √(α² + 1/M)·σ, of σ itself, not of its upper limit as "
        "in the primary table. Open and grey: withheld."
    )
    return Drawing(NAMES[0], "Differences to the truth", caption, joined(parts), canvas)


def profiles(every: list[Study]) -> Drawing | None:
    """Water density and orientation of every study, in bins of 0.5 Å; the truth in black."""
    shown = [study for study in every if study.stable(study.spec.reference) and not study.spec.coverage[1:]]
    if not shown:
        return None
    canvas, parts = new_canvas((9.6, 0.4 + 2.5 * len(shown))), []
    for row, study in enumerate(shown):
        for column, (name, label) in enumerate(
            (("density", "ρ, g/cm³"), ("orientation", "ρ · cos θ, g/cm³"))
        ):
            axes = canvas.add_subplot(len(shown), 2, 2 * row + column + 1)
            axes.set(xlabel="height above the surface, Å", ylabel=label, xlim=(0.0, 14.0))
            axes.set_title(study.name, fontsize=9, loc="left")
            lines = [(study.spec.reference, study.stable(study.spec.reference), "black")]
            lines += [
                (committee, study.members(committee), colour_of(place))
                for place, committee in enumerate(study.spec.committees)
            ]
            for line, runs, colour in lines:
                curves = [run["profiles"][name] for run in runs if name in (run.get("profiles") or {})]
                if not curves:
                    continue
                z, mean, error = _together(curves)
                axes.plot(z, mean, color=colour, label=line)
                axes.fill_between(
                    z, mean - 2 * error, mean + 2 * error, color=colour, alpha=0.15, linewidth=0
                )
                owner = {"study": study.name, "line": line, "profile": name}
                parts.append((owner, {"z_A": z, "mean": mean, "se": error}))
            if column == 0:
                axes.legend()
    caption = (
        "Mean over runs ± 2 standard errors between runs; the truth in black. Bins of 0.5 Å flatten the "
        "peaks, whose heights in the tables are of finer ones."
    )
    return Drawing(NAMES[1], "Profiles", caption, joined(parts), canvas) if parts else None


def _together(curves: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    """z, mean over runs and its standard error between them (of the run itself for one), each (B,)."""
    fewest = min(len(curve["z_A"]) for curve in curves)
    values = np.array([curve["mean"][:fewest] for curve in curves], float)
    single = np.array(curves[0]["se"][:fewest], float)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else single
    return np.array(curves[0]["z_A"][:fewest]), values.mean(axis=0), error


def coverage(rows: list[Covered]) -> Drawing | None:
    """z of every independent committee by number, of both errors."""
    if not rows:
        return None
    canvas, parts = new_canvas((7.2, 3.1)), []
    axes = canvas.add_subplot()
    for place, row in enumerate(rows):
        z = [own.z for own in row.deviations.values() if own.both > 0]
        axes.plot(place + np.linspace(-0.15, 0.15, len(z)), z, "o", color=colour_of(place), markersize=4)
        names = [name for name, own in row.deviations.items() if own.both > 0]
        parts.append(({"number": row.number}, {"committee": names, "z": z}))
    for limit in (1.0, 2.0):
        axes.axhspan(-limit, limit, color="#6b7280", alpha=0.1, linewidth=0)
    axes.set_xticks(range(len(rows)), [WORDS[row.number].replace(", ", ",\n") for row in rows], fontsize=7)
    axes.set_ylabel("deviation over its error, z")
    caption = (
        "Deviation of each independent committee from the truth over both errors, without those that are "
        "withheld or lack the number; shaded: one and two errors."
    )
    return Drawing(NAMES[2], "Does the band cover the truth?", caption, joined(parts), canvas)
