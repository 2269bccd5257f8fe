"""Thermostatted integrators of ASE whose whole state can be saved and restored.

Both count 3 M degrees of freedom for M mobile atoms and leave the centre of mass alone. Momenta are drawn
without removing their total: only then is 3 M right where nothing holds the atoms in place (a chain started
without it keeps the total at zero and puts its 3/2 k_B T into the other degrees of freedom).
"""

import json
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import NoseHooverChainNVT

from mlipbench_hpc.data.frames import Floats

PS = 1000.0 * units.fs
State = dict[str, Any]


class NoseHooverChain(NoseHooverChainNVT):
    """ASE's Nosé-Hoover chain (Martyna, Klein, Tuckerman 1992, doi:10.1063/1.463940).

    damping τ in ps sets the masses of the chain, Q_1 = 3 M k_B T τ² and Q_j = k_B T τ², as Tdamp of LAMMPS
    and tau of JAX-MD do.
    """

    def __init__(self, atoms: Atoms, timestep: float, temperature: float, damping: float, length: int):
        super().__init__(atoms, timestep * PS, temperature_K=temperature, tdamp=damping * PS, tchain=length)

    def conserved(self) -> float:
        """Energy in eV that exact dynamics would conserve: of the atoms and of the chain."""
        return float(self.get_conserved_energy())

    def state(self) -> State:
        """Positions and momenta (n,) of the chain, ASE units."""
        return {"eta": self._thermostat._eta.copy(), "p_eta": self._thermostat._p_eta.copy()}

    def adopt(self) -> None:
        """Continue from the atoms' positions and momenta, which were changed between two steps."""
        self._q, self._p = self.atoms.get_positions(), self.atoms.get_momenta()

    def restore(self, state: State) -> None:
        """Restore a `state` of the chain; the atoms are already restored."""
        self.adopt()
        self._thermostat._eta[:] = state["eta"]
        self._thermostat._p_eta[:] = state["p_eta"]


class Langevin(MolecularDynamics):
    """BAOAB splitting of Langevin dynamics (Leimkuhler and Matthews 2013, doi:10.1063/1.4802990).

    friction in 1/ps. The thermostat acts in the O step alone, so the kinetic energy that step adds is its
    work; total energy minus the accumulated work is conserved as well as the energy of velocity Verlet is.
    """

    def __init__(
        self, atoms: Atoms, timestep: float, temperature: float, friction: float, random: np.random.PCG64
    ) -> None:
        super().__init__(atoms, timestep * PS)
        self.random = np.random.Generator(random)
        self.work = 0.0
        self._retained = np.exp(-friction * timestep)
        self._kicks = np.sqrt((1.0 - self._retained**2) * units.kB * temperature * self.masses)

    def step(self) -> None:
        """One timestep: half kick, half drift, thermostat, half drift, half kick."""
        half = 0.5 * self.dt
        momenta = self.atoms.get_momenta() + half * self.atoms.get_forces(md=True)
        positions = self.atoms.get_positions() + half * momenta / self.masses
        momenta = self._thermalise(momenta)
        self.atoms.set_positions(positions + half * momenta / self.masses)
        self.atoms.set_momenta(momenta + half * self.atoms.get_forces(md=True))

    def _thermalise(self, momenta: Floats) -> Floats:
        mixed: Floats = self._retained * momenta + self._kicks * self.random.standard_normal(momenta.shape)
        self.work += float(0.5 * np.sum((mixed**2 - momenta**2) / self.masses))
        return mixed

    def adopt(self) -> None:
        """Do nothing: positions and momenta are stored in the atoms alone."""

    def conserved(self) -> float:
        """Potential and kinetic energy minus the thermostat's accumulated work, eV."""
        return float(self.atoms.get_potential_energy() + self.atoms.get_kinetic_energy() - self.work)

    def state(self) -> State:
        """Accumulated work in eV, and the random generator's state as JSON in bytes."""
        generator = json.dumps(self.random.bit_generator.state, sort_keys=True).encode()
        return {"work": np.float64(self.work), "random": np.frombuffer(generator, np.uint8)}

    def restore(self, state: State) -> None:
        """Restore a `state`."""
        self.work = float(state["work"])
        self.random.bit_generator.state = json.loads(bytes(state["random"]))


def integrator(
    atoms: Atoms, timestep: float, temperature: float, thermostat: dict[str, Any], random: np.random.PCG64
) -> NoseHooverChain | Langevin:
    """Integrator of a task; timestep in ps, temperature in K, damping in ps, friction in 1/ps."""
    if thermostat["kind"] == "langevin":
        return Langevin(atoms, timestep, temperature, thermostat["friction"], random)
    return NoseHooverChain(atoms, timestep, temperature, thermostat["damping"], thermostat["length"])
