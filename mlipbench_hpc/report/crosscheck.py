"""Validation of reweighting: predictions for a member against MD of that member (arXiv:2602.22931, S2)."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.analysis.reweighting import SEVERITY
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.combine import Band, as_member, band, reweighted_runs, spread_of
from mlipbench_hpc.report.draw.bands import HEIGHT, shown
from mlipbench_hpc.report.draw.drawing import COLOURS, Figure, finish, panels, room
from mlipbench_hpc.report.draw.overlay import GREY, observables
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import number

AGREES = 0.9  # of the bins within 2 SE; chance leaves 95 %
CAPTION = (
    "Validation of reweighting (Fig. S2 of arXiv:2602.22931): averages of one member predicted from the "
    "frames of another by the cumulant expansion approximation (CEA), against MD of that member. "
    "Before, after: rms difference over the bins from that MD, of the average of the driving member and of "
    "the reweighted average; sampling: the rms difference expected from the standard errors alone. "
    "Verdict and std(h), the standard deviation of the reduced energy difference h, do not use that MD."
)


@dataclass(frozen=True)
class Pair:
    """Runs driven by one member, the runs of another member as target, and their common observables."""

    driven: Line
    own: Line
    names: list[str]
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def title(self) -> str:
        """`mace: member 0 to member 2`."""
        source, target = self.driven.driver, self.own.driver
        return f"{target.name}: member {source.member} to member {target.member}"

    def about(self) -> str:
        """Committee, training structures, and the MD of both."""
        name = self.own.driver.member
        return f"{self.driven.about()}; MD of member {name}: {self.own.about().rpartition('; ')[2]}"

    @property
    def told(self) -> tuple[float, str]:
        """The largest std(h), kT, and the worst verdict over the reweighted runs."""
        member = str(self.own.driver.member)
        found = [spread_of(run)["members"][member] for run in reweighted_runs(self.driven)]
        return max(one["std_h"] for one in found), max((one["verdict"] for one in found), key=SEVERITY.index)


@dataclass(frozen=True)
class Check:
    """One observable: average of the driving member, reweighted average, and MD of the other member."""

    name: str
    driver: Band
    reweighted: Band
    own: Band

    @cached_property
    def judged(self) -> Any:
        """Bins (B,) where both are known and their sampling error is above zero."""
        known = np.isfinite(self.reweighted.mean) & np.isfinite(self.own.mean)
        return known & np.isfinite(self.error) & (self.error > 0)

    @property
    def error(self) -> Floats:
        """Sampling error (B,) of the distance."""
        return np.hypot(self.reweighted.se, self.own.se)

    def rms(self, values: Floats) -> float:
        """Root mean square over the judged bins."""
        return float(np.sqrt(np.mean(np.square(values[self.judged]))))

    @property
    def before(self) -> float:
        """Distance between the average of the driving member and the MD of the other."""
        return self.rms(self.driver.mean - self.own.mean)

    @property
    def after(self) -> float:
        """Distance of the reweighted average from it."""
        return self.rms(self.reweighted.mean - self.own.mean)

    @property
    def sampling(self) -> float:
        """What chance alone makes of that distance."""
        return self.rms(self.error)

    @property
    def inside(self) -> float:
        """Share of the judged bins within two sampling errors."""
        near = np.abs(self.reweighted.mean - self.own.mean) <= 2 * self.error
        return float(near[self.judged].mean())

    @property
    def words(self) -> str:
        """The result in words."""
        if self.inside >= AGREES:
            return "agrees within sampling error"
        return (
            "closer than the driving member"
            if self.after < self.before
            else "not closer than the driving member"
        )


@remembered
def pairs(group: Group) -> list[Pair]:
    """Every two lines of one committee that different members drove, from the reweighted one to the other."""
    return [
        Pair(driven, own, observables(group))
        for driven in group.drawn
        for own in group.drawn
        if driven.driver.name == own.driver.name
        and not driven.driver.reference
        and driven.driver.member != own.driver.member
        and reweighted_runs(driven)
    ]


@remembered
def checks(pair: Pair) -> list[Check]:
    """All observables with a reweighted average and an average of the MD on the same axis."""
    return [found for name in pair.names if (found := _check(pair, name)) is not None]


def _check(pair: Pair, name: str) -> Check | None:
    driver, own = band(pair.driven, name), band(pair.own, name)
    reweighted = as_member(pair.driven, name, pair.own.driver.member)
    if driver is None or own is None or reweighted is None:
        return None
    if not np.array_equal(driver.x, own.x) or not np.array_equal(driver.x, reweighted.x):
        return None
    found = Check(name, driver, reweighted, own)
    return found if found.judged.any() else None


def table(group: Group) -> Table | None:
    """One row for each pair and observable; None where no two members of a committee drove."""
    rows = [
        [f"{pair.title} ({pair.about()})", shown(one.name).label, pair.told[1], one.words,
         *(number(value) for value in (pair.told[0], one.before, one.after, one.sampling)),
         f"{100 * one.inside:.0f} %"]
        for pair in pairs(group)
        for one in checks(pair)
    ]  # fmt: skip
    header = ["from, to (committee, training, MD)", "observable", "verdict", "result", "std(h), kT",
              "before", "after", "sampling", "bins within 2 SE"]  # fmt: skip
    return Table(CAPTION, header, rows, words=4) if rows else None


def sentences(group: Group) -> list[str]:
    """One sentence for each pair, with the result for each observable."""
    found = []
    for pair in pairs(group):
        parts = [f"{shown(one.name).title}: {one.words}" for one in checks(pair)]
        if parts:
            target = f"against MD of member {pair.own.driver.member}"
            found.append(
                f"Reweighting {pair.title} ({pair.about()}; verdict: {pair.told[1]}), {target}. "
                f"{'; '.join(parts)}."
            )
    return found


def numbers(group: Group) -> list[dict[str, Any]]:
    """What results.json says of each pair and observable, in the observable's unit."""
    return [
        {
            "committee": pair.own.driver.name, "from": pair.driven.driver.member,
            "to": pair.own.driver.member, "about": pair.about(), "verdict": pair.told[1],
            "std_h": pair.told[0], "observable": one.name,
            "rms_before": one.before, "rms_after": one.after, "rms_sampling": one.sampling,
            "inside_two_se": one.inside,
        }
        for pair in pairs(group)
        for one in checks(pair)
    ]  # fmt: skip


