"""Runs that start close to each other in one sampling run, so that they are not independent."""

from dataclasses import dataclass

from mlipbench_hpc.report.convergence import slowest
from mlipbench_hpc.report.groups import Line
from mlipbench_hpc.report.origins import Start
from mlipbench_hpc.report.text import count, number

Pair = tuple[Start, Start]


@dataclass(frozen=True)
class CommonPast:
    """Starts of two lines, or of a line's replicas, that lie within the slowest autocorrelation time.

    sampling: the sampling run; apart: distances of starts in it, ps, in words; time: the slowest
    autocorrelation time with its quantity, in words.
    """

    line: str
    other: str
    sampling: str
    apart: str
    time: str

    @property
    def sentence(self) -> str:
        """Warning beside the line's name."""
        same = self.line == self.other
        where = f"starts of replicas lie {self.apart} ps from each other"
        where = where if same else f"starts lie {self.apart} ps from those of {self.other}"
        what = "their scatter may be too small an error" if same else "what they share is in neither's error"
        return (
            f"{where} in the same sampling run ({self.sampling}), less than the slowest autocorrelation time "
            f"{self.time}: these runs share their past and are not independent, and {what}; choose starts "
            "further apart"
        )


def common_past(line: Line, other: Line) -> CommonPast | None:
    """Starts of two lines within the slowest autocorrelation time; None without any."""
    return _past(line, other, [(own, its) for own in line.starts for its in other.starts])


def close_replicas(line: Line) -> CommonPast | None:
    """Starts of a line's replicas within the slowest autocorrelation time; None without any."""
    starts = line.starts
    return _past(line, line, [(own, its) for place, own in enumerate(starts) for its in starts[:place]])


def one_structure(line: Line) -> str:
    """Reservation where all runs of a line start in one sampling run, so from one structure; else empty."""
    if len(line.runs) < 2 or len(line.starts) < len(line.runs):
        return ""
    if len({start.sampling for start in line.starts}) > 1:
        return ""
    runs, times = len(line.runs), len({start.time_ps for start in line.starts})
    return (
        f"one initial structure: its {runs} runs start at {count(times, 'time')} of one sampling run "
        f"({line.starts[0].sampling}), with velocities of their own, so that {runs} is an upper bound of the "
        "number of independent runs; use starts from several structures"
    )


def _past(line: Line, other: Line, pairs: list[Pair]) -> CommonPast | None:
    same = [(own, its) for own, its in pairs if own.sampling == its.sampling]
    if not same:
        return None
    time, name = _slowest([line, other], [own for pair in same for own in pair])
    near = sorted(apart for own, its in same if (apart := abs(own.time_ps - its.time_ps)) < time)
    if not near:
        return None
    span = " to ".join(dict.fromkeys(number(round(apart, 6), 2) for apart in (near[0], near[-1])))
    return CommonPast(line.name, other.name, same[0][0].sampling, span, f"{number(time, 2)} ps ({name})")


def _slowest(lines: list[Line], starts: list[Start]) -> tuple[float, str]:
    """Longest autocorrelation time, ps, in the sampling run and in the runs themselves, and of what."""
    times = [(start.slow_ps, f"{start.slow}, sampling run") for start in starts]
    for line in lines:
        for run in line.runs:
            time, _, name = slowest(run)
            times.append((time, f"{name}, {line.name}"))
    return max((own for own in times if own[0] > 0), default=(0.0, ""))
