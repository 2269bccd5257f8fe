"""Statistics of a series over the frames of a run."""

from typing import Any

import numpy as np

from mlipbench_hpc.analysis.correlation import SeriesAverage, series_average
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.stretch import Notes

BINS = 40
ERRORS_DIFFER = 1.5
# Spread in units of the largest value that sums of rounded positions leave to a constant series.
ROUNDING = 1e-12


def summary(name: str, series: Floats, blocks: int, notes: Notes) -> dict[str, Any]:
    """Mean, errors (`averaged`), width and histogram of series (T,), in its unit; None where not known.

    A note says where the two errors differ by more than a factor of 1.5.
    """
    average = series_average(series, blocks)
    error, other = float(average.blocks.standard_error), average.correlated
    counts, edges = histogram(series)
    if error > 0 and other > 0 and not 1 / ERRORS_DIFFER <= error / other <= ERRORS_DIFFER:
        notes.say(
            f"{name}: its error from blocks ({error:.3g}) and from autocorrelation ({other:.3g}) differ by "
            f"more than a factor {ERRORS_DIFFER}, the larger is given: the run may be too short for its "
            "blocks"
        )
    return averaged(average) | {
        "width": number(series.std(ddof=1)) if len(series) > 1 else None,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def histogram(series: Floats) -> tuple[Ints, Floats]:
    """Counts (40,) and edges (41,) of a series (T,); one that is constant to rounding is in the middle.

    Its spread has no room for 40 different edges.
    """
    low, high = float(series.min()), float(series.max())
    if high - low > ROUNDING * max(abs(low), abs(high)):
        return np.histogram(series, BINS)
    return np.histogram(np.full(len(series), low), BINS)


def averaged(average: SeriesAverage) -> dict[str, float | None]:
    """Mean and standard error, the larger of blocks and autocorrelation, with its degrees of freedom."""
    return {
        "mean": number(average.mean),
        "se": number(average.error),
        "se_blocks": number(average.blocks.standard_error),
        "se_autocorrelation": number(average.correlated),
        "dof": number(average.dof),
    }
