"""Engines that drive a small box of water by an architecture's calculator."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator

from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Asked
from mlipbench_hpc.worker.engines.system import System


def water_system() -> System:
    """Eight water molecules in 6.4 Å, the first one fixed."""
    box = Atoms(cell=[6.4] * 3, pbc=True)
    for site in np.ndindex(2, 2, 2):
        water = molecule("H2O")
        water.translate(3.2 * np.array(site))
        box += water
    return System.prepare(box, [0, 1, 2])


def water_parameters(thermostat: dict[str, Any]) -> dict[str, Any]:
    """Those of an md task at 300 K in steps of 0.5 fs."""
    return {"seed": 1, "replica": 0, "temperature": 300.0, "timestep": 0.0005, "thermostat": thermostat}


def water_engine(
    calculator: Calculator, thermostat: dict[str, Any], lammps: bool
) -> AseEngine | LammpsEngine:
    """The water driven in ASE or by callback from LAMMPS."""
    system, parameters = water_system(), water_parameters(thermostat)
    if lammps:
        return LammpsEngine(system, Asked(system, calculator), parameters)
    return AseEngine(system, calculator, parameters)
