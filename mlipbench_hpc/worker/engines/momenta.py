"""Where momenta and noise come from: separate streams of (seed, replica), the same for every engine."""

from typing import Any

import numpy as np
from ase.units import kB

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.engines.system import System


def streams(parameters: dict[str, Any]) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
    """Seeds of the momenta and of the Langevin noise of an md task."""
    draw, noise = np.random.SeedSequence([parameters["seed"], parameters["replica"]]).spawn(2)
    return draw, noise


def start_momenta(system: System, parameters: dict[str, Any]) -> Floats:
    """Momenta (M, 3) of the mobile atoms, ASE units, neither rescaled nor freed of the centre of mass's."""
    masses = system.start.get_masses()[system.mobile]
    return maxwell_boltzmann(masses, parameters["temperature"], streams(parameters)[0])


def maxwell_boltzmann(masses: Floats, temperature: float, seed: np.random.SeedSequence) -> Floats:
    """Momenta (M, 3), ASE units: independent normal numbers of variance m k_B T. masses (M,) u; K."""
    drawn: Floats = np.random.Generator(np.random.PCG64(seed)).standard_normal((len(masses), 3))
    return drawn * np.sqrt(masses * kB * temperature)[:, None]
