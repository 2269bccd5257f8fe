"""Series of numbers over the frames of runs: histograms, and the control of the reference."""

import numpy as np

from mlipbench_hpc.analysis.inference import Control, equal_windows
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.combine import blocks_of
from mlipbench_hpc.report.groups import Group, Line
from mlipbench_hpc.report.memory import remembered

PDF_BINS = 40


@remembered
def control(line: Line, name: str) -> Control | None:
    """Control of a number by windows of the reference's runs as long as a run of `line`.

    None without a reference, without series of it, or fewer than five windows.
    """
    reference = next((peer for peer in line.peers if peer.potential.reference and peer.runs), None)
    if reference is None or reference is line:
        return None
    series, run = _series(reference, name), line.runs[0]
    frame_ps = reference.runs[0].analysed_ps / max(1, reference.runs[0].frames)
    if frame_ps <= 0 or not series or not all(np.isfinite(values).all() for values in series):
        return None
    return equal_windows(series, round(run.analysed_ps / frame_ps), blocks_of(run))


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
