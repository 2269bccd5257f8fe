"""Heights of ions in runs: range, mean, drift between halves, and whether ions have mixed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.correlation import correlated_error, series_average
from mlipbench_hpc.analysis.ion_layers import passes
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import ION_HEIGHTS, STATIONARITY
from mlipbench_hpc.report.combine import Number, blocks_of, degrees, numbered_runs, pooled
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, listed, number, plus_minus, with_error

ENOUGH_PASSES = 10
MOST_ORDERED, LEAST_OUTSIDE = 4, 0.01
NEXT = "use longer runs or other starts"
CAPTION = (
    "Heights of ions above the surface, Å. Mean: over the ions of a species, averaged over runs; differences "
    "of ions in different layers can cancel in it. Drift: the "
    "second half of each run less the first; outwards: ions that are higher in the second half. Passes: of "
    "an ion between the lowest and the highest quarter of all heights of its row. Ions have mixed where "
    f"every ion was in both quarters and they passed at least {ENOUGH_PASSES} times; else averages depend on "
    "the heights where they began, and are not those of an equilibrium. Heights that no ion visited are not "
    "seen in either case."
)


@dataclass(frozen=True)
class Heights:
    """Heights of the K ions of a species in all runs of a line, Å.

    drift: second half of each run less the first; outwards: number of ions that it moves outwards; passes: of
    all ions between the lowest and the highest quarter of the heights; both: number of ions in both.
    """

    lowest: float
    highest: float
    mean: Number
    drift: Number
    ions: int
    outwards: int
    passes: int
    both: int

    @property
    def mixed(self) -> bool:
        """True where each ion was in the lowest and in the highest quarter, with at least 10 passes."""
        return self.both == self.ions and self.passes >= ENOUGH_PASSES


def species(line: Line) -> list[str]:
    """Species of ions in the runs of a line."""
    every = (run.analysis.values.get(STATIONARITY, {}).get("ions", []) for run in line.runs)
    return list(dict.fromkeys(symbol for symbols in every for symbol in symbols))


def by_run(line: Line, symbol: str) -> list[tuple[Run, Floats]]:
    """Heights (T, K) Å of the ions of a species, of each run that has them."""
    every = ((run, run.analysis.arrays(ION_HEIGHTS).get(symbol)) for run in line.runs)
    return [(run, heights) for run, heights in every if heights is not None and heights.size]


@remembered
def heights_of(line: Line, symbol: str) -> Heights | None:
    """Heights of a species in the runs of a line; None where no run has them."""
    parts = by_run(line, symbol)
    if not parts:
        return None
    together = np.concatenate([np.ravel(heights) for _, heights in parts])
    quarters = np.quantile(together, 0.25), np.quantile(together, 0.75)
    every = [passes(heights, *quarters) for _, heights in parts]
    moves = np.concatenate([_halves(heights)[1] - _halves(heights)[0] for _, heights in parts])
    return Heights(
        float(together.min()), float(together.max()), _mean(parts), _drift(parts),
        ions=len(moves), outwards=int((moves > 0).sum()), passes=int(sum(own[0].sum() for own in every)),
        both=int(sum(own[1].sum() for own in every)),
    )  # fmt: skip


def _mean(parts: list[tuple[Run, Floats]]) -> Number:
    """Mean height over ions, runs and time."""
    averages = [series_average(heights.mean(axis=1), blocks_of(run)) for run, heights in parts]
    return numbered_runs([run for run, _ in parts], averages)


def _halves(heights: Floats) -> tuple[Floats, Floats]:
    """Mean height (K,) of each ion in the first and in the second half of heights (T, K)."""
    middle = len(heights) // 2
    return heights[:middle].mean(axis=0), heights[middle:].mean(axis=0)


def _drift(parts: list[tuple[Run, Floats]]) -> Number:
    """Second half less the first, of the mean over ions, with the larger error, within or between runs.

    Runs count alike.
    """
    moves = np.array([float((second - first).mean()) for first, second in map(_halves, _of(parts))])
    errors = np.array([_error(heights.mean(axis=1)) for heights in _of(parts)])
    weights = np.ones(len(parts))
    mean, error = pooled(moves, errors, weights)
    return Number(float(mean), float(error), degrees(errors, weights, float(error), [1.0] * len(parts)))


def _of(parts: list[tuple[Run, Floats]]) -> list[Floats]:
    return [heights for _, heights in parts]


def _error(series: Floats) -> float:
    """Standard error of the difference of the means of both halves of series (T,)."""
    middle = len(series) // 2
    return float(np.hypot(correlated_error(series[:middle]), correlated_error(series[middle:])))


def reason(line: Line, symbol: str) -> str:
    """Reason why numbers depend on the heights where ions began, where no layers are told apart.

    Also where ions have mixed: no run can show heights that none visited.
    """
    own = heights_of(line, symbol)
    if own is None:
        return (
            f"{symbol}: heights of its ions are not stored, so whether numbers depend on where they began is "
            "not known; analyse the runs again"
        )
    where = f"between {number(own.lowest)} and {number(own.highest)} Å"
    means = f"mean {in_words(own.mean)} Å, drift {_signed(own.drift)} Å from first to second half"
    if own.mixed:
        return (
            f"{symbol}: no layers identified, its ions have mixed {where} ({means}), and whether they also "
            f"occupy other heights is not known; {NEXT}"
        )
    return (
        f"{symbol}: no layers identified, and its ions have not mixed {where} ({means}): no equilibrium "
        f"distribution, numbers depend on the heights where its ions began; {NEXT}"
    )


def in_words(own: Number) -> str:
    """`5.12 ± 0.08`."""
    return with_error(own.mean, own.se)


def _signed(own: Number) -> str:
    return "+" * (own.mean > 0) + plus_minus(own.mean, own.se)


def _reference(line: Line, symbol: str) -> Heights | None:
    """Heights of the reference's ions in the group of a line; None for the reference itself, or without."""
    others = [peer for peer in line.peers if peer.potential.reference and not line.potential.reference]
    return next((own for peer in others if (own := heights_of(peer, symbol))), None)


