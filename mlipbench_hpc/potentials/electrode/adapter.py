"""SPC/Fw water and Na+ on a gold electrode that carries the total charge -N(Na).

The metal's charges are Gaussians, solved for in every configuration so that its potential is the same
everywhere: LAMMPS' ELECTRODE package, doi:10.1063/5.0099239, three-periodic. The electrode's charge is a
global property: it depends on every ion of the cell, wherever that is.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.slab import layers_of
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.potentials.shared.box import GOLD, Box
from mlipbench_hpc.potentials.shared.field import CUTOFF_A
from mlipbench_hpc.potentials.shared.labeller import LammpsLabeller
from mlipbench_hpc.potentials.shared.lammps_potential import LammpsPotential, Prepared

SODIUM = 11
ETA_PER_A = 1.979


class Electrode(LammpsPotential):
    """The cell holds gold; the electrode's own scalar is left out of the energy, as the forces want it."""

    name = "electrode"
    elements = (8, 1, GOLD, SODIUM)
    kspace = "pppm/electrode"
    sampling_accuracy = 1e-4
    label_accuracy = 1e-5

    @classmethod
    def present(cls, box: Box) -> set[int]:
        """The atomic numbers in a box; raises InputFailure when the potential cannot label it."""
        gold = np.count_nonzero(box.numbers == GOLD)
        if not 0 < gold < len(box.numbers):
            raise InputFailure("electrode: a frame needs gold and, beside it, charges: water or Na")
        return super().present(box)

    @classmethod
    def interactions(cls, box: Box, types: dict[int, int], accuracy: float, kcal_mol: float) -> list[str]:
        """Those of the force field, and the electrode, whose charges are sought to a tenth of `accuracy`."""
        settings = f"{cls._charge(box)} {ETA_PER_A} algo cg {accuracy / 10:.1e} etypes on"
        return [
            *super().interactions(box, types, accuracy, kcal_mol),
            f"group gold type {types[GOLD]}",
            f"fix electrode gold electrode/conq {settings}",
            "fix_modify electrode energy no",
        ]

    @classmethod
    def before_setup(cls, box: Box, types: dict[int, int]) -> list[str]:
        """The same charge on all gold: there the search for charges and the choice of the mesh start."""
        share = cls._charge(box) / int(np.count_nonzero(box.numbers == GOLD))
        return [f"set type {types[GOLD]} charge {share!r}"]

    @staticmethod
    def _charge(box: Box) -> int:
        return -int(np.count_nonzero(box.numbers == SODIUM))

    def prepare(self, positions: Floats, wall: float | None, parameters: Mapping[str, Any]) -> Prepared:
        """The wall that the system's builder chose, and gold atoms that do not move.

        `gold: rigid` holds all of them, `mobile` the lower half of the layers. Raises InputFailure when the
        system has no vacuum, and so no wall, or too little above it, or its film is not above the gold.
        """
        if wall is None:
            raise InputFailure("electrode: the system has no vacuum of 10 Å along z, so no place for a wall")
        _check_vacuum(positions[self.box.numbers == GOLD, 2], wall, float(self.box.edges[2]))
        heights = cut(positions[:, 2], float(self.box.edges[2]))
        gold = self.box.numbers == GOLD
        if heights[~gold].min() < heights[gold].max():
            raise InputFailure("electrode: the film must lie above the gold along z; received atoms below")
        layers = layers_of(self.box.numbers, positions, np.diag(self.box.edges), GOLD)
        count = len(layers) if parameters["gold"] == "rigid" else len(layers) // 2
        fixed = [atom for layer in layers[:count] for atom in layer]
        frozen = np.flatnonzero(np.isin(np.arange(len(positions)), fixed))
        return Prepared(frozen, wall)

    def answers(self, wall: float) -> Answers:
        """Charges, potential and dipole at the last label; wall: z in Å, or NaN."""
        charges = self.gather("q", 1)[:, 0]
        heights = cut(self.positions()[:, 2], float(self.box.edges[2]))
        potential = float(self.lammps.extract_fix("electrode", 0, 1, 0))
        dipole = float(charges @ (heights - heights[self.box.numbers == GOLD].mean()))
        return Answers(charges, np.array([potential]), np.array([dipole]), np.array([wall]))


def _check_vacuum(gold: Floats, wall: float, period: float) -> None:
    """Raises InputFailure where the film sees the gold's next image beyond the wall; gold (K,): z in Å."""
    room = float(((gold - wall) % period).min())
    if room <= CUTOFF_A:
        raise InputFailure(
            f"electrode: received {room:.1f} Å of vacuum between the wall, 3 Å above the film, and the next "
            f"image of the gold, expected more than its cutoff of {CUTOFF_A:g} Å: lengthen the cell along z"
        )


def cut(heights: Floats, period: float) -> Floats:
    """(N,) Å: z, continued upwards from the middle of the widest empty stretch of the periodic cell."""
    order = np.sort(heights % period)
    gaps = np.diff(order, append=order[0] + period)
    middle = order[int(gaps.argmax())] + gaps.max() / 2
    return np.asarray((heights - middle) % period)


def labeller(parameters: Mapping[str, Any]) -> LammpsLabeller:
    """Labels in LAMMPS; `gold` among the parameters says what is fixed while frames are sampled."""
    return LammpsLabeller(Electrode, parameters)
