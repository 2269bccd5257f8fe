"""Validation of reweighting: predictions for a member against MD of that member (arXiv:2602.22931, S2)."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.analysis.reweighting import FEWEST_FRAMES, SEVERITY, TOLERATED_STD, UNUSABLE
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import HEIGHT, WATERS, Observable
from mlipbench_hpc.report.combine import Band, as_member, band, reweighted_runs, spread_of
from mlipbench_hpc.report.draw.drawing import COLOURS, Figure, finish, panels, room
from mlipbench_hpc.report.draw.overlay import GREY
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.stationary import not_stationary
from mlipbench_hpc.report.text import count, number

AGREES = 0.9  # share of bins within 2 SE; 95 % by chance
CAPTION = (
    "Validation of reweighting (Fig. S2 of arXiv:2602.22931): averages of one member predicted from the "
    "frames of another by the cumulant expansion approximation (CEA), against MD of that member. "
    "Before, after: rms difference over the bins from that MD, of the average of the driving member and of "
    "the reweighted average; sampling: the rms difference expected from the standard errors alone. "
    "Verdict and std(h), the standard deviation of the reduced energy difference h, do not use that MD. "
    f"Cannot be tested: std(h) above {TOLERATED_STD:g} kT, or fewer than {FEWEST_FRAMES:g} independent "
    "effective frames in a run; errors of so few frames are unknown, and agreement within them says nothing. "
    "Withheld: runs of either member are not stationary, or too short to tell, so that their averages are "
    "not yet what they are compared as."
)
UNTESTED, WITHHELD = "cannot be tested", "withheld"


@dataclass(frozen=True)
class Pair:
    """Runs driven by one member, the runs of another as target, and their common observables.

    Both are of one committee, or the first one's runs were reweighted to the members of the second one's.
    """

    driven: Line
    own: Line
    observables: list[Observable]
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def within(self) -> bool:
        """True for two members of one committee."""
        return self.driven.potential.name == self.own.potential.name

    @property
    def ends(self) -> tuple[str, str]:
        """`member 0` and `member 2`, or of two committees `specific, member 0` and `mixed, member 0`."""
        names = [f"member {line.potential.member}" for line in (self.driven, self.own)]
        if not self.within:
            names = [
                f"{line.potential.name}, {name}"
                for line, name in zip((self.driven, self.own), names, strict=True)
            ]
        return names[0], names[1]

    @property
    def title(self) -> str:
        """`mace: member 0 to member 2`."""
        source, target = self.ends
        return f"{self.own.potential.name}: {source} to {target}" if self.within else f"{source} to {target}"

    def about(self) -> str:
        """Committee, training structures, and the MD of both."""
        models, own = self.driven.potential.models(), self.driven.runs_about()
        target = self.own.runs_about()
        target = target if self.within else f"{self.own.potential.models()}; {target}"
        return f"{models}; {own}; MD of {self.ends[1]}: {target}"

    @property
    def outcome(self) -> tuple[float, str]:
        """Largest std(h), kT, and the worst verdict over the reweighted runs."""
        verdicts = [quality["verdict"] for quality in self._qualities]
        return max(quality["std_h"] for quality in self._qualities), max(verdicts, key=SEVERITY.index)

    @property
    def _qualities(self) -> list[dict[str, Any]]:
        """Quality of the reweighting of each run to the other member."""
        member = str(self.own.potential.member)
        return [spread_of(run)["members"][member] for run in reweighted_runs(self.driven)]

    @property
    def frames(self) -> int:
        """Number of reweighted frames of all runs."""
        return sum(int(spread_of(run)["reweighted_frames"]) for run in reweighted_runs(self.driven))

    @property
    def independent(self) -> float:
        """Number of independent effective frames, of the run with the fewest."""
        return min(float(quality["independent_frames"]) for quality in self._qualities)

    @property
    def testable(self) -> bool:
        """True where reweighting reaches the other member: std(h) ≤ 2 and 30 independent effective frames."""
        return self.outcome[1] not in UNUSABLE

    def moving(self, name: str) -> str:
        """Reason why averages of an observable are not yet those of equilibrium; empty where there is none.

        A profile has no series of its own; the first layer's population stands in its place.
        """
        every = (not_stationary(line, own) for line in (self.own, self.driven) for own in (name, WATERS))
        return next((reason.sentence for reason in every if reason), "")

    @property
    def reach(self) -> str:
        """`12 frames, 1.0 independent effective ones in a run (at least 30), std(h) 9.9 kT (at most 2)`."""
        return (
            f"{count(self.frames, 'frame')}, {number(self.independent, 2)} independent effective ones in the "
            f"run with the fewest (at least {FEWEST_FRAMES:g}), std(h) {number(self.outcome[0], 2)} kT (at "
            f"most {TOLERATED_STD:g})"
        )


@dataclass(frozen=True)
class Check:
    """One observable: average of the driving member, reweighted average, and MD of the other member.

    testable: whether reweighting reaches the other member; withheld: reason why nothing is concluded.
    """

    observable: Observable
    driving: Band
    reweighted: Band
    own: Band
    testable: bool = True
    withheld: str = ""

    @property
    def concluded(self) -> bool:
        """True where it says whether both averages agree."""
        return self.testable and not self.withheld

    @cached_property
    def judged(self) -> Any:
        """Mask (B,) of bins where both averages are known and their sampling error is above zero."""
        known = np.isfinite(self.reweighted.mean) & np.isfinite(self.own.mean)
        return known & np.isfinite(self.error) & (self.error > 0)

    @property
    def error(self) -> Floats:
        """Sampling error (B,) of the distance."""
        return np.hypot(self.reweighted.se, self.own.se)

    def rms(self, values: Floats) -> float:
        """Root mean square of a curve over the judged bins."""
        return float(np.sqrt(np.mean(np.square(values[self.judged]))))

    @property
    def before(self) -> float:
        """Distance between the average of the driving member and the MD of the other."""
        return self.rms(self.driving.mean - self.own.mean)

    @property
    def after(self) -> float:
        """Distance between the reweighted average and the MD of the other member."""
        return self.rms(self.reweighted.mean - self.own.mean)

    @property
    def sampling(self) -> float:
        """Distance that sampling errors alone would give."""
        return self.rms(self.error)

    @property
    def inside(self) -> float:
        """Share of the judged bins within two sampling errors."""
        near = np.abs(self.reweighted.mean - self.own.mean) <= 2 * self.error
        return float(near[self.judged].mean())

    @property
    def words(self) -> str:
        """Result in words.

        Sampling changes an rms distance by at most its own rms, so a smaller gain or loss states nothing.
        """
        if not self.testable:
            return UNTESTED
        if self.withheld:
            return WITHHELD
        if self.inside >= AGREES:
            return "no difference beyond sampling error"
        if abs(self.after - self.before) <= 2 * self.sampling:
            return "differs; whether closer than the driving member is unresolved"
        side = "closer" if self.after < self.before else "farther"
        return f"differs, {side} than the driving member"


@remembered
def pairs(group: Group) -> list[Pair]:
    """Every two lines of a committee driven by different members, the first of them reweighted."""
    return [
        Pair(driven, own, group.observables)
        for driven in group.drawn
        for own in group.drawn
        if driven.potential.name == own.potential.name
        and not driven.potential.reference
        and driven.potential.member != own.potential.member
        and reweighted_runs(driven)
    ]


@remembered
def checks(pair: Pair) -> list[Check]:
    """All observables with a reweighted average and an average of the MD on the same axis."""
    reweighted = [observable for observable in pair.observables if observable.reweighted]
    return [check for observable in reweighted if (check := _check(pair, observable)) is not None]


def _check(pair: Pair, observable: Observable) -> Check | None:
    name = observable.name
    driving, own = band(pair.driven, name), band(pair.own, name)
    reweighted = as_member(pair.driven, name, pair.own.potential.member)
    if driving is None or own is None or reweighted is None:
        return None
    if not np.array_equal(driving.x, own.x) or not np.array_equal(driving.x, reweighted.x):
        return None
    check = Check(observable, driving, reweighted, own, pair.testable, pair.moving(name))
    return check if check.judged.any() else None


def table(group: Group) -> Table | None:
    """One row for each pair and observable; None where no two members of a committee drove."""
    return table_of(pairs(group))


def table_of(every: list[Pair]) -> Table | None:
    """One row for each pair and observable; None without any."""
    rows = [
        [f"{pair.title} ({pair.about()})", check.observable.label, pair.outcome[1], check.words,
         number(pair.frames), number(pair.independent),
         *(number(value) for value in (pair.outcome[0], check.before, check.after, check.sampling)),
         f"{100 * check.inside:.0f} %"]
        for pair in every
        for check in checks(pair)
    ]  # fmt: skip
    header = ["from, to (committee, training, MD)", "observable", "verdict", "result", "frames",
              "independent effective frames", "std(h), kT", "before", "after", "sampling",
              "bins within 2 SE"]  # fmt: skip
    return Table(CAPTION, header, rows, words=4) if rows else None


def sentences(group: Group) -> list[str]:
    """One sentence for each pair, with the result for each observable."""
    return sentences_of(pairs(group))


def sentences_of(every: list[Pair]) -> list[str]:
    """One sentence for each pair, with the result for each observable."""
    lines = []
    for pair in every:
        parts = [f"{check.observable.title}: {check.words}" for check in checks(pair)]
        if parts:
            target = f"against MD of {pair.ends[1]}"
            results = "; ".join(parts) if pair.testable else f"Cannot be tested: {pair.reach}"
            results += f". Withheld: {reason}" if (reason := withheld_words(checks(pair))) else ""
            lines.append(
                f"Reweighting {pair.title} ({pair.about()}; verdict: {pair.outcome[1]}), {target}. {results}."
            )
    return lines


def withheld_words(every: list[Check]) -> str:
    """Reasons why nothing is concluded from checks that could be made; empty where there are none."""
    return "; ".join(dict.fromkeys(check.withheld for check in every if check.testable and check.withheld))


def numbers(group: Group) -> list[dict[str, Any]]:
    """Numbers of each pair and observable for results.json, in the observable's unit."""
    return numbers_of(pairs(group))


