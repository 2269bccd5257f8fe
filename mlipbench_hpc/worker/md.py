"""md: one NVT simulation in segments, each ending in a checkpoint that the next attempt can continue from."""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.ase import AseEngine, Exploded
from mlipbench_hpc.worker.engines.integrators import State
from mlipbench_hpc.worker.engines.restart import STATE, Continuation, furthest, pack
from mlipbench_hpc.worker.engines.stability import Limits, Watch
from mlipbench_hpc.worker.engines.system import System, Thermometer
from mlipbench_hpc.worker.engines.trajectory import THERMO, Recorder

ALL_CHECKPOINTS = 1_000_000_000


def run(context: Context) -> dict[str, Any]:
    """Writes trajectory.nc, topology.pdb, thermo.csv and segments.json; an unstable run is a result."""
    given = context.parameters
    system = starting_system(context)
    evaluator = context.adapter().load(
        context.upstream("model"), given["hyperparameters"], given["device"], given["dtype"]
    )
    engine = AseEngine(system, evaluator.calculator(), given)
    thermometer = Thermometer.of(system)
    recorder = Recorder(context.folder, system, thermometer, given["timestep"])
    with contextlib.closing(recorder):
        ending = Simulation(context, engine, recorder).run(furthest(context))
    return ending.values() | recorded(context.folder / THERMO, len(system.start)) | {
        "segments": len(recorder.segments),
        "atoms": len(system.start),
        "mobile_atoms": len(system.mobile),
    }  # fmt: skip


def starting_system(context: Context) -> System:
    """The frame to start from; raises InputFailure when it is not there."""
    given, frames = context.parameters, Frames.load(context.upstream("start") / "frames.npz")
    if not 0 <= given["start_frame"] < len(frames):
        raise InputFailure(f"no start_frame {given['start_frame']}: the start has {len(frames)} (from 0)")
    return System.prepare(frames.atoms(given["start_frame"]), given["fixed_atoms"])


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

    def __init__(self, context: Context, engine: AseEngine, recorder: Recorder) -> None:
        self.context, self.engine, self.recorder = context, engine, recorder
        given = context.parameters
        self.steps: int = given["steps"]
        self.frame_every: int = given["frame_every"]
        self.checkpoint_every: int = given["checkpoint_every"]
        self.look_every = Limits.look_every(given["timestep"])
        self.limits = Limits(**given["stability"])

    def run(self, continuation: Continuation | None) -> Ending:
        """From the start or from `continuation` to the last step or to the moment it became unstable."""
        step = continuation.segments[-1].end_step if continuation else 0
        try:
            # Numbers that overflow are looked for and reported as the cause.
            with np.errstate(over="ignore", invalid="ignore"):
                cause = self._begin(continuation)
                while cause is None and step < self.steps:
                    step += 1
                    cause = self._advance(step)
        except Exploded as explosion:
            cause = str(explosion)
        if cause is not None:
            self.recorder.end_segment(step, None)
        return Ending(step, self.recorder.time(step), cause)

    def _begin(self, continuation: Continuation | None) -> str | None:
        if continuation:
            self._continue(continuation)
            return None
        self.watch = self._watch(self.engine.dynamics.conserved())
        return self._look(0)

    def _continue(self, continuation: Continuation) -> None:
        self.watch = self._watch(float(continuation.state["reference"]))
        self.recorder.adopt(continuation.attempt, continuation.segments)
        self.engine.restore(continuation.state)

    def _watch(self, reference: float) -> Watch:
        return Watch(self.engine.system, self.limits, reference, self.recorder.thermometer)

    def _advance(self, step: int) -> str | None:
        """One step and what is due after it; the cause if the run is unstable."""
        self.context.check()
        self.engine.step()
        cause = self.watch.hot(self.engine.momenta())
        if cause or step % self.look_every == 0 or step % self.frame_every == 0:
            cause = self._look(step)
        if cause is None and (step % self.checkpoint_every == 0 or step == self.steps):
            self._end_segment(step)
        self.context.progress(step, self.steps, "steps", ps=self.recorder.time(step))
        return cause

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
        keep = 1 if step == self.steps else ALL_CHECKPOINTS
        self.context.save_checkpoint(step, {STATE: content}, keep)
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
