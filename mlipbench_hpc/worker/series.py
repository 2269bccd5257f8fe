"""Numbers of a series over the frames of a run."""

from typing import Any

import numpy as np

from mlipbench_hpc.analysis.blocks import block_average
from mlipbench_hpc.analysis.correlation import correlated_error
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.stretch import Notes, number

BINS = 40
ERRORS_DIFFER = 1.5


def summary(name: str, series: Floats, blocks: int, notes: Notes) -> dict[str, Any]:
    """Mean, both standard errors, width and histogram of series (T,), in its unit; None where not known.

    It is noted where the two errors differ by more than a factor of 1.5.
    """
    average, other = block_average(series, blocks), correlated_error(series)
    error, (counts, edges) = average.standard_error, np.histogram(series, BINS)
    if error > 0 and other > 0 and not 1 / ERRORS_DIFFER <= error / other <= ERRORS_DIFFER:
        notes.say(
            f"{name}: its error from blocks ({error:.3g}) and from autocorrelation ({other:.3g}) differ by "
            f"more than a factor {ERRORS_DIFFER}: the run is too short for its blocks"
        )
    return {
        "mean": number(average.mean),
        "se": number(error),
        "se_autocorrelation": number(other),
        "width": number(series.std(ddof=1)) if len(series) > 1 else None,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
