"""Labels that cannot be right, or that seem to differ from the statements of the campaign."""

import difflib
from collections.abc import Iterator, Mapping

import numpy as np

from mlipbench_hpc.data import outliers
from mlipbench_hpc.data.check import DataProblem, check_frames
from mlipbench_hpc.data.consistency import consistency
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Frames, Ints
from mlipbench_hpc.data.read import Source

FEWEST_ENERGIES = 3
# A force is zero in a frame by symmetry, in most frames by a constraint.
FEWEST_FROZEN = 3
SHOWN = 5


def check_source(source: Source, labels: Mapping[str, str | None], largest_force: float) -> list[DataProblem]:
    """Mistakes in labelled frames as they were read; largest_force in eV/Å, per component."""
    absent = list(_absent(source, labels))
    rest = [
        problem for problem in check_frames(source.frames, largest_force) if not _is_covered(problem, absent)
    ]
    stated = [DataProblem(None, sentence) for sentence in source.wrong]
    return stated + absent + rest + list(_impossible(source.frames))


def _absent(source: Source, labels: Mapping[str, str | None]) -> Iterator[DataProblem]:
    """Labels that no frame has, with similar names in the data, or all names."""
    # Isolated atoms often stand without forces, which are then zero.
    bound = source.frames.select(np.setdiff1d(np.arange(len(source.frames)), isolated_atoms(source.frames)))
    for key, array in (("energy", source.frames.energies), ("forces", bound.forces)):
        asked = str(labels[key])
        if np.isnan(array).all() and array.size and asked not in source.names:
            near = difflib.get_close_matches(asked, source.names, 3, 0.5)
            near += [name for name in source.names if asked.lower() in name.lower() and name not in near]
            there = near or list(source.names)
            names = ", ".join(f"{name} ({source.names[name]} frames)" for name in there) or "no label at all"
            yield DataProblem(None, f"no frame has the {key} label", f"`{asked}`", f"one of: {names}")


def _is_covered(problem: DataProblem, absent: list[DataProblem]) -> bool:
    """True where the message on a label that no frame has covers this problem."""
    message = "".join(one.message for one in absent)
    kind = "energy" if problem.message.startswith("energy label missing") else "forces"
    mine = problem.message.startswith(("energy label missing", "force label missing", "… and"))
    return mine and (f"the {kind} label" in message or (problem.frame is None and bool(absent)))


def _impossible(frames: Frames) -> Iterator[DataProblem]:
    """Labels without any content, and energies that contradict the forces."""
    bound = np.setdiff1d(np.arange(len(frames)), isolated_atoms(frames))
    numbers = frames.energies, frames.forces, frames.positions
    if len(bound) < 2 or not frames.sizes.all() or not all(np.isfinite(part).all() for part in numbers):
        return
    part = frames.select(bound)
    if not part.forces.any():
        yield DataProblem(
            None, "all forces are zero", f"{len(part)} frames", "forces of the reference method"
        )
    elif len(part) >= FEWEST_ENERGIES and np.ptp(part.energies) == 0.0:
        received = f"{part.energies[0]:.6f} eV in {len(part)} frames"
        yield DataProblem(None, "all energies are equal", received, "each frame's own energy")
    elif (fit := consistency(part)) and not fit.is_consistent:
        yield DataProblem(None, "energies and forces contradict each other", *fit.words())
    elif fit and fit.is_unrelated:
        yield DataProblem(None, "forces do not belong to the positions", *fit.misfit())


def remarks(frames: Frames) -> list[str]:
    """Warnings of labels that may be intended, but may mislead. Isolated atoms have no say in them."""
    bound = np.setdiff1d(np.arange(len(frames)), isolated_atoms(frames))
    part, places = frames.select(bound), bound.tolist()
    if not len(part):
        return []
    return [
        *_frozen(part),
        *_periodicity(part),
        *_doubtful_forces(part),
        *_zero_energies(part, places),
        *_zero_forces(part, places),
        *_constant_energies(part),
        *_repeated_forces(part, places),
        *outliers.zeros(part),
        *outliers.sentences(part, places),
    ]


