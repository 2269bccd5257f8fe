"""Engine `jax-md`: JAX computes forces and integrates with JAX-MD, many steps in one compiled program.

The list of neighbours holds periodic images, so that cells may be shorter than twice the cutoff, and pairs up
to SKIN_A beyond it. It is made anew, on the host and as large as it has to be, as soon as an atom is farther
than half of that from where it was, before the forces there are computed: none is ever missing.
"""

import time
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.architectures.shared.jax_library import jax
from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.worker.engines.integrators import PS, State
from mlipbench_hpc.worker.engines.interface import Answer, DrivingPotential, Exploded
from mlipbench_hpc.worker.engines.jax_steps import ADVANCE, Moment, Numbers, Progress
from mlipbench_hpc.worker.engines.jax_thermostats import thermostat_of
from mlipbench_hpc.worker.engines.momenta import start_momenta
from mlipbench_hpc.worker.engines.system import Sample, System, Thermometer

# A wider skin means fewer lists and more pairs in every step. With 0.4 Å a list of water at 300 K serves some
# eight steps of 0.5 fs, and costs less than half a millisecond in each; DP-MP and DP-JAX are fastest then.
SKIN_A = 0.4
PATIENCE_S = 2.0


class JaxMdEngine:
    """One NVT simulation (see interface.Engine)."""

    def __init__(
        self, system: System, potential: JaxForces, parameters: dict[str, Any], wall: Wall | None = None
    ) -> None:
        """parameters: those of an md task (temperature K, timestep ps, thermostat, seed, replica)."""
        self.system, self.potential, self.steps_done = system, potential, 0
        self.thermostat = thermostat_of(system, parameters)
        self.thermometer = Thermometer.of(system)
        bath = {"kT": self.thermostat.kT, "friction": self.thermostat.friction}
        self._numbers = self._put(numbers_of(system, parameters, wall) | bath)
        self._moment: Moment
        self._listed: Numbers | None = None
        self._pace = 0.0
        start: State = {
            "step": np.int64(0),
            "positions": system.start.positions[system.mobile],
            "momenta": start_momenta(system, parameters),
            "forces": np.zeros((len(system.start), 3)),
            "energy": np.float64(0.0),
        }
        self.restore(start | self.thermostat.start())
        self._has_forces = False

    @property
    def stride(self) -> int:
        """Number from the speed of the last steps, whose program may have been compiled meanwhile."""
        return max(1, int(PATIENCE_S / self._pace)) if self._pace else 1

    @property
    def moment(self) -> Moment:
        """End of the last step, its forces computed; raises Exploded where these are not finite."""
        if not self._has_forces:
            self._moment = self._with_forces(self._moment)
            self._has_forces = True
        return self._moment

    def _with_forces(self, moment: Moment) -> Moment:
        """The same with energy and forces at its positions: those of a step in no time."""
        ended = self._run({**self._numbers, "timestep": self._put(0.0)}, moment, 1)
        if not ended.sound:
            raise Exploded("a force or a position is not a finite number")
        particles = moment.particles.set(force=ended.moment.particles.force)
        return moment._replace(particles=particles, energy=ended.moment.energy, forces=ended.moment.forces)

    def _put(self, numbers: Any) -> Any:
        """The same on the device of the potential, floats in float64.

        All arguments of a program lie there: it would be compiled again for others.
        """
        arrays = jax.tree.map(np.asarray, numbers)
        return jax.device_put(arrays, self.potential.device)

    def _run(self, numbers: Numbers, moment: Moment, steps: int) -> Progress:
        if self._listed is None:
            self._listed = self._list(np.asarray(moment.particles.position))
        compute, parameters = self.potential.compute, self.potential.parameters
        result: Progress = ADVANCE(compute, parameters, self._listed, numbers, moment, np.int64(steps))
        return result

    def _list(self, positions: Floats) -> Numbers:
        """What ADVANCE needs of the list of neighbours at positions (M, 3) of the mobile atoms."""
        atoms = self.system.start.copy()
        atoms.positions = self.system.embed(positions)
        unwrapped = atoms.positions.copy()
        if atoms.cell.rank == 3:
            cells = np.floor(atoms.cell.scaled_positions(unwrapped)) * atoms.pbc
            atoms.positions -= cells @ np.asarray(atoms.cell)
        arrays = self.potential.arrange(atoms, self.potential.cutoff + SKIN_A)
        offsets = atoms.positions - unwrapped
        listed = {"arrays": arrays, "reference": positions, "offsets": offsets, "slack": SKIN_A / 2}
        result: Numbers = self._put(listed)
        return result

    def answer(self) -> Answer:
        """Energy and forces on all atoms, as the last step had them."""
        return Answer(float(self.moment.energy), np.array(self.moment.forces))

    def advance(self, steps: int) -> None:
        """Advance by so many timesteps; raises Exploded when forces are not finite."""
        moment, left, begin = self.moment, steps, time.perf_counter()
        while left:
            ended = self._run(self._numbers, moment, left)
            moment, done = ended.moment, int(ended.done)
            self.steps_done += done
            left -= done
            if not ended.sound:
                raise Exploded("a force or a position is not a finite number")
            if not ended.near:
                self._listed = self._list(np.asarray(ended.ahead))
        self._moment = moment
        self._pace = (time.perf_counter() - begin) / steps

    def momenta(self) -> Floats:
        """Momenta (M, 3) of the mobile atoms, ASE units."""
        return np.array(self._moment.particles.momentum)

    def redraw(self, momenta: Floats) -> None:
        """Continue with these momenta (M, 3) of the mobile atoms, ASE units."""
        self.restore(self.state() | {"momenta": momenta})

    def conserved(self) -> float:
        """Energy in eV of the atoms and of the thermostat."""
        bath = self.thermostat.energy(self.thermostat.state(self.moment.particles, self.moment.work))
        restraint = self.system.restraint_energy(self._positions())
        return float(self.moment.energy) + self.thermometer.kinetic(self.momenta()) + bath + restraint

    def _positions(self) -> Floats:
        return self.system.embed(np.asarray(self.moment.particles.position))

    def sample(self) -> Sample:
        """Sample of the present step."""
        return Sample(
            step=self.steps_done,
            positions=self._positions(),
            momenta=self.momenta(),
            potential=float(self.moment.energy),
            conserved=self.conserved(),
        )

    def state(self) -> State:
        """State on which the next step depends; after `restore` no forces are computed again.

        pulled (M, 3): forces with those of a restraint, of which no other program gives the last bits.
        """
        moment = self.moment
        pulled = {"pulled": np.array(moment.particles.force)} if self.system.restraint else {}
        return pulled | {
            "step": np.int64(self.steps_done),
            "positions": np.array(moment.particles.position),
            "momenta": self.momenta(),
            "forces": np.array(moment.forces),
            "energy": np.float64(moment.energy),
            **self.thermostat.state(moment.particles, moment.work),
        }

    def forget(self) -> None:
        """Drop the list of neighbours: the next step makes a new one, as one after `restore` does."""
        self._listed = None

    def restore(self, state: State) -> None:
        """Restore a `state`; the next step is then the same to the bit."""
        self.steps_done, self._has_forces = int(state["step"]), True
        forces, work = np.asarray(state["forces"]), np.float64(state.get("work", 0.0))
        pulled = state.get("pulled", forces[self.system.mobile])
        arrays = state["positions"], state["momenta"], self.thermometer.masses, pulled
        particles = self.thermostat.particles(*arrays, state)
        self._moment = Moment(*self._put((particles, state["energy"], forces, work)))
        self.forget()


def numbers_of(system: System, parameters: dict[str, Any], wall: Wall | None) -> dict[str, Any]:
    """What ADVANCE needs of the system, without its thermostat."""
    plane = {"height": wall.height, "period": wall.period, "reach": wall.reach} if wall else None
    return {
        "start": system.start.get_positions(),
        "mobile": system.mobile,
        "timestep": parameters["timestep"] * PS,
        "wall": plane,
        "restraint": system.restraint.numbers if system.restraint else None,
    }


def engine(
    system: System, potential: DrivingPotential, parameters: dict[str, Any], wall: Wall | None
) -> JaxMdEngine:
    """Engine with the potential's own function of JAX; raises TaskFailure where it has none."""
    forces = potential.native("jax-md")
    if not isinstance(forces, JaxForces):
        raise TaskFailure("engine jax-md: the potential's adapter has no function `jax_md` for it")
    return JaxMdEngine(system, forces, parameters, wall)