def figures(group: Group) -> list[Figure]:
    """One for each pair, all its observables."""
    return [_draw(group, pair, checks(pair)) for pair in pairs(group) if checks(pair)]


def _draw(group: Group, pair: Pair, found: list[Check]) -> Figure:
    canvas, axes, spare = panels(len(found), 3)
    for place, one in zip(axes, found, strict=True):
        _panel(place, one, pair)
    handles = axes[0].get_legend_handles_labels()
    if spare:
        spare.legend(*handles, loc="center left", handlelength=3.2, labelspacing=0.9)
    else:
        canvas.legend(*handles, loc="outside lower left", ncols=2, handlelength=3.2)
    columns = _columns(found)
    ends = f"{pair.driven.driver.member}-{pair.own.driver.member}-{pair.driven.name}-{pair.own.name}"
    caption = (
        f"{group.title}. Validation of reweighting, {pair.title} ({pair.about()}). Bands: ± 2 SE. "
        f"Verdict before this MD: {pair.told[1]}, std(h) = {number(pair.told[0])} kT."
    )
    name = f"reweighting-{group.slug}-{pair.own.driver.name}-{ends}"
    return finish(name, "Validation of reweighting", caption, columns, canvas)


def _panel(axes: Axes, one: Check, pair: Pair) -> None:
    source, target = pair.driven.driver.member, pair.own.driver.member
    axes.set_xlabel("r / Å" if one.name.startswith("g_") else HEIGHT)
    axes.set_ylabel(shown(one.name).label)
    drawn = (one.own, one.reweighted)
    ends = [np.concatenate([each.mean + sign * 2 * each.se for each in drawn]) for sign in (-1, 1)]
    room(axes, *ends)
    x = one.own.x
    for each, colour in zip(drawn, (GREY, COLOURS[1]), strict=True):
        low, high = each.mean - 2 * each.se, each.mean + 2 * each.se
        axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
    label = f"MD of member {target}"
    axes.plot(x, one.own.mean, color=GREY, linewidth=2.6, alpha=0.6, label=label)
    axes.plot(x, one.driver.mean, color=COLOURS[0], linewidth=1.0, label=f"MD of member {source}, driving")
    label = f"member {source} reweighted to member {target}"
    axes.plot(x, one.reweighted.mean, color=COLOURS[1], linestyle=(0, (5, 1.5)), label=label)
    occupied = x[one.judged]
    if not one.name.startswith("g_"):
        axes.set_xlim(min(0.0, occupied[0] - 0.5), occupied[-1] + 0.5)


def _columns(found: list[Check]) -> dict[str, list[Any]]:
    """One row for each observable and bin."""
    columns: dict[str, list[Any]] = {"observable": [one.name for one in found for _ in one.own.x]}
    parts = {
        "x": [one.own.x for one in found], "driver": [one.driver.mean for one in found],
        "reweighted": [one.reweighted.mean for one in found],
        "reweighted_se": [one.reweighted.se for one in found],
        "own_md": [one.own.mean for one in found], "own_md_se": [one.own.se for one in found],
    }  # fmt: skip
    return columns | {name: np.concatenate(values).tolist() for name, values in parts.items()}
