"""Engine `ase`: ASE integrates the mobile atoms; any ASE calculator gives the forces."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.worker.engines.embedding import Embedding
from mlipbench_hpc.worker.engines.integrators import State, integrator
from mlipbench_hpc.worker.engines.interface import Answer, DrivingPotential
from mlipbench_hpc.worker.engines.momenta import start_momenta, streams
from mlipbench_hpc.worker.engines.system import Sample, System

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


class AseEngine:
    """One NVT simulation (see interface.Engine)."""

    def __init__(
        self,
        system: System,
        calculator: "Calculator",
        parameters: dict[str, Any],
        wall: Wall | None = None,
    ) -> None:
        """parameters: those of an md task (temperature K, timestep ps, thermostat, seed, replica)."""
        self.system, self.wall, self.steps_done = system, wall, 0
        self.atoms = system.mobile_atoms()
        self.atoms.set_momenta(start_momenta(system, parameters))
        self.embedding = self.atoms.calc = Embedding(system, calculator)
        self.dynamics = integrator(
            self.atoms,
            parameters["timestep"],
            parameters["temperature"],
            parameters["thermostat"],
            np.random.PCG64(streams(parameters)[1]),
        )

    @property
    def skin(self) -> float:
        """Å beyond the cutoff in neighbour lists of the calculator; 0 where it makes them at every step."""
        return float(getattr(self.embedding.full.calc, "skin", 0.0))

    @property
    def stride(self) -> int:
        """One step, because Python has control after every step."""
        return 1

    def answer(self) -> Answer:
        """Energy and forces on all atoms by the calculator."""
        return self.embedding.answer(self.atoms.positions)

    def advance(self, steps: int) -> None:
        """Advance by so many timesteps; raises Exploded when forces are not finite."""
        for _ in range(steps):
            self.steps_done += 1
            self.dynamics.step()
            if self.wall:
                self._reflect(self.wall)

    def _reflect(self, wall: Wall) -> None:
        out = np.flatnonzero(wall.passed(self.atoms.positions[:, 2]))
        if len(out):
            momenta = self.momenta()
            momenta[out, 2] = -np.abs(momenta[out, 2])
            self.atoms.set_momenta(momenta)
            self.dynamics.adopt()

    def momenta(self) -> Floats:
        """Momenta (M, 3) of the mobile atoms, ASE units."""
        momenta: Floats = self.atoms.get_momenta()
        return momenta

    def redraw(self, momenta: Floats) -> None:
        """Continue with these momenta (M, 3) of the mobile atoms, ASE units."""
        self.restore(self.state() | {"momenta": momenta})

    def conserved(self) -> float:
        """Energy in eV of the atoms and of the thermostat."""
        return self.dynamics.conserved()

    def sample(self) -> Sample:
        """Sample of the present step."""
        return Sample(
            step=self.steps_done,
            positions=self.system.embed(self.atoms.positions),
            momenta=self.momenta(),
            potential=self.embedding.energy(self.atoms.positions),
            conserved=self.conserved(),
        )

    def state(self) -> State:
        """State on which the next step depends; after `restore` the model is not evaluated again."""
        return {
            "step": np.int64(self.steps_done),
            "positions": self.atoms.get_positions(),
            "momenta": self.momenta(),
            "forces": self.embedding.forces(self.atoms.positions),
            "energy": np.float64(self.embedding.energy(self.atoms.positions)),
            **self.dynamics.state(),
        }

    def forget(self) -> None:
        """Drop all that the calculator caches, such as neighbour lists with a skin.

        A run that continues past its checkpoint then has the same calculator as one that starts there.
        """
        self.embedding.full.calc.reset()

    def restore(self, state: State) -> None:
        """Restore a `state`; the next step is then the same to the bit."""
        self.steps_done = int(state["step"])
        self.atoms.set_positions(state["positions"])
        self.atoms.set_momenta(state["momenta"])
        self.embedding.remember(self.atoms.positions, state["forces"], float(state["energy"]))
        self.dynamics.restore(state)


def engine(
    system: System, potential: DrivingPotential, parameters: dict[str, Any], wall: Wall | None
) -> AseEngine:
    """Calculator of the potential, evaluated at every step (see contract/engines.py)."""
    return AseEngine(system, potential.calculator(), parameters, wall)
