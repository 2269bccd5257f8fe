"""The table of models and observables that the page begins with: value, error, and z of the difference."""

from dataclasses import dataclass, field

import numpy as np

from mlipbench_hpc.analysis.inference import Comparison
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.combine import Number, numbered
from mlipbench_hpc.report.comparison import differs, quantities
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, number, plus_minus

SYMBOLS = {True: "●", False: "○", None: "·"}
MARKS = {True: "differs", False: "unresolved", None: ""}
AGAINST_TRUTH = (
    "Value ± standard error, of a model with its training error where reweighting gives one. z: "
    "difference from the "
    "reference potential over the error of the difference. ● differs: p ≤ 0.05 of Welch's t test, "
    "Holm-corrected over "
    "the models and observables of a system; ○ unresolved: the data do not tell; · not tested."
)
EACH_OTHER = (
    "Value ± standard error, of a model with its training error where reweighting gives one. No "
    "reference potential ran "
    "these systems: z is the difference from the first row over the error of the difference, and "
    "nothing is tested."
)


@dataclass(frozen=True)
class Difference:
    """One number of a line against the reference, or the group's first line, and whether it is resolved.

    resolved: None where nothing was tested.
    """

    group: Group = field(repr=False)
    line: Line = field(repr=False)
    quantity: Observable
    own: Number
    other: Number
    whole: Comparison
    resolved: bool | None

    @property
    def z(self) -> float:
        """Difference over its error; NaN without an error."""
        return self.whole.difference / self.whole.error if self.whole.error > 0 else float("nan")

    @property
    def shares(self) -> tuple[float, float, float]:
        """Parts of the squared error: sampling of the line, of the other, training. NaN without an error."""
        square = self.whole.error**2
        own, other = (float(np.nan_to_num(side.se)) ** 2 for side in (self.own, self.other))
        return own / square, other / square, max(0.0, 1 - (own + other) / square)


def basis(group: Group) -> Line | None:
    """What the lines of a group are compared with: the reference potential, else the first of several."""
    if group.reference is not None:
        return group.reference
    return group.drawn[0] if len(group.drawn) > 1 else None


@remembered
def differences(group: Group) -> list[Difference]:
    """Of every other line and observable of a group, in the order of the table; [] without a basis."""
    other = basis(group)
    if other is None:
        return []
    return [
        _difference(group, line, other, quantity)
        for line in group.drawn
        if line is not other and not line.potential.reference
        for quantity in quantities(group)
    ]


def _difference(group: Group, line: Line, other: Line, quantity: Observable) -> Difference:
    own, truth = numbered(line, quantity.name), numbered(other, quantity.name)
    resolved = differs(group, line, quantity)
    return Difference(group, line, quantity, own, truth, own.against(truth), resolved)


def error(own: Number) -> float:
    """Standard error (sampling) and, where usable, the training error of one member, added in squares."""
    model = own.model.error if own.model is not None and own.usable else 0.0
    return float(np.hypot(own.se, model))


def table(groups: list[Group]) -> Table | None:
    """One row for each line under the heading of its system; None where no number is compared."""
    shown = [group for group in groups if quantities(group)]
    columns = list({quantity.name: quantity for group in shown for quantity in quantities(group)}.values())
    if not columns:
        return None
    rows: list[list[str]] = []
    titles: list[int] = []
    marks: dict[tuple[int, int], str] = {}
    for group in shown:
        titles.append(len(rows))
        rows.append([group.title, *[""] * len(columns)])
        for line in group.drawn:
            cells = [_cell(group, line, quantity) for quantity in columns]
            marks |= {(len(rows), 1 + place): mark for place, (_, mark) in enumerate(cells) if mark}
            rows.append([f"{line.title(group.drawn)}\n{line.about()}", *(text for text, _ in cells)])
    truth = any(group.reference is not None for group in shown)
    header = ["system, potential", *(quantity.heading for quantity in columns)]
    return Table(AGAINST_TRUTH if truth else EACH_OTHER, header, rows, titles=titles, marks=marks, open=True)


def _cell(group: Group, line: Line, quantity: Observable) -> tuple[str, str]:
    """Value ± error with symbol and z below it, and the cell's mark."""
    if quantity not in quantities(group) or not numbered(line, quantity.name).known:
        return NOTHING, ""
    own = numbered(line, quantity.name)
    value = plus_minus(own.mean, error(own))
    if line is basis(group):
        return f"{value}\n{'reference' if line.potential.reference else 'compared with'}", "basis"
    compared = [one for one in differences(group) if one.line is line and one.quantity == quantity]
    if not compared:
        return value, ""
    return f"{value}\n{SYMBOLS[compared[0].resolved]} z = {number(compared[0].z, 2)}", MARKS[
        compared[0].resolved
    ]
