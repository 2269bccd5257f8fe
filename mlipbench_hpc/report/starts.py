"""Runs that start close to each other in one sampling run, so that they are not independent."""

from mlipbench_hpc.report.convergence import slowest
from mlipbench_hpc.report.groups import Line
from mlipbench_hpc.report.origins import Start
from mlipbench_hpc.report.text import number

Pair = tuple[Start, Start]


def common_past(line: Line, other: Line) -> str:
    """Sentence where runs of two lines start within the slowest autocorrelation time; else empty."""
    return _words(line, other, [(own, its) for own in line.starts for its in other.starts])


def close_replicas(line: Line) -> str:
    """Sentence where replicas of a line start within the slowest autocorrelation time; else empty."""
    starts = line.starts
    return _words(line, line, [(own, its) for place, own in enumerate(starts) for its in starts[:place]])


def _words(line: Line, other: Line, pairs: list[Pair]) -> str:
    same = [(own, its) for own, its in pairs if own.sampling == its.sampling]
    if not same:
        return ""
    time, name = _slowest([line, other], [own for pair in same for own in pair])
    near = sorted(apart for own, its in same if (apart := abs(own.time_ps - its.time_ps)) < time)
    if not near:
        return ""
    span = " to ".join(dict.fromkeys(number(round(apart, 6), 2) for apart in (near[0], near[-1])))
    who = f"{line.name} and {other.name}" if line is not other else f"replicas of {line.name}"
    lost = (
        "what both inherit is in neither's error"
        if line is not other
        else "their scatter may be too small an error"
    )
    return (
        f"{who} have starts {span} ps apart in the same sampling run ({same[0][0].sampling}), less than the "
        f"slowest autocorrelation time {number(time, 2)} ps ({name}): they share their past and are not "
        f"independent, and {lost}; choose starts further apart"
    )


def _slowest(lines: list[Line], starts: list[Start]) -> tuple[float, str]:
    """Longest autocorrelation time, ps, in the sampling run and in the runs themselves, and of what."""
    times = [(start.slow_ps, f"{start.slow}, sampling run") for start in starts]
    for line in lines:
        for run in line.runs:
            time, _, name = slowest(run)
            times.append((time, f"{name}, {line.name}"))
    return max((own for own in times if own[0] > 0), default=(0.0, ""))
