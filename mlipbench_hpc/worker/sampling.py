"""Frames sampled from MD of a reference potential, and frames labelled by it."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from mlipbench_hpc.analysis.correlation import statistical_inefficiency
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.analysis.slowest import slow_quantities
from mlipbench_hpc.contract.legacy import METAL
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Frames, concatenate
from mlipbench_hpc.potentials.interface import Conditions, Labelled, Labeller, Sampler
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.worker.context import Context

CHUNK_PS, ENERGY = 0.5, "potential energy"
REDRAWS = 100
LARGEST_FORCE = 100.0
Dataset = tuple[Frames, Answers | None, dict[str, Any]]


class Labels(Protocol):
    """Method of a labeller that rattling needs."""

    def label(self, frame: Frames, wall: float) -> Labelled:
        """Label a frame, see potentials.interface.Labeller."""


def generate(labeller: Labeller, context: Context) -> Dataset:
    """Sample at each temperature in turn from the first frame of `system`, and label the frames.

    The frames are divided evenly over the temperatures (earlier ones take the remainder). The third value is
    `sampling`, by temperature the correlation of these frames: statistical inefficiency of the slowest of
    potential energy, P_z and ions' heights. Rattled frames count with the values before rattling.
    """
    temperatures: list[float] = context.parameters["temperatures"]
    parts, sampling = list[Labelled](), list[dict[str, Any]]()
    with closing(labeller):
        for index, temperature in enumerate(temperatures):
            series: dict[str, list[float]] = {}
            for labelled, slow in _samples(labeller, context, index):
                parts.append(labelled)
                for name, value in slow.items():
                    series.setdefault(name, []).append(value)
                context.progress(len(parts), context.parameters["frames"], "frames")
            sampling.append(independence(temperature, context.parameters["every"], series))
    return (*_together(parts), {"sampling": sampling})


def _samples(labeller: Labeller, context: Context, index: int) -> Iterator[tuple[Labelled, dict[str, float]]]:
    """Frames of the temperature of that index, each with the energy (eV) and slow quantities as sampled."""
    parameters, wall = context.parameters, context.upstream_values("system").get("wall_A")
    start = Frames.load(context.upstream("system") / "frames.npz").select([0])
    height = np.nan if wall is None else wall
    slab = atomic_numbers_of(parameters.get("metal", METAL))
    rattle, random = parameters.get("rattle"), np.random.default_rng([parameters["seed"], index])
    share, rest = divmod(parameters["frames"], len(parameters["temperatures"]))
    with closing(labeller.sampler(start, _conditions(parameters, index, wall))) as sampler:
        _advance(sampler, parameters["equilibration"], context)
        for number in range(1, share + (index < rest) + 1):
            _advance(sampler, parameters["every"], context)
            energy, frame = sampler.potential_energy(), replace(start, positions=sampler.positions())
            slow = {ENERGY: energy} | slow_quantities(frame.numbers, frame.positions, frame.cells[0], slab)
            if rattle and number % rattle["every"] == 0:
                yield label_rattled(labeller, frame, height, rattle["distance"], random), slow
            else:
                yield labeller.label(frame, height), slow


def independence(temperature: float, every: float, series: dict[str, list[float]]) -> dict[str, Any]:
    """Statistical inefficiencies at one temperature (K); series: of each quantity, `every` ps apart.

    The slowest decides: in the energy frames seem independent long before an ion has moved.
    """
    every_frame = max((len(values) for values in series.values()), default=0)
    inefficiencies = {
        name: statistical_inefficiency(np.array(values))
        for name, values in series.items()
        if len(values) == every_frame
    }
    slowest = max(inefficiencies, key=lambda name: inefficiencies[name], default=ENERGY)
    return {
        "temperature_K": temperature,
        "every_ps": every,
        "frames": every_frame,
        "statistical_inefficiency": inefficiencies.get(slowest, 1.0),
        "slowest": slowest,
        "inefficiencies": inefficiencies,
    }


def relabel(labeller: Labeller, context: Context) -> Dataset:
    """New energies and forces for the frames of `frames`, with the walls of their labels."""
    folder = context.upstream("frames")
    frames, before = Frames.load(folder / "frames.npz"), Answers.load(folder)
    walls = before.walls if before else np.full(len(frames), np.nan)

    def progress(labelled: int, total: int) -> None:
        context.check()
        context.progress(labelled, total, "frames")

    return (*label_all(labeller, frames, walls, progress), {})


def label_all(
    labeller: Labeller, frames: Frames, walls: Floats, progress: Callable[[int, int], None]
) -> Labelled:
    """Energies and forces of all frames; walls (F,): z in Å, or NaN.

    `progress(labelled, total)` is called after each frame. Raises InputFailure naming the frame that the
    potential cannot label.
    """
    parts = list[Labelled]()
    with closing(labeller):
        for index in range(len(frames)):
            try:
                parts.append(labeller.label(frames.select([index]), float(walls[index])))
            except InputFailure as error:
                raise InputFailure(f"frame {index}: {error}") from error
            progress(len(parts), len(frames))
    return _together(parts)


def _together(parts: list[Labelled]) -> Labelled:
    answers = [answer for _, answer in parts if answer]
    return concatenate([frame for frame, _ in parts]), Answers.concatenate(answers) if answers else None


def rattled(frame: Frames, distance: float, random: np.random.Generator) -> Frames:
    """One frame with every molecule and ion shifted as a whole; the metal stays.

    distance: Å, standard deviation along each axis. Shifts are drawn again while they would leave an H nearer
    to another molecule's O; raises InputFailure after too many draws.
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
    labeller: Labels, frame: Frames, wall: float, distance: float, random: np.random.Generator
) -> Labelled:
    """Rattled frame without forces above LARGEST_FORCE, eV/Å, because overlapping atoms teach nothing."""
    for _ in range(REDRAWS):
        labelled = labeller.label(rattled(frame, distance, random), wall)
        if np.abs(labelled[0].forces).max() <= LARGEST_FORCE:
            return labelled
    raise InputFailure(
        f"rattle: shifts of {distance:g} Å always push atoms into one another (forces above "
        f"{LARGEST_FORCE:g} eV/Å): give a smaller distance"
    )


def _conditions(parameters: dict[str, Any], index: int, wall: float | None) -> Conditions:
    """Conditions of MD at the temperature of that index, which gets a seed of its own."""
    sequence = np.random.SeedSequence([parameters["seed"], index])
    seed = 1 + int(sequence.generate_state(1)[0]) % 900_000_000
    return Conditions(parameters["temperatures"][index], parameters["timestep"], seed, wall)


def _advance(sampler: Sampler, time: float, context: Context) -> None:
    """Run `time` ps of MD in pieces short enough for an interruption between them."""
    for steps in _pieces(time, context.parameters["timestep"]):
        context.check()
        sampler.advance(steps)


def _pieces(time: float, timestep: float) -> Iterator[int]:
    left, piece = round(time / timestep), max(1, round(CHUNK_PS / timestep))
    while left > 0:
        yield min(piece, left)
        left -= piece
