"""Runs of several references of one system that differ from each other."""

from itertools import combinations

import numpy as np

from mlipbench_hpc.report.combine import numbered
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.significance import quantities
from mlipbench_hpc.report.text import listed, plus_minus

# A warning and no conclusion: errors that may be too small give no p.
SIGMAS = 3.0


def apart(group: Group) -> list[str]:
    """A sentence for each two references of a group with a number more than 3 combined errors apart."""
    references = [line for line in group.drawn if line.potential.reference]
    sentences = (_sentence(group, own, its) for own, its in combinations(references, 2))
    return [words for words in sentences if words]


def _sentence(group: Group, own: Line, its: Line) -> str:
    parts = [
        f"{one.phrase} {_value(own, one.name)} in {own.name} and {_value(its, one.name)} in {its.name}"
        for one in quantities(group)
        if _differ(own, its, one.name)
    ]
    return (
        f"References differ by more than {SIGMAS:g} combined standard errors: {listed(parts)}: either they "
        "are different potentials, or their errors are too small, as those of differences to them are; say "
        "which is the truth, or use longer runs."
    ) * bool(parts)


def _differ(own: Line, its: Line, name: str) -> bool:
    first, second = numbered(own, name), numbered(its, name)
    return bool(abs(first.mean - second.mean) > SIGMAS * np.hypot(first.se, second.se) > 0)


def _value(line: Line, name: str) -> str:
    own = numbered(line, name)
    return plus_minus(own.mean, own.se)
