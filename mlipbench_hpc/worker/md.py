"""md: one NVT simulation in segments, each ending in a checkpoint that the next attempt can continue from."""

import contextlib
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.engines import ENGINES
from mlipbench_hpc.contract.folder import newest, sparser_with_age
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.driving import driving_potential
from mlipbench_hpc.worker.engines.integrators import State
from mlipbench_hpc.worker.engines.interface import DrivingPotential, Engine, Exploded
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.restart import STATE, Continuation, earlier_states, furthest, pack
from mlipbench_hpc.worker.engines.stability import Limits, Watch
from mlipbench_hpc.worker.engines.start import Start
from mlipbench_hpc.worker.engines.system import Thermometer
from mlipbench_hpc.worker.engines.trajectory import THERMO, Recorder


def run(context: Context) -> dict[str, Any]:
    """Writes trajectory.nc, topology.pdb, thermo.csv and segments.json; an unstable run is a result."""
    parameters = context.parameters
    start = Start.of(context)
    system, potential = start.system, driving_potential(context, start.system.start)
    engine = start_engine(context, start, potential)
    tolerance = TOLERANCES[parameters.get("dtype", "float64")]
    parity = Parity(potential, system, parameters["engine"], tolerance)
    thermometer = Thermometer.of(system)
    recorder = Recorder(context.folder, system, thermometer, parameters["timestep"])
    with contextlib.closing(recorder):
        ending = Simulation(context, engine, recorder, parity.check).run(furthest(context))
    return ending.values() | recorded(context.folder / THERMO, len(system.start)) | {
        "segments": len(recorder.segments),
        "atoms": len(system.start),
        "mobile_atoms": len(system.mobile),
        "wall_A": start.wall.height if start.wall else None,
    }  # fmt: skip


def start_engine(context: Context, start: Start, potential: DrivingPotential) -> Engine:
    """The engine that the task names.

    Raises InputFailure for a thermostat that it has not, TaskFailure where the environment lacks a package.
    """
    entry, thermostat = ENGINES[context.parameters["engine"]], context.parameters["thermostat"]["kind"]
    if thermostat not in entry.thermostats:
        only = " and ".join(entry.thermostats)
        raise InputFailure(f"engine {entry.name}: no thermostat {thermostat!r}, only {only}")
    if lacking := [name for name in entry.packages if find_spec(name) is None]:
        packages = ", ".join(lacking)
        message = f"engine {entry.name} needs the Python package {packages}"
        raise TaskFailure(f"{message}, which environment {context.task.environment} does not hold")
    module = importlib.import_module(entry.module)
    engine: Engine = module.engine(start.system, potential, context.parameters, start.wall)
    return engine


@dataclass(frozen=True)
class Ending:
    """How a simulation ended; cause is None where it completed."""

    steps: int
    time_ps: float
    cause: str | None

    def values(self) -> dict[str, Any]:
        """For result.json."""
        outcome = "unstable" if self.cause else "completed"
        return {"outcome": outcome, "cause": self.cause, "steps": self.steps, "time_ps": self.time_ps}


