"""Ions above gold, on springs of their heights alone, whose motion and averages are known exactly."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import fcc111
from ase.calculators.calculator import Calculator, all_changes

from mlipbench_hpc.worker.engines.restraint import Restraint, restraint_of
from mlipbench_hpc.worker.engines.system import System

ASKED = {"metal": "Au", "heights": [{"atoms": "Na", "target": 4.0, "spring": 1.0}]}


class Nothing(Calculator):
    """No energy and no forces, but gold tied to its sites by `tie` eV/Å² where these (N, 3) Å are given."""

    implemented_properties = ("energy", "free_energy", "forces")

    def __init__(self, sites: Any = None, tie: float = 5.0) -> None:
        super().__init__()
        self.sites, self.tie = sites, tie

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((len(self.atoms), 3))
        if self.sites is not None:
            gold = self.atoms.numbers == 79
            forces[gold] = -self.tie * (self.atoms.positions - self.sites)[gold]
        energy = float((forces**2).sum() / 2 / self.tie)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def gold(ions: int = 1, height: float = 4.0, shift: float = 0.0, apart: float = 0.0) -> Atoms:
    """48 gold atoms in three layers, ions `height` ± `apart` Å above the upper one; z moved by `shift` Å."""
    atoms = fcc111("Au", (4, 4, 3), a=4.08, orthogonal=True, vacuum=10.0)
    atoms.pbc = True
    top = atoms.positions[:, 2].max()
    spread = np.linspace(-apart, apart, ions)
    places = np.column_stack([np.linspace(0, 8, ions), np.linspace(1, 7, ions), top + height + spread])
    atoms += Atoms(f"Na{ions}", positions=places)
    atoms.positions[:, 2] = (atoms.positions[:, 2] + shift) % atoms.cell[2, 2]
    return atoms


def restrained(atoms: Atoms, fixed: list[int] | None = None, **changes: Any) -> tuple[System, Restraint]:
    """System and restraint of all Na at 4 Å by 1 eV/Å²; changes: of the entry."""
    prepared = System.prepare(atoms, fixed or [])
    entry = ASKED["heights"][0] | changes
    restraint = restraint_of({"metal": "Au", "heights": [entry]}, prepared.start)
    return System(prepared.start, prepared.mobile, restraint), restraint
