"""Near copies: frames of one sampling run that are closer in time than its correlation."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.correlation import slowest_inefficiency
from mlipbench_hpc.analysis.stationarity import FEWEST_INDEPENDENT
from mlipbench_hpc.data.frames import Floats, Ints


@dataclass(frozen=True)
class Runs:
    """Sampling runs of all frames of a dataset.

    series (F,): frames of one number follow one another, equally spaced; places (F,): number of a frame in
    its series. apart: by series, frames from which on two are independent by what it shows; too_short: series
    too short to show that, as for a test of stationarity.
    """

    series: Ints
    places: Ints
    apart: Mapping[int, int]
    too_short: frozenset[int]

    @classmethod
    def of(cls, slow: Floats, series: Ints) -> "Runs":
        """From slow quantities (C, F), of which the slowest counts in each series (F,)."""
        places, apart, short = np.zeros(len(series), dtype=np.int64), dict[int, int](), set[int]()
        for number in np.unique(series).tolist():
            own = series == number
            places[own] = np.arange(own.sum())
            inefficiency = slowest_inefficiency(slow[:, own])
            apart[number] = math.ceil(inefficiency)
            if own.sum() < FEWEST_INDEPENDENT * inefficiency:
                short.add(number)
        return cls(series, places, apart, frozenset(short))

    def are_copies(self, one: int, other: int) -> bool:
        """True where two frames are of one run, and closer than its correlation."""
        run = int(self.series[one])
        distance = abs(int(self.places[one]) - int(self.places[other]))
        return run == int(self.series[other]) and distance < self.apart[run]

    def is_new(self, frame: int, others: Iterable[int]) -> bool:
        """True where a frame is no near copy of any of the others."""
        return not any(self.are_copies(frame, other) for other in others)
