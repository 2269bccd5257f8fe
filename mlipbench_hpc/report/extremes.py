"""Mean, spread, least and greatest of a number over repeats, and the ratio of two such numbers."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from mlipbench_hpc.analysis.inference import LEVEL, ErrorTerm, welch
from mlipbench_hpc.report.text import NOTHING, count, number, plus_minus

UNKNOWN_SPREAD = "spread unknown"


@dataclass(frozen=True)
class Extremes:
    """Mean, least and greatest value, any unit; repeats: how many values there are.

    deviation: standard deviation over them (ddof = 1), NaN of a single value.
    """

    mean: float
    least: float
    greatest: float
    repeats: int
    deviation: float = math.nan

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Extremes | None":
        """Of the values that are finite numbers; None without any."""
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known:
            return None
        spread = stdev(known) if len(known) > 1 else math.nan
        least, greatest = min(known), max(known)
        # The mean of equal numbers is off by a rounding, on either side of them.
        return cls(min(max(fmean(known), least), greatest), least, greatest, len(known), spread)

    @property
    def error(self) -> float:
        """Standard error of the mean; NaN of a single value."""
        return self.deviation / math.sqrt(self.repeats)

    def over(self, divisor: float) -> "Extremes":
        """The same values divided by a number above zero."""
        mean, least, greatest = (own / divisor for own in (self.mean, self.least, self.greatest))
        return Extremes(mean, least, greatest, self.repeats, self.deviation / divisor)

    def words(self) -> str:
        """`12.3 (11.0 to 13.9)`; of a single value that alone."""
        if self.repeats == 1:
            return number(self.mean)
        return f"{number(self.mean)} ({number(self.least)} to {number(self.greatest)})"

    def spread_words(self) -> str:
        """`12.3 ± 1.4 (11.0 to 13.9)`, mean ± standard deviation; of a single value that alone."""
        if self.repeats == 1:
            return number(self.mean)
        mean = plus_minus(self.mean, self.deviation)
        return f"{mean} ({number(self.least)} to {number(self.greatest)})"


@dataclass(frozen=True)
class Ratio:
    """Ratio of the means of two numbers over repeats, with its standard error; NaN where one has one repeat.

    p: of Welch's test of the difference of the means, NaN without errors; repeats: of both.
    """

    value: float
    error: float
    p: float
    repeats: tuple[int, int]

    @classmethod
    def of(cls, over: Extremes | None, under: Extremes | None) -> "Ratio | None":
        """None where one is not known, or what divides is zero."""
        if over is None or under is None or not under.mean:
            return None
        value = over.mean / under.mean
        error = math.hypot(over.error, value * under.error) / abs(under.mean)
        terms = [ErrorTerm(own.error, own.repeats - 1) for own in (over, under)]
        p = welch(over.mean - under.mean, terms).p if math.isfinite(error) else math.nan
        return cls(value, error, p, (over.repeats, under.repeats))

    @property
    def resolved(self) -> bool:
        """True where the two means differ at p ≤ 0.05."""
        return self.p <= LEVEL

    def words(self) -> str:
        """`0.70 ± 0.11`; where the spread of one of the two is not known, that."""
        if math.isnan(self.error):
            return f"{number(self.value)} ({UNKNOWN_SPREAD}: {count(min(self.repeats), 'repeat')})"
        return plus_minus(self.value, self.error)

    def outcome(self) -> str:
        """Conclusion in words: `above 1`, `below 1`, `not resolved`, or that it cannot be tested."""
        if math.isnan(self.p):
            return "cannot be tested"
        if not self.resolved:
            return "not resolved"
        return "above 1" if self.value > 1 else "below 1"


def in_words(extremes: Extremes | None) -> str:
    """`Extremes.words`, a dash for None."""
    return extremes.words() if extremes else NOTHING


def spread_in_words(extremes: Extremes | None) -> str:
    """`Extremes.spread_words`, a dash for None."""
    return extremes.spread_words() if extremes else NOTHING


def to_json(extremes: Extremes | None) -> dict[str, Any] | None:
    """Values for results.json."""
    return asdict(extremes) if extremes else None
