"""Thermostats of the engine `jax-md`: how JAX-MD holds them, what a checkpoint needs, and their energies."""

from typing import Any

import numpy as np
from ase.units import kB

from mlipbench_hpc.architectures.shared.jax_library import Array, jnp
from mlipbench_hpc.contract.engines import LANGEVIN
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.engines.integrators import PS, State
from mlipbench_hpc.worker.engines.jax_md_library import simulate
from mlipbench_hpc.worker.engines.momenta import streams
from mlipbench_hpc.worker.engines.system import System


class Chain:
    """Nosé-Hoover chain with the masses of ASE's (integrators.NoseHooverChain): 3 M degrees of freedom."""

    friction = 0.0

    def __init__(self, system: System, parameters: dict[str, Any]) -> None:
        """parameters: those of an md task."""
        thermostat, self.degrees = parameters["thermostat"], 3 * len(system.mobile)
        self.kT, self.tau = kB * parameters["temperature"], thermostat["damping"] * PS
        self.masses = self.kT * self.tau**2 * np.array([self.degrees] + [1] * (thermostat["length"] - 1))

    def start(self) -> State:
        """Positions and momenta (L,) before the first step, ASE units."""
        return {"eta": np.zeros(len(self.masses)), "p_eta": np.zeros(len(self.masses))}

    def particles(self, position: Floats, momentum: Floats, mass: Floats, force: Floats, state: State) -> Any:
        """State of JAX-MD of M atoms, (M, 3) and masses (M, 1), and this thermostat in `state`.

        JAX-MD reads beyond the end of a chain of one; a second thermostat of infinite mass never moves, and
        makes it one of two.
        """
        lone = [0.0] if len(self.masses) == 1 else []
        eta, momenta = (jnp.append(state[name], jnp.array(lone)) for name in ("eta", "p_eta"))
        masses = jnp.append(self.masses, jnp.array([np.inf for _ in lone]))
        nothing, tau = jnp.zeros(()), jnp.asarray(self.tau)
        chain = simulate.NoseHooverChain(eta, momenta, masses, tau, nothing, self.degrees)
        return simulate.NVTNoseHooverState(*map(jnp.asarray, (position, momentum, force, mass)), chain)

    def state(self, particles: Any, work: Array) -> State:
        """What `start` gives, at the end of a step."""
        length, chain = len(self.masses), particles.chain
        return {"eta": np.array(chain.position)[:length], "p_eta": np.array(chain.momentum)[:length]}

    def energy(self, state: State) -> float:
        """Energy in eV that is conserved together with the atoms'."""
        potential = self.kT * (self.degrees * state["eta"][0] + state["eta"][1:].sum())
        return float(potential + 0.5 * (state["p_eta"] ** 2 / self.masses).sum())


class Langevin:
    """BAOAB splitting, as of the engine `ase`, with random numbers of JAX: other ones, of the same law."""

    def __init__(self, system: System, parameters: dict[str, Any]) -> None:
        """parameters: those of an md task."""
        self.kT = kB * parameters["temperature"]
        self.friction = parameters["thermostat"]["friction"] / PS
        self._seed = streams(parameters)[1].generate_state(2)

    def start(self) -> State:
        """Work in eV and random state (2,) before the first step."""
        return {"work": np.float64(0.0), "random": self._seed}

    def particles(self, position: Floats, momentum: Floats, mass: Floats, force: Floats, state: State) -> Any:
        """State of JAX-MD of M atoms, (M, 3) and masses (M, 1), and of its random numbers."""
        arrays = position, momentum, force, mass, state["random"]
        return simulate.NVTLangevinState(*map(jnp.asarray, arrays))

    def state(self, particles: Any, work: Array) -> State:
        """What `start` gives, at the end of a step."""
        return {"work": np.float64(work), "random": np.array(particles.rng)}

    def energy(self, state: State) -> float:
        """Minus the work in eV, which is conserved together with the atoms' energy."""
        return -float(state["work"])


def thermostat_of(system: System, parameters: dict[str, Any]) -> Chain | Langevin:
    """Thermostat of an md task."""
    kind = Langevin if parameters["thermostat"]["kind"] == LANGEVIN else Chain
    return kind(system, parameters)
