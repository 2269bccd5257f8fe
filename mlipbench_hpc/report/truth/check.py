"""The check of the timestep: the reference's runs against those that differ in timestep and masses alone."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.report.truth.judge import COSINE, Study


@dataclass(frozen=True)
class Checked:
    """Difference of the reference's runs to those that differ in timestep and masses alone, and its limit."""

    study: str
    run: str
    number: str
    difference: float
    error: float
    limit: float
    withheld: str = ""

    @property
    def verdict(self) -> str:
        """`yes` or `no` where the difference is two errors within its limit or beyond, else `not decided`."""
        if self.withheld:
            return "withheld"
        beyond = abs(self.difference) - self.limit
        if abs(beyond) <= 2 * self.error:
            return "not decided: longer runs"
        return "yes" if beyond < 0 else "no"


def checks(every: list[Study]) -> list[Checked]:
    """Checks of the timestep that the studies ask for, where both runs have numbers."""
    return [
        own
        for study in every
        if (check := study.spec.check)
        for name, limit in ((COSINE, check.cosine), ("total_orientation", check.total_orientation))
        if (own := _checked(study, check.run, name, limit))
    ]


def _checked(study: Study, run: str, name: str, limit: float) -> Checked | None:
    own, other = study.reference(name), study.reference(name, run)
    if own is None or other is None:
        return None
    held = study.withheld(study.spec.reference, name) or study.withheld(run, name)
    error = float(np.hypot(own.se, other.se))
    return Checked(study.name, run, name, own.mean - other.mean, error, limit, held)
