"""Width of an observable that fluctuates: within runs, and between the means of runs."""

import numpy as np

from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.combine import scalar
from mlipbench_hpc.report.groups import Line
from mlipbench_hpc.report.text import number

DEFINITION = (
    "Width: standard deviation over the frames of a run (root mean square over runs), and of the means of "
    "runs, in which the sampling error of each mean is contained."
)


def widths(line: Line, name: str) -> tuple[float, float]:
    """Standard deviations of a number within runs, and between their means (ddof = 1); NaN where unknown."""
    own = [run.analysis.statistics(name).get("width") for run in line.runs]
    within = [float(width) for width in own if width is not None]
    means = np.array([scalar(run, name)[0] for run in line.runs])
    means = means[np.isfinite(means)]
    between = float(means.std(ddof=1)) if len(means) > 1 else float("nan")
    return float(np.sqrt(np.mean(np.square(within)))) if within else float("nan"), between


def wide(lines: list[Line], quantities: list[Observable]) -> list[Observable]:
    """Those quantities whose width is known in some line."""
    return [one for one in quantities if any(np.isfinite(widths(line, one.name)[0]) for line in lines)]


def cell(line: Line, name: str) -> str:
    """`2.01 within, 0.38 between runs`."""
    within, between = widths(line, name)
    return f"{number(within)} within, {number(between)} between runs"
