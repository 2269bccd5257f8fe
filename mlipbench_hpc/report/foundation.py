"""A foundation model's errors and MD beside those of models of one system, for one study."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, holm_of_table
from mlipbench_hpc.analysis.layer import PEAK_DENSITY
from mlipbench_hpc.analysis.profiles import ORIENTATION, ORIENTATION_WIDTH, TOTAL_ORIENTATION, concentration
from mlipbench_hpc.analysis.slab import FIRST_LAYER
from mlipbench_hpc.data.summary import number as json_number
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import band, numbered
from mlipbench_hpc.report.committees import final_round, mean_and_deviation
from mlipbench_hpc.report.groups import WATER, Group, Line, groups
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.significance import direction, quantities
from mlipbench_hpc.report.stationary import Withholding, withheld
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus, with_error

DENSE = "density at the first peak, g/cm³"
HIGHEST = f"at its highest, 0 < z ≤ {FIRST_LAYER:g} Å"


@dataclass(frozen=True)
class Value:
    """A number with its standard error of sampling; NaN where it is not known."""

    mean: float
    error: float

    def words(self) -> str:
        """`1.23 ± 0.04`."""
        return with_error(self.mean, self.error)


@dataclass(frozen=True)
class Difference:
    """One quantity of the foundation model's run and of another one. paper: its words for theirs, if any.

    p: of Welch's test, Holm-corrected over the table; NaN where it is not tested, as a peak of a noisy
    profile; withheld: why nothing is concluded, None where there is no such reason.
    """

    quantity: str
    own: Value
    other: Value
    paper: str = ""
    p: float = float("nan")
    withheld: Withholding | None = None

    @property
    def change(self) -> Value:
        """Own less other, with the error of two independent runs."""
        error = float(np.hypot(self.own.error, self.other.error))
        return Value(self.own.mean - self.other.mean, error)

    @property
    def reasoned(self) -> str:
        """Verdict, with the cause where it is withheld."""
        return f"withheld: {self.withheld.cause}" if self.withheld else self.verdict

    @property
    def verdict(self) -> str:
        """larger or smaller at p ≤ 0.05, else unresolved; withheld; a dash where it is not tested."""
        return "withheld" if self.withheld else direction(self.change.mean, self.p, "larger", "smaller")


@dataclass(frozen=True)
class Beside:
    """The study's line and one that it is compared with, in one group of equal atoms, cell, temperature."""

    group: Group
    own: Line
    other: Line

    def differences(self) -> list[Difference]:
        """Of every observable that is a single number."""
        every = [self._single(one.name, one.heading) for one in quantities(self.group)]
        adjusted = holm_of_table(np.array([own.p for own in every]))
        return [replace(own, p=float(p)) for own, p in zip(every, adjusted, strict=True)]

    def _p(self, name: str) -> float:
        if self._withheld(name):
            return float("nan")
        return numbered(self.own, name).versus(numbered(self.other, name)).p

    def _withheld(self, name: str) -> Withholding | None:
        return withheld(self.own, name) or withheld(self.other, name)

    def _single(self, name: str, quantity: str, paper: str = "") -> Difference:
        """A single number, tested by itself where the paper speaks of it."""
        values = mean(self.own, name), mean(self.other, name)
        return Difference(quantity, *values, paper, self._p(name), self._withheld(name))

    def paper(self) -> list[Difference]:
        """What the paper says of eSEN-OC25 against specific MACE at a surface, without ions or with them."""
        if not self.group.interface:
            return []
        ions = [symbol for symbol in self.group.species if symbol not in (*self.group.metals, *WATER)]
        if not ions:
            return [
                self._single(PEAK_DENSITY, DENSE, "agrees closely"),
                self._single(ORIENTATION_WIDTH, "width of P_z", "slightly smaller"),
            ]
        return [
            *(self._of(f"{symbol} {HIGHEST}, mol/L", "larger", self._ion(symbol)) for symbol in ions),
            self._of(f"|ρ·cos θ| {HIGHEST}, g/cm³", "slightly smaller", lambda line: peak(line, ORIENTATION)),
            self._single(TOTAL_ORIENTATION, "mean P_z", "larger (less negative)"),
        ]

    @staticmethod
    def _ion(symbol: str) -> Callable[[Line], Value]:
        return lambda line: peak(line, concentration(symbol))

    def _of(self, quantity: str, paper: str, value: Callable[[Line], Value]) -> Difference:
        return Difference(quantity, value(self.own), value(self.other), paper)


def mean(line: Line, name: str) -> Value:
    """Mean of a single number over the line's runs."""
    own = numbered(line, name)
    return Value(own.mean, own.se)


def peak(line: Line, name: str) -> Value:
    """Greatest magnitude of a profile in the first layer, with the standard error of that bin."""
    own = band(line, name)
    if own is None:
        return Value(float("nan"), float("nan"))
    inside = np.flatnonzero((own.x > 0) & (own.x <= FIRST_LAYER))
    if not len(inside):
        return Value(float("nan"), float("nan"))
    place = inside[np.nanargmax(np.abs(own.mean[inside]))]
    return Value(float(np.abs(own.mean[place])), float(own.se[place]))


def others(part: Part) -> list[str]:
    """Names of the runs that the study's is compared with, and of the reference's."""
    return [*part.spec.against, *([part.spec.reference] if part.spec.reference else [])]


def compared(part: Part) -> list[Group]:
    """Groups that hold the study's run, with the others'."""
    every = groups(part.beside(others(part)))
    return [group for group in every if any(line.name == part.name for line in group.drawn)]


