"""Random momenta and noise: separate streams of (seed, replica), the same for every engine."""

from typing import Any

import numpy as np
from ase.units import kB

from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.engines.system import System


def streams(parameters: dict[str, Any]) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
    """Seeds of the momenta and of the Langevin noise of an md task."""
    draw, noise = np.random.SeedSequence([parameters["seed"], parameters["replica"]]).spawn(2)
    return draw, noise


def start_momenta(system: System, parameters: dict[str, Any], draw: int = 0) -> Floats:
    """Momenta (M, 3) of the mobile atoms, ASE units, of `parameters["temperature"]` in every species.

    draw: 0 at the start, then the number of the draw of `equilibrate`.

    A plain draw leaves a species of n atoms at T ± T √(2/3n), 41 K for 36 oxygens at 300 K, which takes a
    thermostat picoseconds to correct where species exchange energy slowly; so each species is scaled to T.
    The centre of mass moves relative to the fixed atoms: its momentum is not removed.
    """
    masses = system.start.get_masses()[system.mobile]
    seed = np.random.SeedSequence([parameters["seed"], parameters["replica"], draw])
    momenta = maxwell_boltzmann(masses, parameters["temperature"], seed if draw else streams(parameters)[0])
    return scaled(momenta, masses, system.start.numbers[system.mobile], parameters["temperature"])


def maxwell_boltzmann(masses: Floats, temperature: float, seed: np.random.SeedSequence) -> Floats:
    """Momenta (M, 3), ASE units: independent normal numbers of variance m k_B T. masses (M,) u; K."""
    drawn: Floats = np.random.Generator(np.random.PCG64(seed)).standard_normal((len(masses), 3))
    return drawn * np.sqrt(masses * kB * temperature)[:, None]


def scaled(momenta: Floats, masses: Floats, numbers: Ints, temperature: float) -> Floats:
    """Momenta (M, 3) with Σ p²/m = 3 n k_B T in each species of n atoms; masses (M,) u, numbers (M,), K."""
    twice_kinetic = (momenta**2).sum(axis=1) / masses
    result = momenta.copy()
    for number in np.unique(numbers):
        own = numbers == number
        result[own] *= np.sqrt(3 * own.sum() * kB * temperature / twice_kinetic[own].sum())
    return result
