"""Layers of ions: where they are, which ions began and went where, and whether numbers depend on them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.correlation import SeriesAverage, series_average
from mlipbench_hpc.analysis.inference import LEVEL, Comparison, ErrorTerm, holm, welch
from mlipbench_hpc.analysis.ion_layers import INNER, IonLayers, ion_layers, transitions
from mlipbench_hpc.analysis.layer import COSINE
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.report import heights
from mlipbench_hpc.report.combine import Number, blocks_of, numbered, numbered_runs
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.restraints import all_restrained
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import count, listed, number, plus_minus, with_error

ENOUGH_TRANSITIONS = 10
CAPTION = (
    "Layers of ions. Their border is the minimum of the density of heights between its two highest peaks, of "
    "the reference's runs where these show two, else of all runs, and the same for all rows of a system. An "
    "ion changes layer when it reaches the core of the other one (where the density has half the height of "
    "its peak), so that vibrations at the border are no transitions. Peaks of few ions that never passed "
    "between them need not be layers. The first layer of water, 0 < z ≤ 4.5 "
    "Å, plays no part in it. Starts: first analysed frame."
)


@dataclass(frozen=True)
class Stay:
    """Ions of a species in one run: layer (T, K) of each in each frame, 0 inner and 1 outer."""

    run: Run
    visits: Ints

    @property
    def ions(self) -> int:
        """Number of ions K."""
        return int(self.visits.shape[1])

    @property
    def inner(self) -> int:
        """Number of ions that start in the inner layer."""
        return int((self.visits[0] == INNER).sum())

    @property
    def transitions(self) -> int:
        """Transitions of all ions."""
        return int(transitions(self.visits).sum())

    def visitors(self, layer: int) -> int:
        """Number of ions that were in a layer at any time."""
        return int((self.visits == layer).any(axis=0).sum())

    @property
    def share(self) -> SeriesAverage:
        """Share of ions in the inner layer, averaged over time."""
        return series_average((self.visits == INNER).mean(axis=1), blocks_of(self.run))


def ions_of(line: Line) -> list[str]:
    """Species of ions in the runs of a line."""
    return heights.species(line)


def _together(lines: list[Line], symbol: str) -> Floats:
    """Heights (frames times ions,) Å in all runs of lines."""
    parts = [np.ravel(own) for line in lines for _, own in heights.by_run(line, symbol)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _sources(line: Line, symbol: str) -> list[list[Line]]:
    """Lines whose ions define the layers: the reference's of the group, then all of them."""
    peers = line.peers or [line]
    references = [peer for peer in peers if peer.potential.reference and heights.by_run(peer, symbol)]
    return [references, peers] if references else [peers]


@remembered
def layers_of(line: Line, symbol: str) -> IonLayers | None:
    """Layers of a species in the group of a line; None where its ions have one layer, or no heights.

    Of the reference's runs; where these show one layer, of all runs.
    """
    for lines in _sources(line, symbol):
        together = _together(lines, symbol)
        if len(together) and (layers := ion_layers(together)):
            return layers
    return None


@remembered
def stays_of(line: Line, symbol: str) -> list[Stay]:
    """Layers of the ions of a species in each run; [] where there is one layer."""
    layers = layers_of(line, symbol)
    return [Stay(run, layers.visits(own)) for run, own in heights.by_run(line, symbol)] if layers else []


@remembered
def conditional(line: Line) -> str:
    """Dependence of a line's numbers on where ions began, in words; empty without any."""
    return "; ".join(reason for symbol in ions_of(line) if (reason := _reason(line, symbol)))


@remembered
def beginning(line: Line) -> str:
    """`layers` or, where none can be told apart, `heights` on which a line's numbers depend."""
    every = [layers_of(line, symbol) for symbol in ions_of(line) if _reason(line, symbol)]
    return "layers" if any(every) else "heights"


def _reason(line: Line, symbol: str) -> str:
    """Reason why numbers depend on the layers of a species: equal starts, few transitions, disagreement.

    Without layers: heights between which ions have not mixed. None where all of them are restrained: numbers
    are then those at given heights, whatever the start.

    Ions of a species are exchangeable, so that runs with an ion in each layer all start alike: only starts
    with different numbers of ions in the inner layer can show a dependence on them.
    """
    if all(all_restrained(run.md, run.analysis, symbol) for run in line.runs):
        return ""
    layers, stays = layers_of(line, symbol), stays_of(line, symbol)
    if layers is None or not stays:
        return heights.reason(line, symbol)
    changes, starts = sum(stay.transitions for stay in stays), sorted({stay.inner for stay in stays})
    if changes < ENOUGH_TRANSITIONS or len(starts) < 2:
        return (
            f"{symbol} (inner layer at {number(layers.peaks[0])} Å, outer at {number(layers.peaks[1])} Å, "
            f"border at {number(layers.border)} Å): {_starts(stays)}, {count(changes, 'transition')} between "
            f"layers (at least {ENOUGH_TRANSITIONS}, and runs that start with different numbers in the inner "
            "layer, are needed): numbers depend on where its ions began; use longer runs or other starts"
        )
    return _disagreement(line, symbol)


