"""C_dip and P_surv of the runs of one study of dynamics, by driving potential and number of ions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, Comparison, holm_of_table
from mlipbench_hpc.report.combine import Band, Number, at_point, band
from mlipbench_hpc.report.exclusion import failures
from mlipbench_hpc.report.groups import WATER, Group, Line, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.significance import direction
from mlipbench_hpc.report.stationary import DIPOLE, SURVIVAL, withheld
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number, with_error

FUNCTIONS = {DIPOLE: "C_dip", SURVIVAL: "P_surv"}
LAG_PS = 1.0


@dataclass(frozen=True)
class Motion:
    """One line of a group with its functions of the lag τ in ps, by name; ions: number in the cell."""

    group: Group
    line: Line
    ions: int
    bands: dict[str, Band]

    @property
    def title(self) -> str:
        """`mace, Au36 O24 H48 Na1, 300 K`."""
        return f"{self.line.title(self.group.drawn)}, {self.group.title}"

    def at(self, function: str, lag: float) -> Number:
        """Value at `lag` (ps), between the lags of frames linear in it; NaN without it or that function."""
        return at_point(self.line, function, lag)

    @property
    def interval(self) -> float:
        """Interval between frames, ps; NaN without either function."""
        return next((float(own.x[1] - own.x[0]) for own in self.bands.values() if len(own.x) > 1), np.nan)

    def last(self, function: str) -> float:
        """Longest lag, ps; NaN without that function."""
        return float(self.bands[function].x[-1]) if function in self.bands else float("nan")


def motions(part: Part) -> list[Motion]:
    """The study's runs that have either function, by number of ions, then in the order of the study."""
    order = {name: place for place, name in enumerate(part.spec.runs)}
    return motions_of(groups(part.with_runs(part.spec.runs)), order)


def motions_of(every_group: list[Group], order: Mapping[str, int]) -> list[Motion]:
    """Runs of groups with either function, by number of ions, then by `order`; others are left out."""
    every = [
        Motion(group, line, _ions(group), bands)
        for group in every_group
        for line in group.drawn
        if line.name in order and (bands := _bands(line))
    ]
    return sorted(every, key=lambda own: (own.ions, order[own.line.name]))


def _bands(line: Line) -> dict[str, Band]:
    known = {name: band(line, name) for name in FUNCTIONS}
    return {name: own for name, own in known.items() if own is not None}


def _ions(group: Group) -> int:
    return sum(atoms for symbol, atoms in group.species.items() if symbol not in (*group.metals, *WATER))


def lags(every: list[Motion], function: str) -> list[float]:
    """1 ps and the longest lag that all runs have; the latter alone where it is shorter."""
    longest = [own.last(function) for own in every if function in own.bands]
    return sorted({min(LAG_PS, *longest), min(longest)}) if longest else []


def table(part: Part, every: list[Motion]) -> Table:
    """One row for each run."""
    chosen = [(function, lag) for function in FUNCTIONS for lag in lags(every, function)]
    rows = [
        [own.line.name, own.title, own.line.about(), number(own.ions), number(own.interval),
         *(with_error(value.mean, value.se) for function, lag in chosen for value in [own.at(function, lag)])]
        for own in every
    ]  # fmt: skip
    header = ["run", "driven by, system", "models and MD", "ions", "frames every, ps"]
    header += [f"{FUNCTIONS[function]}({number(lag)} ps)" for function, lag in chosen]
    caption = (
        f"{part.name}: how first-layer water, 0 < z ≤ 4.5 Å, keeps its direction (C_dip, Eq. S12) and stays "
        "(P_surv). Mean ± standard error over replicas, at equal lags, between those of frames by linear "
        f"interpolation.{intervals_words(every)}"
    )
    return Table(caption, header, rows, words=3, open=True)


def intervals_words(every: list[Motion]) -> str:
    """Sentence on P_surv where frames of the runs are not equally far apart; empty where they are."""
    known = {f"{number(own.interval)} ps in {own.line.name}": own.interval for own in every}
    if not _apart(list(known.values())):
        return ""
    return (
        f" Intervals between frames differ, {listed(list(known))}: P_surv counts a water as gone once a "
        "frame finds it outside, so that it is lower the more frames there are, and values of "
        "different intervals cannot be compared."
    )


def _apart(intervals: list[float]) -> bool:
    return not np.allclose(intervals, intervals[0], rtol=1e-6, equal_nan=True) if intervals else False