class Simulation:
    """The protocol: when to look, to record, to end a segment, to stop."""

    def __init__(
        self, context: Context, engine: Engine, recorder: Recorder, check: Callable[[Engine], None]
    ) -> None:
        """check: called before step 0, raises where the engine must not run."""
        self.context, self.engine, self.recorder, self.check = context, engine, recorder, check
        parameters = context.parameters
        self.steps: int = parameters["steps"]
        self.frame_every: int = parameters["frame_every"]
        self.checkpoint_every: int = parameters["checkpoint_every"]
        self.look_every = Limits.look_every(parameters["timestep"])
        self.limits = Limits(**parameters["stability"])

    def run(self, continuation: Continuation | None) -> Ending:
        """From the start or from `continuation` to the last step or to the moment it became unstable."""
        try:
            # Numbers that overflow are looked for and reported as the cause.
            with np.errstate(over="ignore", invalid="ignore"):
                cause = self._begin(continuation)
                while cause is None and self.engine.steps_done < self.steps:
                    cause = self._advance()
        except Exploded as explosion:
            cause = str(explosion)
        step = self.engine.steps_done
        if cause is not None:
            self.recorder.end_segment(step, None)
        return Ending(step, self.recorder.time(step), cause)

    def _begin(self, continuation: Continuation | None) -> str | None:
        if continuation:
            self._continue(continuation)
            return None
        self.check(self.engine)
        self.watch = self._watch(self.engine.conserved())
        return self._look(0)

    def _continue(self, continuation: Continuation) -> None:
        self.watch = self._watch(float(continuation.state["reference"]))
        self.recorder.adopt(continuation.attempt, continuation.segments)
        for step, files in earlier_states(continuation):
            self.context.save_checkpoint(step, files, sparser_with_age)
        self.engine.restore(continuation.state)

    def _watch(self, reference: float) -> Watch:
        return Watch(self.engine.system, self.limits, reference, self.recorder.thermometer)

    def _advance(self) -> str | None:
        """As many steps as nothing is due between, and then what is due; the cause if the run is unstable."""
        self.context.check()
        before = self.engine.steps_done
        self.engine.advance(min(self.engine.stride, self._due(before) - before))
        step = self.engine.steps_done
        due = step % self.look_every == 0 or step % self.frame_every == 0
        cause = self._look(step) if due or self.watch.hot(self.engine.momenta()) else None
        if cause is None and (step % self.checkpoint_every == 0 or step == self.steps):
            self._end_segment(step)
        self.context.progress(step, self.steps, "steps", ps=self.recorder.time(step))
        return cause

    def _due(self, step: int) -> int:
        """The first step after `step` at which there is something to do."""
        every = (self.look_every, self.frame_every, self.checkpoint_every)
        return min(self.steps, *(step + period - step % period for period in every))

    def _look(self, step: int) -> str | None:
        """Check this moment; record it where a frame is due, and the moment of failure if it has numbers."""
        sample = self.engine.sample()
        cause = self.watch.cause(sample)
        finite = bool(np.isfinite([sample.potential, sample.conserved]).all())
        if finite and (cause is not None or step % self.frame_every == 0):
            self.recorder.frame(sample)
        return cause

    def _end_segment(self, step: int) -> None:
        state: State = self.engine.state() | {"reference": np.float64(self.watch.reference)}
        content = pack(state)
        self.recorder.end_segment(step, hashlib.sha256(content).hexdigest())
        retention = newest if step == self.steps else sparser_with_age
        self.context.save_checkpoint(step, {STATE: content}, retention)
        self.engine.forget()


def recorded(thermo: Path, atoms: int) -> dict[str, Any]:
    """Means and drift over thermo.csv, nothing discarded; the drift is the slope of a least-squares line."""
    rows = thermo.read_text(encoding="ascii").splitlines()[1:]
    if not rows:
        return {"frames": 0, "temperature_K": None} | conserved_energy(np.zeros(0), np.zeros(0))
    times, conserved, temperature = np.loadtxt(rows, delimiter=",", usecols=(1, 4, 5), ndmin=2).T
    mean = {"frames": len(times), "temperature_K": float(temperature.mean())}
    return mean | conserved_energy(times, 1000.0 * conserved / atoms)


def conserved_energy(times: Floats, conserved: Floats) -> dict[str, float | None]:
    """How well the conserved energy (F,) meV/atom is kept over times (F,) ps."""
    if len(times) == 0:
        return {"conserved_drift_meV_per_atom_per_ps": None, "largest_conserved_deviation_meV_per_atom": None}
    moved = conserved - conserved[0]
    centred = times - times.mean()
    spread = float(centred @ centred)
    return {
        "conserved_drift_meV_per_atom_per_ps": float(centred @ moved) / spread if spread else None,
        "largest_conserved_deviation_meV_per_atom": float(np.abs(moved).max()),
    }
