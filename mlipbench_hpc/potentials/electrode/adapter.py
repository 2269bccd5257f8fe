"""SPC/Fw water and Na+ on a gold electrode that carries the total charge -N(Na).

The metal's charges are Gaussians, solved for in every configuration so that its potential is the same
everywhere: LAMMPS' ELECTRODE package, doi:10.1063/5.0099239. The electrode's charge is a global property: it
depends on every ion of the cell, wherever that is.

By default the electrostatics are those of one slab, periodic in x and y alone: EW3DC, doi:10.1063/1.479595,
the sum of a cell three times as high, less the interaction of the images' dipoles. Outside there is no field,
and the slab's back is free of charge. Three-periodic electrostatics, the option, instead short-circuit each
slab's back with the film of the image below it: a field D/(ε0 V) in the vacuum, and charge on the back.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import units

from mlipbench_hpc.analysis.slab import layers_of
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.potentials.shared.box import GOLD, Box
from mlipbench_hpc.potentials.shared.field import CUTOFF_A
from mlipbench_hpc.potentials.shared.film import Vacuum
from mlipbench_hpc.potentials.shared.labeller import LammpsLabeller
from mlipbench_hpc.potentials.shared.lammps_potential import LammpsPotential, Prepared

SODIUM = 11
ETA_PER_A = 1.979
# Height of the cell without interaction of its images' dipoles, in units of the cell's height.
SLAB_FACTOR = 3.0
# Order of interpolation, and the mesh's spacing times Ewald's splitting parameter at an accuracy of 1e-5.
ORDER, SPACING, ACCURACY = 7, 0.54, 1e-5
LARGEST_CHARGE = 1e-6
# e/ε0 in V·Å: a layer of μ e·Å on A Å² raises the potential by this times μ/A beyond it.
VOLT_A = 4 * np.pi * units.Hartree * units.Bohr


class ThreePeriodicElectrode(LammpsPotential):
    """Cell with gold; its energy excludes the scalar of `fix electrode`, and so agrees with the forces."""

    name = "electrode (three-periodic)"
    elements = (8, 1, GOLD, SODIUM)
    kspace = "pppm/electrode"
    sampling_accuracy = 1e-4
    label_accuracy = 1e-5

    @classmethod
    def present(cls, box: Box) -> set[int]:
        """Atomic numbers in a box; raises InputFailure when the potential cannot label it."""
        gold = np.count_nonzero(box.numbers == GOLD)
        if not 0 < gold < len(box.numbers):
            raise InputFailure("electrode: a frame needs gold and, beside it, charges: water or Na")
        return super().present(box)

    @classmethod
    def interactions(cls, box: Box, types: dict[int, int], accuracy: float, kcal_mol: float) -> list[str]:
        """Commands of the force field and of the electrode, with charges solved to a tenth of `accuracy`."""
        settings = f"{cls._charge(box)} {ETA_PER_A} algo cg {accuracy / 10:.1e} etypes on"
        return [
            *super().interactions(box, types, accuracy, kcal_mol),
            *cls.correction(box, accuracy),
            f"group gold type {types[GOLD]}",
            f"fix electrode gold electrode/conq {settings}",
            "fix_modify electrode energy no",
        ]

    @classmethod
    def correction(cls, box: Box, accuracy: float) -> list[str]:
        """Commands that change the three-periodic sum."""
        return []

    @classmethod
    def before_setup(cls, box: Box, types: dict[int, int]) -> list[str]:
        """Equal charges on all gold, from which the charge solver and the choice of the mesh start."""
        share = cls._charge(box) / int(np.count_nonzero(box.numbers == GOLD))
        return [f"set type {types[GOLD]} charge {share!r}"]

    @staticmethod
    def _charge(box: Box) -> int:
        return -int(np.count_nonzero(box.numbers == SODIUM))

    def prepare(self, positions: Floats, wall: float | None, parameters: Mapping[str, Any]) -> Prepared:
        """Wall of the system's builder, and gold atoms that do not move.

        `gold: rigid` fixes all of them, `mobile` the lower half of the layers. Raises InputFailure when the
        system has no vacuum, and so no wall, or too little above it, or its film is not above the gold.
        """
        if wall is None:
            raise InputFailure("electrode: the system has no vacuum of 10 Å along z, so no place for a wall")
        _check_vacuum(positions[self.box.numbers == GOLD, 2], wall, float(self.box.edges[2]))
        heights = self._vacuum(positions).cut(positions[:, 2])
        gold = self.box.numbers == GOLD
        if heights[~gold].min() < heights[gold].max():
            raise InputFailure("electrode: the film must lie above the gold along z; received atoms below")
        layers = layers_of(self.box.numbers, positions, np.diag(self.box.edges), GOLD)
        count = len(layers) if parameters["gold"] == "rigid" else len(layers) // 2
        fixed = [atom for layer in layers[:count] for atom in layer]
        frozen = np.flatnonzero(np.isin(np.arange(len(positions)), fixed))
        return Prepared(frozen, wall)

    def label(self, positions: Floats) -> tuple[float, Floats]:
        """Labels as of `LammpsPotential`; raises TaskFailure where the cell is not neutral."""
        labels = super().label(positions)
        if not abs(total := float(self.gather("q", 1).sum())) <= LARGEST_CHARGE:
            raise TaskFailure(
                f"electrode: the cell's total charge is {total:.2e} e, expected 0 within {LARGEST_CHARGE:g} "
                "e, for electrostatics that hold for neutral cells: use the LAMMPS of the environment's lock"
            )
        return labels

    def answers(self, wall: float) -> Answers:
        """Charges, potential, dipole and its parts at the last label; wall: z in Å, or NaN."""
        charges, positions = self.gather("q", 1)[:, 0], self.positions()
        heights = self._vacuum(positions).cut(positions[:, 2])
        gold, ions = self.box.numbers == GOLD, self.box.numbers == SODIUM
        dipoles = charges * (heights - heights[gold].mean())
        parts = np.array([[dipoles[kind].sum() for kind in (~gold & ~ions, ions, gold)]])
        potentials = np.array([self._potential()])
        return Answers(charges, potentials, parts.sum(axis=1), np.array([wall]), parts)

    def _potential(self) -> float:
        """Potential of the electrode in V against the mean over the cell."""
        return float(self.lammps.extract_fix("electrode", 0, 1, 0))

    def _vacuum(self, positions: Floats) -> Vacuum:
        return Vacuum.of(positions[:, 2], float(self.box.edges[2]))


class Electrode(ThreePeriodicElectrode):
    """Electrode with the electrostatics of one slab: frames repeat along z, LAMMPS's box does not."""

    name = "electrode"
    film = True

    @classmethod
    def correction(cls, box: Box, accuracy: float) -> list[str]:
        """Slab correction with a mesh of its own, for better agreement of forces and energies.

        LAMMPS counts the empty two thirds of the higher cell as charged when it chooses a mesh, and makes it
        too coarse along z: errors of 3 to 6 meV/Å at 1e-5, five times those of the three-periodic sum. And it
        splits the sum where energies jump by 1e-4 eV when a pair of charges passes the cutoff. Here at 1e-5
        forces are within 0.6 meV/Å of Ewald's sum in two dimensions, and 1.4 of the energy's slope.
        """
        splitting = np.sqrt(-np.log(3 * accuracy)) / CUTOFF_A
        spacing = SPACING / splitting * (accuracy / ACCURACY) ** (1 / ORDER)
        edges = box.edges * [1.0, 1.0, SLAB_FACTOR]
        points = " ".join(str(int(count)) for count in np.ceil(edges / spacing))
        mesh = f"order {ORDER} gewald {splitting:.6f} mesh {points}"
        return [f"kspace_modify slab {SLAB_FACTOR} {mesh}"]

    def place(self, positions: Floats) -> None:
        """Place as in `LammpsPotential`; InputFailure where the slab would interact with its images."""
        vacuum = self._vacuum(positions)
        if vacuum.width <= CUTOFF_A:
            raise InputFailure(
                f"electrode: the widest stretch of z without atoms is {vacuum.width:.1f} Å, expected more "
                f"than the cutoff of {CUTOFF_A:g} Å, for a slab that does not see its images: lengthen the "
                "cell along z, or choose `electrostatics: three-periodic`"
            )
        super().place(positions)

    def minimise(self, positions: Floats, frozen: Ints) -> None:
        """Minimise at the charges of the start, because LAMMPS' `minimize` does not solve for them.

        Without them the cell would not be neutral: its ions threw atoms of 384 out of the box.
        """
        self.label(positions)
        super().minimise(positions, frozen)

    def _potential(self) -> float:
        """Potential of the electrode in V against the vacuum above the film.

        LAMMPS leaves ΣQz²/(2 ε0 V) in it, V the volume of the higher cell, which depends on where z = 0 is;
        without it the zero is the mean of the two sides, whose potentials differ by D/(ε0 A).
        """
        charges, heights = self.gather("q", 1)[:, 0], self.gather("x", 3)[:, 2]
        x, y, z = self.box.edges
        offset = charges @ heights**2 / (SLAB_FACTOR * z) + charges @ heights
        return super()._potential() - VOLT_A * float(offset) / (2 * float(x * y))


def _check_vacuum(gold: Floats, wall: float, period: float) -> None:
    """Raise InputFailure where the film comes too near to the gold's next image above; gold (K,): z in Å."""
    room = float(((gold - wall) % period).min())
    if room <= CUTOFF_A:
        raise InputFailure(
            f"electrode: received {room:.1f} Å of vacuum between the wall, 3 Å above the film, and the next "
            f"image of the gold, expected more than its cutoff of {CUTOFF_A:g} Å: lengthen the cell along z"
        )


ELECTROSTATICS = {"slab-corrected": Electrode, "three-periodic": ThreePeriodicElectrode}


def labeller(parameters: Mapping[str, Any]) -> LammpsLabeller:
    """Labeller in LAMMPS; `gold` among the parameters decides which atoms are fixed during sampling."""
    return LammpsLabeller(ELECTROSTATICS[parameters["electrostatics"]], parameters)
