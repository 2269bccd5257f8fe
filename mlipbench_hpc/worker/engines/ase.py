"""ASE drives the mobile atoms; any ASE calculator gives the forces."""

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.units import kB

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.engines.integrators import State, integrator
from mlipbench_hpc.worker.engines.system import Sample, System

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator


class Exploded(Exception):
    """The model's answer cannot be integrated further; the message says why."""


class Embedding:
    """The calculator of the mobile atoms alone: it puts them among the fixed ones and asks the model.

    ASE 3.29.0's Nosé-Hoover chain counts fixed atoms among its degrees of freedom (34 K at a target of 300 K
    in a half-fixed crystal), so no integrator ever sees them. Where nothing is fixed, the model sees the
    system moved back by whole lattice vectors as it drifts away: in float32, far from the origin, forces
    lose digits.
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
        """Forces (M, 3) eV/Å on the mobile atoms; raises Exploded when one of all (N, 3) is not finite."""
        if self._seen is None or not np.array_equal(atoms.positions, self._seen):
            self._evaluate(atoms.positions)
        return self._forces

    def get_potential_energy(self, atoms: "Atoms", force_consistent: bool = False) -> float:
        """Energy of the whole system, eV."""
        self.get_forces(atoms)
        if self._energy is None:
            self._energy = float(self.full.get_potential_energy())
        return self._energy

    def remember(self, positions: Floats, forces: Floats, energy: float) -> None:
        """Take the answer at `positions` (M, 3) from a checkpoint instead of asking again."""
        self._seen, self._forces, self._energy = positions.copy(), forces.copy(), energy

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


class AseEngine:
    """One NVT simulation: `step()` until done, `sample()` and `state()` at any moment between."""

    def __init__(self, system: System, calculator: "Calculator", parameters: dict[str, Any]) -> None:
        """parameters: those of an md task (temperature K, timestep ps, thermostat, seed, replica).

        Momenta are a Maxwell-Boltzmann draw, neither rescaled nor freed of the centre of mass's; they and the
        Langevin noise come from separate streams of (seed, replica).
        """
        draw, noise = np.random.SeedSequence([parameters["seed"], parameters["replica"]]).spawn(2)
        self.system, self.steps_done = system, 0
        self.atoms = system.mobile_atoms()
        self.atoms.set_momenta(maxwell_boltzmann(self.atoms.get_masses(), parameters["temperature"], draw))
        self.embedding = self.atoms.calc = Embedding(system, calculator)
        self.dynamics = integrator(
            self.atoms,
            parameters["timestep"],
            parameters["temperature"],
            parameters["thermostat"],
            np.random.PCG64(noise),
        )

    def step(self) -> None:
        """One timestep; raises Exploded when forces stop being numbers."""
        self.dynamics.step()
        self.steps_done += 1

    def momenta(self) -> Floats:
        """(M, 3) of the mobile atoms, ASE units."""
        momenta: Floats = self.atoms.get_momenta()
        return momenta

    def sample(self) -> Sample:
        """This moment."""
        return Sample(
            step=self.steps_done,
            positions=self.system.embed(self.atoms.positions),
            momenta=self.momenta(),
            potential=self.embedding.get_potential_energy(self.atoms),
            conserved=self.dynamics.conserved(),
        )

    def state(self) -> State:
        """All that the next step depends on; after `restore` nothing is asked of the model again."""
        return {
            "step": np.int64(self.steps_done),
            "positions": self.atoms.get_positions(),
            "momenta": self.momenta(),
            "forces": self.embedding.get_forces(self.atoms),
            "energy": np.float64(self.embedding.get_potential_energy(self.atoms)),
            **self.dynamics.state(),
        }

    def forget(self) -> None:
        """Drop what the calculator remembers, such as neighbour lists with a skin.

        A run that goes on past its checkpoint then meets the same calculator as one that starts there.
        """
        self.embedding.full.calc.reset()

    def restore(self, state: State) -> None:
        """Put back what `state` gave; the next step is then the same to the bit."""
        self.steps_done = int(state["step"])
        self.atoms.set_positions(state["positions"])
        self.atoms.set_momenta(state["momenta"])
        self.embedding.remember(self.atoms.positions, state["forces"], float(state["energy"]))
        self.dynamics.restore(state)


def maxwell_boltzmann(masses: Floats, temperature: float, seed: np.random.SeedSequence) -> Floats:
    """Momenta (M, 3), ASE units: independent normal numbers of variance m k_B T. masses (M,) u; K."""
    drawn: Floats = np.random.Generator(np.random.PCG64(seed)).standard_normal((len(masses), 3))
    return drawn * np.sqrt(masses * kB * temperature)[:, None]
