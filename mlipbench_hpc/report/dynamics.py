"""C_dip and P_surv of the runs of one study of dynamics, by driving potential and number of ions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.report.combine import Band, band
from mlipbench_hpc.report.groups import WATER, Group, Line, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, number, with_error

DIPOLE, SURVIVAL = "dipole_correlation", "survival"
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

    def at(self, function: str, lag: float) -> tuple[float, float]:
        """Value and standard error at the last lag up to `lag` (ps); NaN without that function."""
        own = self.bands.get(function)
        if own is None:
            return float("nan"), float("nan")
        place = int(np.flatnonzero(own.x <= lag + 1e-9)[-1])
        return float(own.mean[place]), float(own.se[place])

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
        [own.line.name, own.title, own.line.about(), number(own.ions),
         *(with_error(*own.at(function, lag)) for function, lag in chosen)]
        for own in every
    ]  # fmt: skip
    header = ["run", "driven by, system", "models and MD", "ions"]
    header += [f"{FUNCTIONS[function]}({number(lag)} ps)" for function, lag in chosen]
    caption = (
        f"{part.name}: how first-layer water, 0 < z ≤ 4.5 Å, keeps its direction (C_dip, Eq. S12) and stays "
        "(P_surv). Mean ± standard error over replicas."
    )
    return Table(caption, header, rows, words=3, open=True)


@dataclass(frozen=True)
class Change:
    """Change of a function at one lag from the fewest ions to the most, of one potential; its error."""

    potential: str
    function: str
    lag: float
    fewest: Motion
    most: Motion

    @property
    def value(self) -> float:
        """Difference, most ions less fewest."""
        return self.most.at(self.function, self.lag)[0] - self.fewest.at(self.function, self.lag)[0]

    @property
    def error(self) -> float:
        """Standard error of the difference of two independent runs."""
        own, other = (motion.at(self.function, self.lag)[1] for motion in (self.most, self.fewest))
        return float(np.hypot(own, other))


def changes(every: list[Motion]) -> list[Change]:
    """Of every potential with runs at several numbers of ions, at the longest common lag."""
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
         with_error(change.value, change.error), _sign(change)]
        for change in changes(every)
    ]  # fmt: skip
    header = ["driven by", "function", "from, to", "paper (0 to 3 Na⁺)", "change here", "here"]
    caption = (
        f"{part.name}, beside the paper, which calls water at the charged surface more rigid. The paper: "
        "Au(111)/water of 384 atoms and DFT labels. Systems differ: signs can be compared, values cannot. "
        "Here: a change of more than two standard errors counts; committees' training errors are not in them."
    )
    return Table(caption, header, rows, words=4, open=True) if rows else None


def _sign(change: Change) -> str:
    if not change.error > 0:
        return NOTHING
    if abs(change.value) <= 2 * change.error:
        return "unresolved"
    return "increases" if change.value > 0 else "decreases"


def numbers(every: list[Motion]) -> dict[str, Any]:
    """Values for results.json: by run both functions at their lags."""
    return {
        own.line.name: {
            "system": own.group.title,
            "ions": own.ions,
            "values": {
                function: {f"{lag:g}": dict(zip(("mean", "se"), own.at(function, lag), strict=True))
                           for lag in lags(every, function)}
                for function in own.bands
            },
        }
        for own in every
    }  # fmt: skip


def sentence(part: Part, every: list[Motion]) -> str:
    """Which potentials make water more rigid at more ions."""
    runs = f"{len(every)} of {count(len(part.spec.runs), 'run')}"
    state = f"Study {part.name} (dynamics): {runs} with C_dip or P_surv."
    words = [
        f"{FUNCTIONS[change.function]} of {change.potential} {_sign(change)}"
        for change in changes(every)
        if _sign(change) != NOTHING
    ]
    return f"{state} From the fewest ions to the most: {'; '.join(words)}." if words else state
