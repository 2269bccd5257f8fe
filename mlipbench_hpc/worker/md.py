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
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.driving import driving_potential
from mlipbench_hpc.worker.engines.integrators import State
from mlipbench_hpc.worker.engines.interface import DrivingPotential, Engine, Exploded
from mlipbench_hpc.worker.engines.momenta import start_momenta
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.restart import STATE, Continuation, earlier_states, furthest, pack
from mlipbench_hpc.worker.engines.stability import Limits, Watch
from mlipbench_hpc.worker.engines.start import Start
from mlipbench_hpc.worker.engines.system import System, Thermometer
from mlipbench_hpc.worker.engines.trajectory import THERMO, TRAJECTORY, Recorder


def run(context: Context) -> dict[str, Any]:
    """Write trajectory.nc, topology.pdb, thermo.csv and segments.json; an unstable run is a result."""
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
    begin = Redraws.of(parameters).until
    return ending.values() | recorded(context.folder / THERMO, len(system.start), begin) | {
        "segments": len(recorder.segments),
        "atoms": len(system.start),
        "mobile_atoms": len(system.mobile),
        "wall_A": start.wall.height if start.wall else None,
    } | heights(context.folder / TRAJECTORY, system)  # fmt: skip


def start_engine(context: Context, start: Start, potential: DrivingPotential) -> Engine:
    """Engine of the task.

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
    """End of a simulation; cause is None where it completed."""

    steps: int
    time_ps: float
    cause: str | None

    def values(self) -> dict[str, Any]:
        """Values for result.json."""
        outcome = "unstable" if self.cause else "completed"
        return {"outcome": outcome, "cause": self.cause, "steps": self.steps, "time_ps": self.time_ps}


@dataclass(frozen=True)
class Redraws:
    """Steps at which momenta are drawn anew, to remove the energy of a start at another temperature.

    every: steps between two draws, 0 for none; until: the last step with a draw.
    """

    every: int
    until: int

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> "Redraws":
        """Redraws of an md task, from its `equilibrate`."""
        protocol = parameters.get("equilibrate") or {"every": 0, "steps": 0}
        return cls(protocol["every"], protocol["steps"])

    def number(self, step: int) -> int:
        """Number of the draw at this step, from 1; 0 for none."""
        due = self.every and 0 < step <= self.until and step % self.every == 0
        return step // self.every if due else 0


class Simulation:
    """Protocol of an MD run: steps of checks, frames, checkpoints, and the end."""

    def __init__(
        self, context: Context, engine: Engine, recorder: Recorder, check: Callable[[Engine], None]
    ) -> None:
        """check: called before step 0, raises where the engine may not run."""
        self.context, self.engine, self.recorder, self.check = context, engine, recorder, check
        parameters = context.parameters
        self.steps: int = parameters["steps"]
        self.frame_every: int = parameters["frame_every"]
        self.checkpoint_every: int = parameters["checkpoint_every"]
        self.look_every = Limits.look_every(parameters["timestep"])
        self.limits = Limits(**parameters["stability"])
        self.redraws = Redraws.of(parameters)

    def run(self, continuation: Continuation | None) -> Ending:
        """Run from the start or from `continuation` to the last step, or to the step of an instability."""
        try:
            # Overflow gives numbers that are not finite, which the checks report as the cause.
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
        """Advance to the next step where something is due, and do it; returns the cause of instability."""
        self.context.check()
        before = self.engine.steps_done
        self.engine.advance(min(self.engine.stride, self._due(before) - before))
        step = self.engine.steps_done
        due = step % self.look_every == 0 or step % self.frame_every == 0
        cause = self._look(step) if due or self.watch.hot(self.engine.momenta()) else None
        drawn = self.redraws.number(step)
        if cause is None and drawn:
            self.engine.redraw(start_momenta(self.engine.system, self.context.parameters, drawn))
            self.watch = self._watch(self.engine.conserved())
        if cause is None and (drawn or step % self.checkpoint_every == 0 or step == self.steps):
            self._end_segment(step)
        self.context.progress(step, self.steps, "steps", ps=self.recorder.time(step))
        return cause

    def _due(self, step: int) -> int:
        """First step after `step` with a check, frame, checkpoint or draw."""
        every = (self.look_every, self.frame_every, self.checkpoint_every, self.redraws.every or self.steps)
        return min(self.steps, *(step + period - step % period for period in every))

    def _look(self, step: int) -> str | None:
        """Check this step; record it where a frame is due, or at a failure if its energies are finite."""
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


def recorded(thermo: Path, atoms: int, begin: int = 0) -> dict[str, Any]:
    """Means and drift over thermo.csv after step `begin`; the drift is the slope of a least-squares line.

    begin: step of the last draw of momenta, because a draw is no drift; else 0, so that all rows count.
    """
    rows = thermo.read_text(encoding="ascii").splitlines()[1:]
    frames = {"frames": len(rows)}
    rows = [row for row in rows if not begin or int(row.partition(",")[0]) > begin]
    if not rows:
        return frames | {"temperature_K": None} | conserved_energy(np.zeros(0), np.zeros(0))
    times, conserved, temperature = np.loadtxt(rows, delimiter=",", usecols=(1, 4, 5), ndmin=2).T
    mean = {"temperature_K": float(temperature.mean())}
    return frames | mean | conserved_energy(times, 1000.0 * conserved / atoms)


def heights(trajectory: Path, system: System) -> dict[str, Any]:
    """Restrained heights: target Å and spring eV/Å² of each atom, mean and deviation Å in the later half.

    Of all frames of the run; {} where nothing is restrained.
    """
    if (restraint := system.restraint) is None:
        return {}
    frames = open_trajectory(trajectory).positions
    later = [restraint.heights(np.asarray(frame, float)) for frame in frames[len(frames) // 2 :]]
    above = np.reshape(later, (-1, len(restraint.atoms)))
    rows = zip(restraint.atoms.tolist(), restraint.targets.tolist(), restraint.springs.tolist(), strict=True)
    return {
        "restraints": [
            {
                "atom": atom,
                "element": system.symbols[atom],
                "target_A": target,
                "spring_eV_per_A2": spring,
                "mean_A": float(own.mean()) if len(own) else None,
                "deviation_A": float(own.std(ddof=1)) if len(own) > 1 else None,
            }
            for (atom, target, spring), own in zip(rows, above.T, strict=True)
        ]
    }


def conserved_energy(times: Floats, conserved: Floats) -> dict[str, float | None]:
    """Drift and largest deviation of the conserved energy (F,) meV/atom over times (F,) ps."""
    if len(times) == 0:
        return {"conserved_drift_meV_per_atom_per_ps": None, "largest_conserved_deviation_meV_per_atom": None}
    moved = conserved - conserved[0]
    centred = times - times.mean()
    spread = float(centred @ centred)
    return {
        "conserved_drift_meV_per_atom_per_ps": float(centred @ moved) / spread if spread else None,
        "largest_conserved_deviation_meV_per_atom": float(np.abs(moved).max()),
    }
