"""Simulated system: atoms, some of them fixed, and a sample of one step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.units import kB

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.cells import RULE, is_valid
from mlipbench_hpc.data.frames import Floats, Ints

if TYPE_CHECKING:
    from mlipbench_hpc.worker.engines.restraint import Restraint


@dataclass(frozen=True)
class System:
    """N atoms, M of them mobile, in the standard orientation of the cell.

    start: all atoms at the start, with masses of their own where the data have some; mobile (M,): indices of
    the mobile ones, ascending; restraint: of atoms' heights, an energy besides the potential's.
    """

    start: Atoms
    mobile: Ints
    restraint: "Restraint | None" = None

    @classmethod
    def prepare(cls, atoms: Atoms, fixed: list[int]) -> "System":
        """Turn cell and positions into standard orientation, and separate fixed from mobile atoms.

        Raises InputFailure for a cell that is periodic along a missing vector and for fixed atoms that do not
        exist or leave none mobile.
        """
        mobile = np.setdiff1d(np.arange(len(atoms)), fixed)
        if beyond := [index for index in fixed if not 0 <= index < len(atoms)]:
            raise InputFailure(f"fixed_atoms: no atoms {beyond[:5]}, the start has {len(atoms)} (from 0)")
        if len(mobile) == 0:
            raise InputFailure(
                f"fixed_atoms: all {len(atoms)} atoms are fixed, no mobile atom is left; fix fewer"
            )
        return cls(oriented(atoms), mobile)

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of all atoms, in order."""
        symbols: list[str] = self.start.get_chemical_symbols()
        return symbols

    def restraint_energy(self, positions: Floats) -> float:
        """Energy in eV of the restraint at positions (N, 3) Å, 0 without one."""
        return self.restraint.energy(positions) if self.restraint else 0.0

    def mobile_atoms(self) -> Atoms:
        """Mobile atoms alone, at rest at the start, in the same cell."""
        chosen: Atoms = self.start[self.mobile]
        return chosen

    def embed(self, positions: Floats) -> Floats:
        """Positions (N, 3) of all atoms, from the mobile ones (M, 3), Å."""
        everything: Floats = self.start.get_positions()
        everything[self.mobile] = positions
        return everything


@dataclass(frozen=True)
class Sample:
    """One step: positions (N, 3) Å; momenta (M, 3) of the mobile atoms, ASE units; energies in eV.

    potential: without the restraint's; conserved: with it.
    """

    step: int
    positions: Floats
    momenta: Floats
    potential: float
    conserved: float


@dataclass(frozen=True)
class Thermometer:
    """Kinetic energy and temperature over 3 M degrees of freedom, the centre of mass's among them.

    masses (M, 1) u; species: symbols of the mobile atoms, each with its rows.
    """

    masses: Floats
    species: dict[str, Ints]

    @classmethod
    def of(cls, system: System) -> "Thermometer":
        """Thermometer of a system's mobile atoms."""
        symbols = np.array(system.symbols)[system.mobile]
        rows = {str(symbol): np.flatnonzero(symbols == symbol) for symbol in np.unique(symbols)}
        return cls(system.start.get_masses()[system.mobile, None], rows)

    def kinetic(self, momenta: Floats) -> float:
        """Kinetic energy in eV of momenta (M, 3)."""
        return float(0.5 * np.sum(momenta**2 / self.masses))

    def temperature(self, momenta: Floats) -> float:
        """T = 2 K / (3 M k_B) in K of momenta (M, 3)."""
        return 2.0 * self.kinetic(momenta) / (3 * len(momenta) * kB)

    def by_species(self, momenta: Floats) -> list[float]:
        """Temperature in K of each species, in the order of `species`."""
        doubled = momenta**2 / self.masses
        return [float(np.sum(doubled[rows]) / (3 * len(rows) * kB)) for rows in self.species.values()]


def oriented(atoms: Atoms) -> Atoms:
    """Copy whose cell is lower triangular with a positive diagonal: a along x, b in the xy plane.

    A left-handed cell gets its third vector reversed first, which leaves the lattice unchanged; the turn is a
    proper rotation of cell and positions. Raises InputFailure for a periodic cell without a volume.
    """
    turned = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if atoms.has("masses"):
        turned.set_masses(atoms.get_masses())
    if not is_valid(np.array(turned.cell), turned.pbc):
        raise InputFailure(f"the start's cell {turned.cell.tolist()} has no volume; expected {RULE}")
    if turned.cell.rank < 3:
        turned.cell = np.zeros((3, 3))
        return turned
    cell = np.array(turned.cell)
    if np.linalg.det(cell) < 0:
        cell[2] *= -1
    if (np.triu(cell, 1) == 0).all() and (np.diag(cell) > 0).all():
        turned.set_cell(cell)
        return turned
    turned.set_cell(cell)
    standard, rotation = turned.cell.standard_form()
    turned.set_cell(np.tril(standard))
    turned.positions = turned.positions @ rotation.T
    return turned
