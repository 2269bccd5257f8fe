"""Labels that cannot be right, or that seem to differ from the statements of the campaign."""

import difflib
from collections.abc import Iterator, Mapping

import numpy as np

from mlipbench_hpc.data.check import DataProblem, check_frames
from mlipbench_hpc.data.consistency import consistency
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.read import Source

FEWEST_ENERGIES = 3
# A force is zero in a frame by symmetry, in most frames by a constraint.
FEWEST_FROZEN = 3
FEWEST_OF_A_COMPOSITION = 8
# Smallest distance of an outlier from its composition's median, in robust standard deviations and in eV/atom.
OUTLIER_SIGMA, OUTLIER_EV_PER_ATOM = 10.0, 0.05
SIGMA_OF_MAD = 1.4826
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
    for key, array in (("energy", source.frames.energies), ("forces", source.frames.forces)):
        asked = str(labels[key])
        if np.isnan(array).all() and asked not in source.names:
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
    if len(bound) < 2 or not np.isfinite(frames.energies).all() or not np.isfinite(frames.forces).all():
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


def remarks(frames: Frames) -> list[str]:
    """Warnings of labels that may be intended, but may mislead."""
    return [*_frozen(frames), *_periodicity(frames), *_outliers(frames)]


def _frozen(frames: Frames) -> Iterator[str]:
    """Warning of atoms whose force is exactly zero: constraints written as labels."""
    alone = set(isolated_atoms(frames).tolist())
    zero = ~frames.forces.any(axis=1)
    counts = np.add.reduceat(zero, frames.offsets[:-1], dtype=int)
    constrained = [index for index in np.flatnonzero(counts).tolist() if index not in alone]
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


def _outliers(frames: Frames) -> Iterator[str]:
    """Energies far from the others of their composition, the farthest first."""
    distance, limit = distances(frames)
    wild = np.flatnonzero(np.abs(distance) > limit)
    for index in wild[np.argsort(-np.abs(distance[wild]))][:SHOWN].tolist():
        yield (
            f"frame {index}: its energy lies {distance[index]:+.4g} eV/atom from the median of "
            f"{frames.formula(index)}, beyond {limit[index]:.2g} eV/atom (ten robust standard deviations): "
            "leave it out (`leave_out`) unless it is meant"
        )
    if len(wild) > SHOWN:
        yield f"… and {len(wild) - SHOWN} more frames with such energies"


def distances(frames: Frames) -> tuple[Floats, Floats]:
    """Distance (F,) in eV/atom from the median energy of each frame's composition, and limit of outliers.

    The limit is ten times 1.4826 times the median of the distances' sizes, 50 meV/atom at least; infinite for
    compositions of fewer than eight frames.
    """
    formulas = np.array([frames.formula(index) for index in range(len(frames))])
    distance, limit = np.zeros(len(frames)), np.full(len(frames), np.inf)
    for formula in np.unique(formulas):
        own = np.flatnonzero(formulas == formula)
        energies = frames.energies[own] / frames.sizes[own]
        distance[own] = energies - np.median(energies)
        if len(own) >= FEWEST_OF_A_COMPOSITION:
            sigma = SIGMA_OF_MAD * float(np.median(np.abs(distance[own])))
            limit[own] = max(OUTLIER_SIGMA * sigma, OUTLIER_EV_PER_ATOM)
    return distance, limit
