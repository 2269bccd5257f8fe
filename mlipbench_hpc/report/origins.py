"""Start frames of runs: the sampling run that they come from, and their time in it."""

from dataclasses import dataclass

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.sampling import rows_of


@dataclass(frozen=True)
class Start:
    """Start frame of a run in a generated dataset.

    sampling: the sampling run, in words; time_ps: time in it; slow_ps, slow: longest autocorrelation time in
    that run, ps, and its quantity.
    """

    sampling: str
    time_ps: float
    slow_ps: float
    slow: str


def start_of(results: Results, md: str, replica: int) -> Start | None:
    """Start of one run; None where it is not a frame that the campaign samples."""
    spec = results.asked("md", md).get("start") or {}
    dataset, frames = spec.get("dataset"), spec.get("frames") or [0]
    if dataset is None:
        return None
    place = int(frames[replica % len(frames)])
    for words, row in rows_of(results, dataset):
        if place < row["frames"]:
            slow = row["statistical_inefficiency"] * row["every_ps"]
            name = str(row.get("slowest", "potential energy"))
            return Start(words, (place + 1) * row["every_ps"], slow, name)
        place -= row["frames"]
    return None