def beside(part: Part, group: Group) -> list[Beside]:
    """The study's line with each that it is compared with, in the order of the study."""
    lines = {line.name: line for line in group.drawn}
    return [Beside(group, lines[part.name], lines[name]) for name in part.spec.against if name in lines]


def errors(part: Part) -> Table:
    """Errors on the test frames, of the study's model and of those it is compared with."""
    results = part.beside(part.spec.against)
    runs = [results.asked("md", name) for name in part.spec.against]
    names = dict.fromkeys([part.name, *(run["committee"] for run in runs if run.get("committee"))])
    header = ["committee", "models", "split", "test frames", "force RMSE, meV/Å",
              "centred energy RMSE, meV/atom"]  # fmt: skip
    caption = (
        f"{part.name}: errors on test frames, mean ± standard deviation over members. Centred: mean error of "
        "each composition removed, for energy zeros of other labels differ."
    )
    return Table(caption, header, [_errors(results, name) for name in names], words=3, open=True)


def _errors(results: Results, committee: str) -> list[str]:
    final, split = final_round(results, committee), results.asked("committees", committee)["split"]
    known = [own for member in (final.members if final else []) if (own := member.errors("test"))]
    force = mean_and_deviation([own["force"]["all"]["rmse_meV_per_A"] for own in known])
    energy = mean_and_deviation([own["energy"]["centred_rmse_meV_per_atom"] for own in known])
    about = final.describe() if final else NOTHING
    frames = number(known[0]["frames"]) if known else NOTHING
    return [
        committee,
        about,
        split,
        frames,
        *(plus_minus(*pair) if known else NOTHING for pair in (force, energy)),
    ]


def table(part: Part, every: list[Beside]) -> Table | None:
    """Each single number of the runs side by side; None where no run is to be compared with."""
    rows = [
        [f"{two.other.title(two.group.drawn)}, {two.group.title}", one.quantity, one.own.words(),
         one.other.words(), one.change.words(), one.reasoned]
        for two in every
        for one in two.differences()
    ]  # fmt: skip
    header = ["against, system", "quantity", part.name, "there", "difference", "here"]
    caption = (
        f"{part.name}: averages of MD, mean ± standard error of sampling; a difference counts at "
        f"p ≤ {LEVEL:g} of Welch's test, Holm-corrected over the numbers of a run, withheld ones among them. "
        "Training errors are in none of them; one model has no spread, no α."
    )
    return Table(caption, header, rows, words=2, open=True) if rows else None


def paper(part: Part, every: list[Beside]) -> Table | None:
    """The paper's words for its Fig. 8 beside the same here; None where nothing is compared."""
    rows = [
        [two.other.title(two.group.drawn), one.quantity, one.paper, one.own.words(), one.other.words(),
         ratio(one), one.reasoned]
        for two in every
        for one in two.paper()
    ]  # fmt: skip
    header = [
        "against",
        "quantity",
        "paper (eSEN-OC25 against specific MACE)",
        part.name,
        "there",
        "ratio",
        "here",
    ]
    caption = (
        f"{part.name}, beside Fig. 8 of the paper. The paper: Au(111)/water without ions, or with three Na⁺, "
        "384 atoms, 1 ns, read from its text. Here: the systems and models of this campaign; both differ, so "
        "that signs can be compared and values cannot."
    )
    return Table(caption, header, rows, words=3, open=True) if rows else None


def ratio(one: Difference) -> str:
    """Own value over the other."""
    return number(one.own.mean / one.other.mean) if one.other.mean else NOTHING


def numbers(every: list[Beside]) -> dict[str, Any]:
    """Values for results.json, by the run compared with."""
    return {
        two.other.name: {
            "system": two.group.title,
            "differences": {one.quantity: _numbers(one) for one in two.differences()},
            "figure_8": {one.quantity: _numbers(one) | {"paper": one.paper} for one in two.paper()},
        }
        for two in every
    }


def _numbers(one: Difference) -> dict[str, Any]:
    pairs = {"own": one.own, "there": one.other, "difference": one.change}
    values = {
        name: {"mean": json_number(value.mean), "se": json_number(value.error)}
        for name, value in pairs.items()
    }
    return values | {"verdict": one.verdict, "withheld": one.withheld.sentence if one.withheld else None}


def sentence(part: Part, every: list[Beside]) -> str:
    """In which numbers the runs differ."""
    state = f"Study {part.name} (foundation): compared with {count(len(every), 'run')}."
    words = [
        f"{one.quantity} {one.verdict} than in {two.other.name}"
        for two in every
        for one in two.differences()
        if one.verdict in ("larger", "smaller")
    ]
    if not every:
        return f"{state} None has equal atoms, cell and temperature and is done."
    differences = [one for two in every for one in two.differences()]
    tested = sum(one.verdict not in ("withheld", NOTHING) for one in differences)
    if words:
        state += f" {listed(words)}."
    elif tested:
        state += f" None of {count(tested, 'tested difference')} is resolved."
    elif not any(one.withheld for one in differences):
        state += " They have no single number with errors in common."
    return state + withheld_words([one.withheld for one in differences])


def withheld_words(every: list[Withholding | None]) -> str:
    """` Withheld: 8 of 10 differences, because a run is off its temperature (8): …`; empty without any."""
    causes = Counter(own.cause for own in every if own)
    reasons = [f"{cause} ({amount})" for cause, amount in causes.items()]
    return (
        f" Withheld: {causes.total()} of {count(len(every), 'difference')}, because {listed(reasons)}: use "
        "longer runs and a longer equilibration, or more replicas."
    ) * bool(causes)
