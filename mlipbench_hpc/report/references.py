"""Runs of several references of one system that differ from each other."""

from itertools import combinations

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, holm
from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.significance import quantities
from mlipbench_hpc.report.text import listed, plus_minus


def apart(group: Group) -> list[str]:
    """A sentence for each two references of a group that differ in a number; [] where they agree.

    By Welch's test at p ≤ 0.05, Holm-corrected over the numbers of all pairs.
    """
    references = [line for line in group.drawn if line.potential.reference]
    pairs = list(combinations(references, 2))
    names = [one.name for one in quantities(group)]
    p = holm(
        np.array([numbered(own, name).versus(numbered(its, name)).p for own, its in pairs for name in names])
    ).reshape(len(pairs), len(names))
    chosen = [
        (pair, [name for name, value in zip(names, row, strict=True) if value <= LEVEL])
        for pair, row in zip(pairs, p, strict=True)
    ]
    return [_sentence(group, *pair, differing) for pair, differing in chosen if differing]


def _sentence(group: Group, own: Line, its: Line, names: list[str]) -> str:
    phrases = {one.name: one.phrase for one in quantities(group)}
    parts = [
        f"{phrases[name]} {_value(own, name)} in {own.name} and {_value(its, name)} in {its.name}"
        for name in names
    ]
    return (
        f"References differ from each other by more than their errors: {listed(parts)}: either they are "
        "different potentials, or their errors are too small and so are those of differences to them; say "
        "which is the truth, or use longer runs."
    )


def _value(line: Line, name: str) -> str:
    own = numbered(line, name)
    return plus_minus(own.mean, own.se)