@dataclass(frozen=True)
class Change:
    """Change of a function at one lag from the fewest ions to the most, of one potential.

    p: of Welch's test, Holm-corrected over the changes of a study; NaN where it is not tested.
    """

    potential: str
    function: str
    lag: float
    fewest: Motion
    most: Motion
    p: float = np.nan

    @property
    def whole(self) -> Comparison:
        """Difference, most ions less fewest, of two independent runs."""
        own, other = (motion.at(self.function, self.lag) for motion in (self.most, self.fewest))
        return own.versus(other)

    @property
    def withheld(self) -> str:
        """Reason why nothing is concluded, in words; empty where there is none."""
        both = self.fewest, self.most
        intervals = [motion.interval for motion in both]
        if self.function == SURVIVAL and _apart(intervals):
            apart = " and ".join(number(interval) for interval in intervals)
            return f"frames are {apart} ps apart, on which P_surv depends: use equal `frame_every`"
        reasons = (withheld(motion.line, self.function) for motion in both)
        return next((reason.sentence for reason in reasons if reason), "")

    @property
    def verdict(self) -> str:
        """`increases`, `decreases` at p ≤ 0.05, else `unresolved`; `withheld`; a dash without an error."""
        if self.withheld:
            return "withheld"
        return direction(self.whole.difference, self.p, "increases", "decreases")

    @property
    def reasoned(self) -> str:
        """Verdict, with the reason where it is withheld."""
        return f"withheld: {self.withheld}" if self.withheld else self.verdict


def changes(every: list[Motion]) -> list[Change]:
    """Of every potential with runs at several numbers of ions, at the longest common lag, tested together.

    What is withheld counts among the tests: how many there are must not depend on the data.
    """
    own = _changes(every)
    adjusted = holm_of_table(np.array([np.nan if one.withheld else one.whole.p for one in own]))
    return [replace(one, p=float(p)) for one, p in zip(own, adjusted, strict=True)]


def _changes(every: list[Motion]) -> list[Change]:
    by_potential: dict[str, list[Motion]] = {}
    for own in every:
        by_potential.setdefault(own.line.potential.title, []).append(own)
    return [
        Change(name, function, lags(every, function)[-1], own[0], own[-1])
        for name, own in by_potential.items()
        if own[0].ions < own[-1].ions
        for function in FUNCTIONS
        if function in own[0].bands and function in own[-1].bands
    ]


def paper(part: Part, every: list[Motion]) -> Table | None:
    """The sign that section S-V of the paper states beside the changes here; None without several charges."""
    rows = [
        [change.potential, f"{FUNCTIONS[change.function]}({number(change.lag)} ps)",
         f"{change.fewest.ions} to {count(change.most.ions, 'ion')}", "increases",
         with_error(change.whole.difference, change.whole.error), change.reasoned]
        for change in changes(every)
    ]  # fmt: skip
    header = ["driven by", "function", "from, to", "paper (0 to 3 Na⁺)", "change here", "here"]
    caption = (
        f"{part.name}, beside the paper, which calls water at the charged surface more rigid. The paper: "
        "Au(111)/water of 384 atoms and DFT labels. Systems differ: signs can be compared, values cannot. "
        f"Here: a change counts at p ≤ {LEVEL:g} of Welch's test, Holm-corrected over this table, withheld "
        "ones among them; committees' training errors are not in them."
    )
    return Table(caption, header, rows, words=4, open=True) if rows else None


def numbers(every: list[Motion]) -> dict[str, Any]:
    """Values for results.json: by run both functions at their lags."""
    return {
        own.line.name: {
            "system": own.group.title,
            "ions": own.ions,
            "frame_ps": own.interval,
            "values": {
                function: {f"{lag:g}": {"mean": value.mean, "se": value.se, "dof": value.dof}
                           for lag in lags(every, function) for value in [own.at(function, lag)]}
                for function in own.bands
            },
        }
        for own in every
    }  # fmt: skip


def change_numbers(every: list[Motion]) -> list[dict[str, Any]]:
    """Changes with the number of ions for results.json."""
    return [
        {
            "driven_by": one.potential, "function": one.function, "lag_ps": one.lag,
            "ions": [one.fewest.ions, one.most.ions], "difference": one.whole.difference,
            "error": one.whole.error, "p_holm": one.p, "verdict": one.verdict,
            "withheld": one.withheld or None,
        }
        for one in changes(every)
    ]  # fmt: skip


def sentence(part: Part, every: list[Motion]) -> str:
    """Which potentials make water more rigid at more ions."""
    runs = f"{len(every)} of {count(len(part.spec.runs), 'run')}"
    state = f"Study {part.name} (dynamics): {runs} with C_dip or P_surv."
    alike: dict[tuple[str, str], list[str]] = {}
    for change in changes(every):
        if change.verdict != NOTHING:
            alike.setdefault((change.potential, change.reasoned), []).append(FUNCTIONS[change.function])
    words = [f"{listed(names)} of {potential} {verdict}" for (potential, verdict), names in alike.items()]
    changed = f" From the fewest ions to the most: {'; '.join(words)}." if words else ""
    return state + changed + failures(part.with_runs(part.spec.runs), part.spec.runs)
