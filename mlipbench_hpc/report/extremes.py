"""Mean, least and greatest of a number over repeats."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from mlipbench_hpc.report.text import NOTHING, number


@dataclass(frozen=True)
class Extremes:
    """Mean, least and greatest value, any unit; repeats: how many values there are."""

    mean: float
    least: float
    greatest: float
    repeats: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Extremes | None":
        """Of the values that are finite numbers; None without any."""
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known:
            return None
        least, most = min(known), max(known)
        # The mean of equal values may be rounded past them, and no bar has an error below zero.
        return cls(min(max(fmean(known), least), most), least, most, len(known))

    def words(self) -> str:
        """`12.3 (11.0 to 13.9)`; of a single value that alone."""
        if self.repeats == 1:
            return number(self.mean)
        return f"{number(self.mean)} ({number(self.least)} to {number(self.greatest)})"


def in_words(extremes: Extremes | None) -> str:
    """`Extremes.words`, a dash for None."""
    return extremes.words() if extremes else NOTHING


def to_json(extremes: Extremes | None) -> dict[str, Any] | None:
    """Values for results.json."""
    return asdict(extremes) if extremes else None
