"""Layers in which ions began: whether the numbers of a line depend on them."""

from dataclasses import replace

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, Comparison, ErrorTerm, holm, welch
from mlipbench_hpc.analysis.layer import COSINE
from mlipbench_hpc.analysis.profiles import TOTAL_ORIENTATION
from mlipbench_hpc.data.observable import STATIONARITY
from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.groups import Line, Run
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.text import count, plus_minus

ENOUGH_TRANSITIONS = 10
Stays = dict[str, list[int]]


def ions_of(line: Line) -> dict[str, list[tuple[Run, Stays]]]:
    """Each run with ions of a species: their transitions between layers, and starts in the first layer."""
    species: dict[str, list[tuple[Run, Stays]]] = {}
    for run in line.runs:
        for symbol, own in run.analysis.values.get(STATIONARITY, {}).get("ions", {}).items():
            species.setdefault(symbol, []).append((run, own))
    return species


@remembered
def conditional(line: Line) -> str:
    """Dependence of a line's numbers on the layers where ions began, in words; empty without any."""
    reasons = [(symbol, _reason(line, symbol, own)) for symbol, own in ions_of(line).items()]
    return "; ".join(f"{symbol}: {reason}" for symbol, reason in reasons if reason)


def _reason(line: Line, symbol: str, own: list[tuple[Run, Stays]]) -> str:
    """Reason why the numbers depend on the layer of a species: one start, few transitions, disagreement."""
    most = [float(np.mean(stays["starts_in_first_layer"])) > 0.5 for _, stays in own]
    within, beyond = (
        [run for (run, _), low in zip(own, most, strict=True) if low == side] for side in (1, 0)
    )
    changes = sum(sum(stays["transitions"]) for _, stays in own)
    if changes < ENOUGH_TRANSITIONS or not within or not beyond:
        where = "in both layers" if beyond else "in the first layer"
        return (
            f"starts {where if within else 'beyond the first layer'}, {count(changes, 'transition')} between "
            f"layers (at least {ENOUGH_TRANSITIONS} and starts in both layers needed): numbers depend on its "
            "layer; use longer runs or starts in both layers"
        )
    return _disagreement(replace(line, runs=within), replace(line, runs=beyond), symbol)


def _disagreement(within: Line, beyond: Line, symbol: str) -> str:
    """Largest difference between starts within and beyond the first layer, where a test resolves one.

    Welch's, Holm-corrected over ⟨cos θ⟩, P_z and the species' share of time in the first layer.
    """
    tests = {name: between(within, beyond, name) for name in (COSINE, TOTAL_ORIENTATION, share(symbol))}
    known = {name: test for name, test in tests.items() if np.isfinite(test.p)}
    if not known:
        return (
            "starts in both layers, whose agreement is not tested for want of standard errors: numbers "
            "depend on its layer; use longer runs"
        )
    adjusted = dict(zip(known, holm(np.array([test.p for test in known.values()])), strict=True))
    name = min(adjusted, key=lambda own: adjusted[own])
    if adjusted[name] > LEVEL:
        return ""
    difference = plus_minus(known[name].difference, known[name].error)
    return (
        f"runs that start in the first layer differ from those that start beyond it by {difference} in "
        f"{within.phrase(name)} (Welch, p = {adjusted[name]:.1g}): numbers depend on its layer; "
        "use longer runs"
    )


def share(symbol: str) -> str:
    """Name of the share of time that ions of a species are in the first layer."""
    return f"in_first_layer-{symbol}"


def between(first: Line, second: Line, name: str) -> Comparison:
    """Welch's test of a number between two parts of a line, with sampling errors alone."""
    own, other = numbered(first, name), numbered(second, name)
    terms = [ErrorTerm(part.se, part.dof) for part in (own, other)]
    return welch(own.mean - other.mean, terms)
