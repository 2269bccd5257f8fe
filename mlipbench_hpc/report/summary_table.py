"""First table of the page: models and observables with value, error, and t of the difference."""

from dataclasses import dataclass, field

import numpy as np

from mlipbench_hpc.analysis.inference import Comparison
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report import convergence
from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.significance import PrimaryTest, Verdict, controlled, primary, quantities, tested
from mlipbench_hpc.report.stationary import drift_words, state
from mlipbench_hpc.report.text import NOTHING, number, with_error

SYMBOLS: dict[Verdict | None, str] = {"differs": "●", "unresolved": "○", "withheld": "✕"}
MARKED = ("differs", "unresolved")
ERRORS = (
    "Value ± error: of a model whose members reweighting reaches the committee's mean, with √(α² + 1/M)·σ "
    "where a reference potential ran and σ/√M, without α, where models stand against each other; else the "
    "driving member, with sampling errors alone. t: the difference over its error "
    "(degrees of freedom), p: Holm-corrected"
)
VERDICTS = (
    "● differs: p ≤ 0.05 of Welch's t test, Holm-corrected over the primary table; ○ unresolved: "
    "p > 0.05; ✕ withheld: the number's series, the first layer's population, an energy, a temperature or a "
    "height of ions changes, or the runs are too short to tell, or off their temperature; · not in the "
    "primary table, so not tested. Drift: change between halves of the runs, where it exceeds the standard "
    "error and twice its own."
)
TRUTH = "from the reference potential"
EACH_OTHER = "models against each other, from the first row, because no reference potential ran the system"


@dataclass(frozen=True)
class Difference:
    """Difference of a line's number to another line's; test: its test, None outside the primary table."""

    group: Group = field(repr=False)
    line: Line = field(repr=False)
    other: Line = field(repr=False)
    quantity: Observable
    whole: Comparison
    test: PrimaryTest | None

    @property
    def verdict(self) -> Verdict | None:
        """Verdict of the test; None where nothing was tested."""
        return self.test.verdict if self.test else None

    @property
    def shares(self) -> tuple[float, float, float]:
        """Parts of the squared error: sampling of the line, of the other, training. NaN without an error."""
        square = self.whole.error**2
        name = self.quantity.name
        sides = (controlled(self.line, self.other, name), numbered(self.other, name))
        own, other = (float(np.nan_to_num(side.se)) ** 2 for side in sides)
        return own / square, other / square, max(0.0, 1 - (own + other) / square)

    @property
    def least_shares(self) -> tuple[float, float, float]:
        """Parts as in `shares`, the training part from the lower limit of σ."""
        own, other, training = self.shares
        sides = [numbered(line, self.quantity.name) for line in (self.line, self.other)]
        return own, other, training * max(side.least for side in sides) ** 2


def basis(group: Group) -> Line | None:
    """Line that the others are compared with: the reference potential, else the first of several."""
    if group.reference is not None:
        return group.reference
    return group.drawn[0] if len(group.drawn) > 1 else None


@remembered
def differences(group: Group) -> list[Difference]:
    """Differences of the primary table, then of every other line's numbers to the basis."""
    declared = [
        Difference(group, test.line, test.other, test.quantity, test.whole, test) for test in primary(group)
    ]
    known = {(own.line.name, own.other.name, own.quantity.name) for own in declared}
    other = basis(group)
    if other is None:
        return declared
    return declared + [
        Difference(group, line, other, quantity, tested(line, other, quantity), None)
        for line in group.drawn
        if line is not other and not line.potential.reference
        for quantity in quantities(group)
        if (line.name, other.name, quantity.name) not in known
    ]


def shown(group: Group, line: Line, quantity: Observable) -> tuple[float, float]:
    """Number of a line that is compared, and its error, sampling and training added in squares.

    Against a truth as in `Number.against`, between models as in `Number.versus`.
    """
    own, truth = numbered(line, quantity.name), group.reference is not None
    every = [numbered(other, quantity.name) for other in group.drawn]
    committee = own.reached if truth or all(other.reached for other in every) else None
    if committee is None:
        model = own.model.error if truth and own.model is not None and own.usable else 0.0
        return own.mean, float(np.hypot(own.se, model))
    training = committee.truth if truth else committee.model
    return committee.mean, float(np.hypot(committee.sampling.error, training.error))


def caption(shown_groups: list[Group]) -> str:
    """Definition of values, t and symbols for these systems."""
    truths = {group.reference is not None for group in shown_groups}
    bases = [TRUTH] * (True in truths) + [EACH_OTHER] * (False in truths)
    return f"{ERRORS}, {'; without one '.join(bases)}. {VERDICTS}"


def table(groups: list[Group]) -> Table | None:
    """One row for each line under the heading of its system; None where no number is compared."""
    compared = [group for group in groups if quantities(group)]
    columns = list({quantity.name: quantity for group in compared for quantity in quantities(group)}.values())
    if not columns:
        return None
    rows: list[list[str]] = []
    titles: list[int] = []
    marks: dict[tuple[int, int], str] = {}
    for group in compared:
        titles.append(len(rows))
        rows.append([f"{group.title} ({convergence.state(group)})", *[""] * len(columns)])
        for line in group.drawn:
            cells = [_cell(group, line, quantity) for quantity in columns]
            marks |= {(len(rows), 1 + place): mark for place, (_, mark) in enumerate(cells) if mark}
            rows.append([f"{line.title(group.drawn)}\n{line.about()}", *(text for text, _ in cells)])
    header = ["system, potential", *(quantity.heading for quantity in columns)]
    return Table(caption(compared), header, rows, titles=titles, marks=marks, open=True)


def _cell(group: Group, line: Line, quantity: Observable) -> tuple[str, str]:
    """Value ± error with symbol and z below it, and the cell's mark."""
    if quantity not in quantities(group) or not numbered(line, quantity.name).known:
        return NOTHING, ""
    remarks = [drift_words(line, quantity.name), state(line, quantity.name)]
    value = "\n".join([with_error(*shown(group, line, quantity)), *(own for own in remarks if own)])
    other = basis(group)
    if line is other:
        return f"{value}\n{'reference' if line.potential.reference else 'compared with'}", "basis"
    difference = next(
        (
            own
            for own in differences(group)
            if own.line is line and own.other is other and own.quantity == quantity
        ),
        None,
    )
    if difference is None:
        return value, ""
    if difference.verdict not in MARKED:  # a z would be read as a conclusion
        return f"{value}\n{SYMBOLS.get(difference.verdict, '·')}", ""
    return f"{value}\n{SYMBOLS[difference.verdict]} {_tested(difference)}", difference.verdict


def _tested(difference: Difference) -> str:
    """`t = −5.9 (2.3), p = 0.03`: with its degrees of freedom, p Holm-corrected."""
    own = f"t = {number(difference.whole.t, 2)} ({number(difference.whole.dof, 2)})"
    return f"{own}, p = {number(difference.test.p, 2)}" if difference.test else own
