"""Slab with a film on it, in a cell that repeats along z: its vacuum, and the cut of an open box there."""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats

MARGIN_A = 4.0


@dataclass(frozen=True)
class Vacuum:
    """Widest range of z without atoms, `width` Å above z = `low` Å; z repeats after `period` Å."""

    low: float
    width: float
    period: float

    @classmethod
    def of(cls, heights: Floats, period: float) -> "Vacuum":
        """Vacuum of atoms at heights (N,) Å: z of all atoms, wrapped or not."""
        order = np.sort(heights % period)
        gaps = np.diff(order, append=order[0] + period)
        widest = int(gaps.argmax())
        return cls(float(order[widest]), float(gaps[widest]), period)

    def cut(self, heights: Floats) -> Floats:
        """Heights (N,) Å: z, continued upwards from the middle of the vacuum."""
        return np.asarray((heights - self.low - self.width / 2) % self.period)

    @property
    def lower_end(self) -> float:
        """Lower end z in Å of a box that does not repeat along z: 4 to 5 Å below the lowest atom.

        A whole number, so that the box and the mesh in it do not move with every motion of that atom; and
        measured from the slab, which hardly moves, not from the top of the film.
        """
        return float(np.floor((self.low + self.width) % self.period - MARGIN_A))

    def opened(self, heights: Floats) -> Floats:
        """Heights (N,) Å: z within [lower_end, lower_end + period); those already there keep every bit."""
        return np.asarray(heights - self.period * np.floor((heights - self.lower_end) / self.period))