def numbers_of(every: list[Pair]) -> list[dict[str, Any]]:
    """Numbers of each pair and observable for results.json, in the observable's unit."""
    return [
        {
            "committee": pair.own.potential.name, "from": pair.driven.potential.member,
            "to": pair.own.potential.member, "about": pair.about(), "verdict": pair.outcome[1],
            "std_h": pair.outcome[0], "frames": pair.frames, "independent_frames": pair.independent,
            "result": check.words, "withheld": check.withheld or None, "observable": check.observable.name,
            "rms_before": check.before, "rms_after": check.after, "rms_sampling": check.sampling,
            "inside_two_se": check.inside,
        }
        for pair in every
        for check in checks(pair)
    ]  # fmt: skip


def figures(group: Group) -> list[Figure]:
    """Figures of all pairs, each with all its observables."""
    return [draw(group, pair, checks(pair)) for pair in pairs(group) if checks(pair)]


def draw(group: Group, pair: Pair, checked: list[Check], study: str = "") -> Figure:
    """A panel for each observable of a pair; study: of which the pair is, "" for the campaign's own."""
    canvas, axes, spare = panels(len(checked), 3)
    for place, check in zip(axes, checked, strict=True):
        _panel(place, check, pair)
    handles = axes[0].get_legend_handles_labels()
    if spare:
        spare.legend(*handles, loc="center left", handlelength=3.2, labelspacing=0.9)
    else:
        canvas.legend(*handles, loc="outside lower left", ncols=2, handlelength=3.2)
    columns = _columns(checked)
    ends = f"{pair.driven.potential.member}-{pair.own.potential.member}-{pair.driven.name}-{pair.own.name}"
    caption = (
        f"{group.title}. Validation of reweighting, {pair.title} ({pair.about()}). Bands: ± 2 SE. "
        f"Verdict before this MD: {pair.outcome[1]}, std(h) = {number(pair.outcome[0])} kT."
    )
    name = f"reweighting-{group.slug}-{pair.own.potential.name}-{ends}"
    title = "Validation of reweighting"
    if study:
        name, title = f"{study}-{name}", f"{study}: validation of reweighting"
    return finish(name, title, caption, columns, canvas)


