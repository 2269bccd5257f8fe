"""Frames sampled by a potential of its own, and any frames labelled by it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.correlation import statistical_inefficiency
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Frames, concatenate
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.labelers.box import Box
from mlipbench_hpc.worker.labelers.engine import Engine

CHUNK_PS = 0.5
REDRAWS = 100
LARGEST_FORCE = 100.0
Labelled = tuple[Frames, Answers | None]
Made = tuple[Frames, Answers | None, dict[str, Any]]


@dataclass
class Judge:
    """Labels frames one by one; the engine is kept while box and molecules stay the same."""

    kind: type[Engine]
    engine: Engine | None = None

    def label(self, frame: Frames, wall: float) -> Labelled:
        """One frame with its label; wall: z in Å, or NaN."""
        box = Box.of(frame, 0)
        if self.engine is None or not self.engine.box.same(box):
            self.close()
            self.engine = self.kind(box, self.kind.label_accuracy)
        energy, forces = self.engine.label(frame.positions)
        return replace(frame, energies=np.array([energy]), forces=forces), self.engine.answers(wall)

    def close(self) -> None:
        """Free the engine."""
        if self.engine:
            self.engine.close()
            self.engine = None


def generate(kind: type[Engine], context: Context) -> Made:
    """Sample at each temperature in turn from the first frame of `system`, and label what was sampled.

    The frames are shared out evenly over the temperatures (earlier ones take the remainder). Returns beside
    them as `sampling`, by temperature, how far frames so far apart are correlated: the statistical
    inefficiency of the sampled potential energy. Rattled frames count as what they were before.
    """
    how, values = context.parameters, context.upstream_values("system")
    start = Frames.load(context.upstream("system") / "frames.npz").select([0])
    judge, parts, sampling = Judge(kind), list[Labelled](), list[dict[str, Any]]()
    temperatures: list[float] = how["temperatures"]
    for index in range(len(temperatures)):
        count = how["frames"] // len(temperatures) + (index < how["frames"] % len(temperatures))
        sampler = _sampler(kind, start, context, index)
        _advance(sampler, how["equilibration"], context)
        random, energies = np.random.default_rng([how["seed"], index]), list[float]()
        for number in range(1, count + 1):
            _advance(sampler, how["every"], context)
            energies.append(sampler.potential_energy())
            frame, wall = replace(start, positions=sampler.positions()), values.get("wall_A", np.nan)
            if "rattle" in how and number % how["rattle"]["every"] == 0:
                parts.append(label_rattled(judge, frame, wall, how["rattle"]["distance"], random))
            else:
                parts.append(judge.label(frame, wall))
            context.progress(len(parts), how["frames"], "frames")
        sampler.close()
        sampling.append(independence(temperatures[index], how["every"], energies))
    judge.close()
    return (*_together(parts), {"sampling": sampling})


def independence(temperature: float, every: float, energies: list[float]) -> dict[str, Any]:
    """What `generate` says of one temperature (K); energies: eV, `every` ps apart."""
    return {
        "temperature_K": temperature,
        "every_ps": every,
        "frames": len(energies),
        "statistical_inefficiency": statistical_inefficiency(np.array(energies)),
    }


def relabel(kind: type[Engine], context: Context) -> Made:
    """New energies and forces for the frames of `frames`, and what its walls were."""
    folder = context.upstream("frames")
    frames, before = Frames.load(folder / "frames.npz"), Answers.load(folder)
    walls = before.walls if before else np.full(len(frames), np.nan)

    def tell(done: int, total: int) -> None:
        context.check()
        context.progress(done, total, "frames")

    return (*label_all(kind, frames, walls, tell), {})


def label_all(
    kind: type[Engine], frames: Frames, walls: Floats, tell: Callable[[int, int], None]
) -> Labelled:
    """Energies and forces of all frames; walls (F,): z in Å, or NaN. `tell(done, total)` follows each frame.

    Raises InputFailure naming the frame that the potential cannot label.
    """
    judge, parts = Judge(kind), list[Labelled]()
    for index in range(len(frames)):
        try:
            parts.append(judge.label(frames.select([index]), float(walls[index])))
        except InputFailure as error:
            raise InputFailure(f"frame {index}: {error}") from error
        tell(len(parts), len(frames))
    judge.close()
    return _together(parts)


def _together(parts: list[Labelled]) -> Labelled:
    answers = [answer for _, answer in parts if answer]
    return concatenate([frame for frame, _ in parts]), Answers.concatenate(answers) if answers else None


def rattled(frame: Frames, distance: float, random: np.random.Generator) -> Frames:
    """One frame with every molecule and ion shifted as a whole; the metal stays.

    distance: Å, standard deviation along each axis. Shifts are drawn again while they would leave an H nearer
    to another molecule's O; raises InputFailure when that does not end.
    """
    box = Box.of(frame, 0)
    for _ in range(REDRAWS):
        shifts = random.normal(0.0, distance, frame.positions.shape)
        moved = replace(frame, positions=frame.positions + box.together(shifts))
        with suppress(InputFailure):
            if box.same(Box.of(moved, 0)):
                return moved
    raise InputFailure(f"rattle: shifts of {distance:g} Å leave no molecules: give a smaller distance")


def label_rattled(
    judge: Judge, frame: Frames, wall: float, distance: float, random: np.random.Generator
) -> Labelled:
    """A rattled frame without forces above LARGEST_FORCE, eV/Å: atoms on one another teach nothing."""
    for _ in range(REDRAWS):
        labelled = judge.label(rattled(frame, distance, random), wall)
        if np.abs(labelled[0].forces).max() <= LARGEST_FORCE:
            return labelled
    raise InputFailure(
        f"rattle: shifts of {distance:g} Å always push atoms into one another (forces above "
        f"{LARGEST_FORCE:g} eV/Å): give a smaller distance"
    )


def _sampler(kind: type[Engine], start: Frames, context: Context, index: int) -> Engine:
    """A relaxed and thermostatted engine at the temperature of that index."""
    how = context.parameters
    sampler = kind(Box.of(start, 0), kind.sampling_accuracy)
    frozen, wall = sampler.prepare(start.positions, context.upstream_values("system"), how)
    sampler.minimise(start.positions, frozen)
    sampler.heat(how["temperatures"][index], how["timestep"], _engine_seed(how["seed"], index))
    if wall is not None:
        sampler.reflect(wall, np.setdiff1d(np.arange(len(start.positions)), frozen))
    return sampler


def _engine_seed(seed: int, index: int) -> int:
    """LAMMPS wants a seed from 1 to 900,000,000; each temperature gets its own."""
    return 1 + int(np.random.SeedSequence([seed, index]).generate_state(1)[0]) % 900_000_000


def _advance(engine: Engine, time: float, context: Context) -> None:
    """Run `time` ps of MD in pieces short enough to stop between them."""
    for steps in _pieces(time, context.parameters["timestep"]):
        context.check()
        engine.lammps.command(f"run {steps} post no")


def _pieces(time: float, timestep: float) -> Iterator[int]:
    left, piece = round(time / timestep), max(1, round(CHUNK_PS / timestep))
    while left > 0:
        yield min(piece, left)
        left -= piece