def _starts(stays: list[Stay]) -> str:
    """`4 ions start in the inner layer and 4 in the outer (1 of 2 inner in each run)`."""
    ions, inner = sum(stay.ions for stay in stays), sum(stay.inner for stay in stays)
    each = [f"{amount} of {stays[0].ions}" for amount in sorted({stay.inner for stay in stays})]
    runs = f" ({' or '.join(each)} inner in each run)" if len(stays) > 1 else ""
    start = "starts" if inner == 1 else "start"
    return f"{count(inner, 'ion')} {start} in the inner layer and {ions - inner} in the outer{runs}"


def _disagreement(line: Line, symbol: str) -> str:
    """Largest difference between runs that start with more and with fewer ions inside, where resolved.

    Welch's test, Holm-corrected over ⟨cos θ⟩, P_z and the share of time in the inner layer.
    """
    stays = stays_of(line, symbol)
    middle = float(np.mean([stay.inner for stay in stays]))
    more, fewer = ([stay for stay in stays if (stay.inner > middle) == side] for side in (True, False))
    first, second = (replace(line, runs=[stay.run for stay in part]) for part in (more, fewer))
    share = f"the share of {symbol} in the inner layer"
    tests = {line.phrase(name): between(first, second, name) for name in (COSINE, TOTAL_ORIENTATION)}
    tests[share] = _apart(share_of(more), share_of(fewer))
    known = {name: test for name, test in tests.items() if np.isfinite(test.p)}
    if not known:
        return (
            f"{symbol}: runs start with different numbers of ions in the inner layer, and their agreement is "
            "not tested for want of standard errors: numbers depend on where its ions began; use longer runs"
        )
    adjusted = dict(zip(known, holm(np.array([test.p for test in known.values()])), strict=True))
    name = min(adjusted, key=lambda own: adjusted[own])
    if adjusted[name] > LEVEL:
        return ""
    difference = plus_minus(known[name].difference, known[name].error)
    return (
        f"{symbol}: runs that start with more ions in the inner layer differ from the others by {difference} "
        f"in {name} (Welch, p = {adjusted[name]:.1g}): numbers depend on where its ions began; use longer "
        "runs"
    )


def share_of(stays: list[Stay]) -> Number:
    """Share of ions in the inner layer over several runs, with its error."""
    return numbered_runs([stay.run for stay in stays], [stay.share for stay in stays])


def between(first: Line, second: Line, name: str) -> Comparison:
    """Welch's test of a number between two parts of a line, with sampling errors alone."""
    return _apart(numbered(first, name), numbered(second, name))


def _apart(first: Number, second: Number) -> Comparison:
    terms = [ErrorTerm(part.se, part.dof) for part in (first, second)]
    return welch(first.mean - second.mean, terms)


def table(group: Group) -> Table | None:
    """One row for each line and species with two layers; None where there is none."""
    rows = [
        [
            f"{line.title(group.drawn)}: {line.about()}", symbol,
            *(number(height) for height in (*layers.peaks, layers.border)),
            _starts(stays),
            listed([f"{sum(stay.visitors(layer) for stay in stays)} {name}" for layer, name in NAMES]),
            number(sum(stay.transitions for stay in stays)),
            with_error(own.mean, own.se),
        ]
        for line in group.drawn
        for symbol in ions_of(line)
        if (layers := layers_of(line, symbol)) and (stays := stays_of(line, symbol))
        for own in [share_of(stays)]
    ]  # fmt: skip
    header = ["committee, training, MD", "ion", "inner layer, Å", "outer layer, Å", "border, Å", "starts",
              "ions that visit", "transitions", "share of ions in the inner layer"]  # fmt: skip
    return Table(CAPTION, header, rows) if rows else None


NAMES = ((INNER, "the inner"), (1 - INNER, "the outer layer"))


def numbers(line: Line) -> dict[str, Any]:
    """Layers of each species of ions in a line, with starts, visits and transitions of each run."""
    return {
        symbol: {
            "peaks_A": layers.peaks if layers else None,
            "border_A": layers.border if layers else None,
            "cores_A": layers.cores if layers else None,
            "heights_A": heights.numbers(line, symbol),
            "runs": [
                {
                    "replica": stay.run.replica,
                    "starts_inner": (stay.visits[0] == INNER).tolist(),
                    "visit_inner": stay.visitors(INNER),
                    "visit_outer": stay.visitors(1 - INNER),
                    "transitions": transitions(stay.visits).tolist(),
                    "share_inner": stay.share.mean,
                }
                for stay in stays_of(line, symbol)
            ],
        }
        for symbol in ions_of(line)
        for layers in [layers_of(line, symbol)]
    }
