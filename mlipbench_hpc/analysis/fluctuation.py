"""Width of a number that fluctuates in time, with its error."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.correlation import SeriesAverage, series_average, statistical_inefficiency
from mlipbench_hpc.data.frames import Floats

# With fewer independent frames the correction for the run's length is itself unknown: AR(1) runs of three
# were 13 % too narrow, and tables of them had 14 % false positives.
FEWEST_INDEPENDENT = 8.0


@dataclass(frozen=True)
class Width:
    """Standard deviation of a series, NaN where the run is too short for it.

    squares: average of the squared deviations from the run's mean, without the correction for its length.
    """

    value: float
    squares: SeriesAverage

    @property
    def error(self) -> float:
        """Standard error: half the relative one of the mean square, times the width; NaN without one."""
        if not self.value > 0:
            return float("nan")
        return self.value * self.squares.error / (2 * self.squares.mean)


def width(series: Floats, blocks: int = 10) -> Width:
    """Standard deviation of series (T,), any unit, equally spaced, with T ≥ `blocks`.

    σ² = ⟨(x - x̄)²⟩ / (1 - g/T): the mean of a run of T frames with statistical inefficiency g follows its
    own fluctuations, which makes the mean square too small by g/T (Bayley and Hammersley, Suppl. J. R. Stat.
    Soc. 8, 184 (1946)). NaN with fewer than 8 independent frames T/g. Raises ValueError as `block_average`.
    """
    series = np.asarray(series, dtype=float)
    squares = series_average(np.square(series - series.mean()), blocks)
    independent = len(series) / statistical_inefficiency(series)
    if independent < FEWEST_INDEPENDENT:
        return Width(float("nan"), squares)
    return Width(float(np.sqrt(squares.mean / (1 - 1 / independent))), squares)
