"""Series of numbers over the frames of runs: histograms, and the control of the reference."""

import numpy as np

from mlipbench_hpc.analysis.inference import Control, equal_windows
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.combine import blocks_of
from mlipbench_hpc.report.groups import Group, Line, Run
from mlipbench_hpc.report.memory import remembered

PDF_BINS = 40


def control(reference: Run, run: Run, name: str) -> Control | None:
    """Control of the reference by windows as long as `run`; None without series, or five windows."""
    series = series_of(reference.analysis, reference.analysis.observables.get(name))
    if not len(series) or not np.isfinite(series).all() or reference.analysed_ps <= 0:
        return None
    window = round(len(series) * run.analysed_ps / reference.analysed_ps)
    return equal_windows(series, window, blocks_of(run)) if window else None


@remembered
def histograms(group: Group, name: str) -> dict[str, tuple[Floats, Floats]]:
    """Bin centres and probability density of a number over all frames of all replicas, by line.

    Bins are common, as many as the rule of Freedman and Diaconis gives, at most 40.
    """
    series = {line.name: np.concatenate(parts) for line in group.drawn if (parts := _series(line, name))}
    if not series:
        return {}
    every = np.concatenate(list(series.values()))
    bins = min(PDF_BINS, len(np.histogram_bin_edges(every, "fd")) - 1)
    edges = np.linspace(every.min(), every.max() + 1e-9, bins + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    return {line: (centres, np.histogram(values, edges, density=True)[0]) for line, values in series.items()}


def _series(line: Line, name: str) -> list[Floats]:
    """The number in every frame (T,), of each run that has it."""
    series = [series_of(run.analysis, run.analysis.observables.get(name)) for run in line.runs]
    return [values for values in series if len(values)]


def series_of(item: Item, observable: Observable | None) -> Floats:
    """The number in every frame (T,); (0,) where there is none."""
    arrays = item.arrays(observable.file) if observable and observable.file else {}
    values: Floats = arrays.get(observable.column if observable else "", np.zeros(0))
    return values
