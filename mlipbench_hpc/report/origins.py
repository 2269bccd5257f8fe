"""Start frames of runs: the sampling run that they come from, and their time in it."""

from dataclasses import dataclass, field

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.sampling import rows_of

RESOLVED = 2.0  # statistical inefficiency below which frames are too far apart for an autocorrelation time


@dataclass(frozen=True)
class Start:
    """Start frame of a run in a generated dataset.

    sampling: the sampling run, in words; time_ps: time in it; slow_ps, slow: longest autocorrelation time in
    that run, ps, and its quantity; temperature: K; times_ps: autocorrelation times in it, by quantity, of
    those that frames so far apart resolve.
    """

    sampling: str
    time_ps: float
    slow_ps: float
    slow: str
    temperature: float = float("nan")
    times_ps: dict[str, float] = field(default_factory=dict)


def start_of(results: Results, md: str, replica: int) -> Start | None:
    """Start of one run; None where it is not a frame that the campaign samples."""
    spec = results.asked("md", md).get("start") or {}
    dataset, frames = spec.get("dataset"), spec.get("frames") or [0]
    if dataset is None:
        return None
    place = int(frames[replica % len(frames)])
    for words, row in rows_of(results, dataset):
        if place < row["frames"]:
            step = row["every_ps"]
            name = str(row.get("slowest", "potential energy"))
            known = row.get("inefficiencies", {}).items()
            times = {quantity: step * own for quantity, own in known if own >= RESOLVED}
            slow = row["statistical_inefficiency"] * step
            return Start(words, (place + 1) * step, slow, name, float(row["temperature_K"]), times)
        place -= row["frames"]
    return None
