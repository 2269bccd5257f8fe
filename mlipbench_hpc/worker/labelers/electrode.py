"""SPC/Fw water and Na+ on a gold electrode that carries the total charge -N(Na).

The metal's charges are Gaussians, found anew for every configuration so that its potential is the same
everywhere: LAMMPS' ELECTRODE package, doi:10.1063/5.0099239, three-periodic. The electrode's charge is a
global property: it depends on every ion of the cell, wherever that is.
"""

from typing import Any

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.labelers import engine
from mlipbench_hpc.worker.labelers.box import Box

ETA_PER_A = 1.979
SAME_LAYER_A = 1.0


class Engine(engine.Engine):
    """The cell holds gold; the electrode's own scalar is left out of the energy, as the forces want it."""

    name = "electrode"
    elements = (8, 1, 79, 11)
    kspace = "pppm/electrode"
    sampling_accuracy = 1e-4
    label_accuracy = 1e-5

    def __init__(self, box: Box, accuracy: float) -> None:
        self.gold = np.flatnonzero(box.numbers == 79)
        if not 0 < len(self.gold) < len(box.numbers):
            raise InputFailure("electrode: a frame needs gold and, beside it, charges: water or Na")
        super().__init__(box, accuracy)
        self.total = -int((box.numbers == 11).sum())
        tolerance = accuracy / 10
        self.lammps.commands_string(
            f"group gold type {self.types[79]}\n"
            f"fix electrode gold electrode/conq {self.total} {ETA_PER_A} algo cg {tolerance:.1e} etypes on\n"
            "fix_modify electrode energy no"
        )

    def label(self, positions: Floats) -> tuple[float, Floats]:
        """Energy in eV and forces (N, 3) eV/Å; the search for charges starts evenly, whatever came before."""
        charges = self.gather("q", 1)
        charges[self.gold] = self.total / len(self.gold)
        self.scatter("q", charges)
        return super().label(positions)

    def prepare(self, positions: Floats, values: dict[str, Any], how: dict[str, Any]) -> Ints:
        """Put up the wall that the system's builder chose; gold atoms that do not move.

        `gold: rigid` holds all of them, `mobile` the lower half of the layers. Raises InputFailure when the
        system has no vacuum, and so no wall, or its film is not above the gold.
        """
        if "wall_A" not in values:
            raise InputFailure("electrode: the system has no vacuum of 10 Å along z, so no place for a wall")
        film = np.flatnonzero(self.box.numbers != 79)
        heights = cut(positions[:, 2], float(self.box.edges[2]))
        if heights[film].min() < heights[self.gold].max():
            raise InputFailure("electrode: the film must lie above the gold along z; received atoms below")
        self.reflect(values["wall_A"], film)
        if how["gold"] == "rigid":
            return self.gold
        heights = heights[self.gold]
        order = np.argsort(heights, kind="stable")
        layers = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > SAME_LAYER_A)])
        return np.sort(self.gold[order[layers < (layers.max() + 1) // 2]])

    def answers(self, wall: float) -> Answers:
        """What the electrode answered to the last label; wall: z in Å, or NaN."""
        charges = self.gather("q", 1)[:, 0]
        heights = cut(self.positions()[:, 2], float(self.box.edges[2]))
        potential = float(self.lammps.extract_fix("electrode", 0, 1, 0))
        dipole = float(charges @ (heights - heights[self.gold].mean()))
        return Answers(charges, np.array([potential]), np.array([dipole]), np.array([wall]))


def cut(heights: Floats, period: float) -> Floats:
    """(N,) Å: z, continued upwards from the middle of the widest empty stretch of the periodic cell."""
    order = np.sort(heights % period)
    gaps = np.diff(order, append=order[0] + period)
    middle = order[int(gaps.argmax())] + gaps.max() / 2
    return np.asarray((heights - middle) % period)