def _frozen(frames: Frames) -> Iterator[str]:
    """Warning of atoms whose force is exactly zero: constraints written as labels."""
    zero = ~frames.forces.any(axis=1)
    counts = np.add.reduceat(zero, frames.offsets[:-1], dtype=int)
    constrained = np.flatnonzero(counts)
    if len(constrained) >= FEWEST_FROZEN and 2 * len(constrained) > len(frames):
        most = int(counts[constrained].max())
        yield (
            f"{len(constrained)} of {len(frames)} frames have atoms with a force of exactly zero (up to "
            f"{most}): of fixed atoms, write the reference method's own forces: a model learns the zeros"
        )


def _periodicity(frames: Frames) -> Iterator[str]:
    kinds = periodicities(frames)
    if len(kinds) > 1:
        mixture = ", ".join(f"{count} {words}" for words, count in kinds.items())
        yield f"frames of different periodicity: {mixture}: is a Lattice or pbc missing?"


def periodicities(frames: Frames) -> dict[str, int]:
    """Numbers of frames, isolated atoms apart, by periodic directions in words."""
    chosen = np.setdiff1d(np.arange(len(frames)), isolated_atoms(frames))
    dimensions = frames.pbc[chosen].sum(axis=1)
    words = {0: "not periodic", 1: "periodic in one direction", 2: "periodic in two directions"}
    return {
        words.get(int(number), "periodic in three directions"): int((dimensions == number).sum())
        for number in np.unique(dimensions)
    }


def _doubtful_forces(frames: Frames) -> Iterator[str]:
    fit = consistency(frames)
    if fit and fit.is_doubtful:
        received, expected = fit.misfit()
        yield f"forces may not belong to the positions: {received}; expected {expected}"


def _zero_energies(frames: Frames, places: list[int]) -> Iterator[str]:
    zero = np.flatnonzero(frames.energies == 0.0)
    if len(zero):
        yield (
            f"{len(zero)} of {len(frames)} frames have an energy of exactly 0 ({_named(zero, places)}): is "
            "it missing there? leave them out (`leave_out`)"
        )


def _zero_forces(frames: Frames, places: list[int]) -> Iterator[str]:
    """Warning of frames without any force; one atom has none in a crystal."""
    any_force = np.logical_or.reduceat(frames.forces.any(axis=1), frames.offsets[:-1])
    zero = np.flatnonzero(~any_force & (frames.sizes > 1))
    if len(zero):
        yield (
            f"in {len(zero)} of {len(frames)} frames all forces are exactly 0 ({_named(zero, places)}): "
            "unless symmetry makes them so, they are missing; leave the frames out (`leave_out`)"
        )


def _constant_energies(frames: Frames) -> Iterator[str]:
    """Warning of compositions whose energies are all equal, where those of others are not."""
    formulas = np.array([frames.formula(index) for index in range(len(frames))])
    for formula in np.unique(formulas):
        energies = frames.energies[formulas == formula]
        if len(energies) >= FEWEST_ENERGIES and np.ptp(energies) == 0.0 and energies[0] != 0.0:
            yield f"all {len(energies)} energies of {formula} are {energies[0]:.6f} eV: are they its own?"


def _repeated_forces(frames: Frames, places: list[int]) -> Iterator[str]:
    """Warning of frames whose forces are those of an earlier frame to the last digit."""
    first: dict[bytes, int] = {}
    repeated = []
    for index in range(len(frames)):
        own = frames.forces[frames.atoms_of(index)]
        if len(own) > 1 and own.any() and first.setdefault(own.tobytes(), index) != index:
            repeated.append(index)
    if repeated:
        other = first[frames.forces[frames.atoms_of(repeated[0])].tobytes()]
        yield (
            f"{len(repeated)} frames have the forces of an earlier frame to the last digit (frame "
            f"{places[repeated[0]]} those of frame {places[other]}): a label of another frame?"
        )


def _named(indices: Ints, places: list[int]) -> str:
    """Frames by their index in the file, five at most."""
    names = ", ".join(str(places[index]) for index in indices[:SHOWN].tolist())
    return f"frame{'s' * (len(indices) > 1)} {names}" + ", …" * (len(indices) > SHOWN)