def _panel(axes: Axes, check: Check, pair: Pair) -> None:
    source, target = pair.ends
    axis = check.observable.axis
    axes.set_xlabel(axis.title if axis else "")
    axes.set_ylabel(check.observable.label)
    drawn = (check.own, check.reweighted)
    ends = [np.concatenate([each.mean + sign * 2 * each.se for each in drawn]) for sign in (-1, 1)]
    room(axes, *ends)
    x = check.own.x
    for each, colour in zip(drawn, (GREY, COLOURS[1]), strict=True):
        low, high = each.mean - 2 * each.se, each.mean + 2 * each.se
        axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
    label = f"MD of {target}"
    axes.plot(x, check.own.mean, color=GREY, linewidth=2.6, alpha=0.6, label=label)
    axes.plot(x, check.driving.mean, color=COLOURS[0], linewidth=1.0, label=f"MD of {source}, driving")
    label = f"{source} reweighted to {target}"
    axes.plot(x, check.reweighted.mean, color=COLOURS[1], linestyle=(0, (5, 1.5)), label=label)
    occupied = x[check.judged]
    if axis == HEIGHT:
        axes.set_xlim(min(0.0, occupied[0] - 0.5), occupied[-1] + 0.5)


def _columns(checked: list[Check]) -> dict[str, list[Any]]:
    """One row for each observable and bin."""
    columns: dict[str, list[Any]] = {
        "observable": [check.observable.name for check in checked for _ in check.own.x]
    }
    parts = {
        "x": [check.own.x for check in checked], "driving_member": [check.driving.mean for check in checked],
        "reweighted": [check.reweighted.mean for check in checked],
        "reweighted_se": [check.reweighted.se for check in checked],
        "own_md": [check.own.mean for check in checked], "own_md_se": [check.own.se for check in checked],
    }  # fmt: skip
    return columns | {name: np.concatenate(values).tolist() for name, values in parts.items()}