def _apart(line: Line, symbol: str) -> Number | None:
    """Mean height less the reference's, with both sampling errors; None without a reference."""
    own, its = heights_of(line, symbol), _reference(line, symbol)
    if own is None or its is None:
        return None
    return Number(own.mean.mean - its.mean.mean, float(np.hypot(own.mean.se, its.mean.se)))


def sentences(groups: list[Group]) -> list[str]:
    """Sentence on heights and drifts of ions for each system in which they have not mixed."""
    return [words for group in groups for symbol in _symbols(group) if (words := _sentence(group, symbol))]


def _symbols(group: Group) -> list[str]:
    return list(dict.fromkeys(symbol for line in group.drawn for symbol in species(line)))


def _sentence(group: Group, symbol: str) -> str:
    known = [(line, own) for line in group.drawn if (own := heights_of(line, symbol))]
    open_lines = [line.title(group.drawn) for line, own in known if not own.mixed]
    if not open_lines:
        return ""
    parts = [
        f"{line.title(group.drawn)} {_ordered(line, symbol)} Å (drift of the mean {_signed(own.drift)} Å "
        f"between halves){_outside(line, symbol)}"
        for line, own in known
    ]
    order = ", from the lowest to the highest ion of each run" if _most(group, symbol) > 1 else ""
    return (
        f"Ions: mean heights of {symbol} in {group.title}{order}: {'; '.join(parts)}. No equilibrium "
        f"distribution in {listed(open_lines)}, where ions have not mixed."
    )


def _most(group: Group, symbol: str) -> int:
    """Largest number of ions of a species in a run of a group."""
    return max(int(heights.shape[1]) for line in group.drawn for _, heights in by_run(line, symbol))


def _ordered(line: Line, symbol: str) -> str:
    """`2.1 ± 0.1 and 8.4 ± 0.4`: mean heights, ions of a run sorted by theirs, ± from the scatter of runs.

    Of more than four ions the lowest and the highest.
    """
    means = np.array([np.sort(heights.mean(axis=0)) for _, heights in by_run(line, symbol)])
    runs, ions = means.shape
    columns = range(ions) if ions <= MOST_ORDERED else (0, ions - 1)
    errors = means.std(axis=0, ddof=1) / np.sqrt(runs) if runs > 1 else np.full(ions, np.nan)
    return listed([with_error(float(means[:, ion].mean()), float(errors[ion])) for ion in columns])


def _outside(line: Line, symbol: str) -> str:
    """`, 48 % of their time outside the heights of the reference's ions (2.56 to 8.01 Å), of whose runs …`.

    Empty without at least two runs of the reference, or where one of these lies outside the others as much:
    lowest and highest heights grow with the length of a run.
    """
    others = [peer for peer in line.peers if peer.potential.reference and not line.potential.reference]
    its = next((parts for peer in others if len(parts := _of(by_run(peer, symbol))) > 1), None)
    if its is None:
        return ""
    share = _beyond(_of(by_run(line, symbol)), its)
    usual = max(_beyond([own], its[:place] + its[place + 1 :]) for place, own in enumerate(its))
    if share <= max(usual, LEAST_OUTSIDE):
        return ""
    together = np.concatenate([np.ravel(heights) for heights in its])
    return (
        f", {100 * share:.0f} % of their time outside the heights of the reference's ions "
        f"({number(float(together.min()))} to {number(float(together.max()))} Å; of its own runs at most "
        f"{100 * usual:.0f} % outside those of the others)"
    )


def _beyond(parts: list[Floats], others: list[Floats]) -> float:
    """Share of heights in `parts` below the lowest or above the highest in `others`."""
    own, its = (np.concatenate([np.ravel(heights) for heights in every]) for every in (parts, others))
    return float(np.mean((own < its.min()) | (own > its.max())))


def table(group: Group) -> Table | None:
    """One row for each line and species; None where there is none."""
    rows = [
        [
            f"{line.title(group.drawn)}: {line.about()}", symbol,
            f"{number(own.lowest)} to {number(own.highest)}", in_words(own.mean),
            _signed(apart) if (apart := _apart(line, symbol)) else NOTHING,
            _signed(own.drift), f"{own.outwards} of {own.ions}",
            f"{own.passes}, {own.both} of {own.ions} ions in both", "yes" if own.mixed else "no",
        ]
        for line in group.drawn
        for symbol in species(line)
        if (own := heights_of(line, symbol))
    ]  # fmt: skip
    header = ["committee, training, MD", "ion", "heights, Å", "mean, Å", "less the reference's, Å",
              "drift, Å", "outwards", "passes", "mixed"]  # fmt: skip
    return Table(CAPTION, header, rows) if rows else None


def numbers(line: Line, symbol: str) -> dict[str, Any] | None:
    """Heights of a species in a line for results.json; None where no run has them."""
    own = heights_of(line, symbol)
    if own is None:
        return None
    return {
        "lowest": own.lowest, "highest": own.highest, "mean": own.mean.mean, "se": own.mean.se,
        "drift": own.drift.mean, "drift_se": own.drift.se, "ions": own.ions, "outwards": own.outwards,
        "passes": own.passes, "in_both_quarters": own.both, "mixed": own.mixed,
    }  # fmt: skip
