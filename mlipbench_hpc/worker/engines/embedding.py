"""Embedding of the mobile atoms among the fixed ones, for any ASE calculator."""

from typing import TYPE_CHECKING

import numpy as np

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.engines.interface import Answer, Exploded
from mlipbench_hpc.worker.engines.system import System

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator


class Embedding:
    """Calculator of the mobile atoms alone, which evaluates the model on them and the fixed ones.

    ASE 3.29.0's Nosé-Hoover chain counts fixed atoms among its degrees of freedom (34 K at a target of 300 K
    in a half-fixed crystal), so integrators receive mobile atoms only. Where nothing is fixed, the system is
    moved back by whole lattice vectors as it drifts away, before the model is evaluated: in float32, far from
    the origin, forces lose digits.
    """

    def __init__(self, system: System, calculator: "Calculator") -> None:
        self.system = system
        self.full = system.start.copy()
        self.full.calc = calculator
        self._home = system.start.positions.mean(axis=0)
        self._drifts = len(system.mobile) == len(system.start) and bool(system.start.pbc.any())
        self._seen: Floats | None = None
        self._forces: Floats
        self._energy: float | None = None

    def get_forces(self, atoms: "Atoms") -> Floats:
        """Forces (M, 3) eV/Å on the mobile atoms, a restraint's among them, as integrators need them.

        Raises Exploded when one of all (N, 3) is not finite.
        """
        forces, restraint = self.forces(atoms.positions), self.system.restraint
        if restraint is None:
            return forces
        return forces + restraint.forces(self.system.embed(atoms.positions))[self.system.mobile]

    def forces(self, positions: Floats) -> Floats:
        """Forces of the model at mobile positions (M, 3) Å; repeated positions are evaluated once."""
        if self._seen is None or not np.array_equal(positions, self._seen):
            self._evaluate(positions)
        return self._forces

    def get_potential_energy(self, atoms: "Atoms", force_consistent: bool = False) -> float:
        """Energy of the whole system, eV, with that of a restraint, as integrators need it."""
        return self.energy(atoms.positions) + self.system.restraint_energy(self.system.embed(atoms.positions))

    def energy(self, positions: Floats) -> float:
        """Energy of the whole system by the model at mobile positions (M, 3) Å, eV."""
        self.forces(positions)
        if self._energy is None:
            self._energy = float(self.full.get_potential_energy())
        return self._energy

    def answer(self, positions: Floats) -> Answer:
        """Energy and the forces on all atoms at mobile positions (M, 3) Å."""
        self._evaluate(positions)
        return Answer(self.energy(positions), np.array(self.full.get_forces(), float))

    def remember(self, positions: Floats, forces: Floats, energy: float) -> None:
        """Set the answer at `positions` (M, 3) from a checkpoint, without an evaluation."""
        self._seen, self._forces, self._energy = positions.copy(), forces.copy(), energy

    def forget(self) -> None:
        """Drop all that the calculator caches, and the last answer."""
        self._seen = None
        self.full.calc.reset()

    def _evaluate(self, positions: Floats) -> None:
        self.full.positions[self.system.mobile] = positions - self._shift(positions)
        forces = self.full.get_forces()
        if not np.isfinite(forces).all():
            raise Exploded("a force is not a finite number")
        self._seen, self._forces, self._energy = positions.copy(), forces[self.system.mobile], None

    def _shift(self, positions: Floats) -> Floats | float:
        if not self._drifts:
            return 0.0
        cells = self.full.cell.scaled_positions(positions.mean(axis=0) - self._home)
        shift: Floats = (np.rint(cells) * self.full.pbc) @ np.asarray(self.full.cell)
        return shift
