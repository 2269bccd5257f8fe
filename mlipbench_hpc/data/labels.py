"""Labels that cannot be right, or that seem to differ from the statements of the campaign."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np

from mlipbench_hpc.data import directions, outliers, zeros
from mlipbench_hpc.data.bonds import LEAST_SLOPE, SHARE, energy_spread
from mlipbench_hpc.data.check import OTHER_UNIT, DataProblem, check_frames
from mlipbench_hpc.data.consistency import CORRELATED, FEWEST_PAIRS, NEAR_A
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Frames, Ints
from mlipbench_hpc.data.read import Source
from mlipbench_hpc.data.relations import Relations
from mlipbench_hpc.data.summary import strata

FEWEST_ENERGIES = 3
# eV/Å. Largest |ΣF|/√N in a periodic frame without an external field.
NET_FORCE = 0.1
# Atoms/Å³ and atoms of a condensed phase, and the share of a cell's edge that its atoms span.
CONDENSED, FEWEST_ATOMS, FILLED = 0.03, 30, 0.8
# A force is zero in a frame by symmetry, in most frames by a constraint.
FEWEST_FROZEN = 3
SHOWN = 5


def check_source(
    source: Source, relations: Relations, labels: Mapping[str, str | None], largest_force: float
) -> list[DataProblem]:
    """Mistakes in labelled frames as they were read; largest_force in eV/Å, per component."""
    absent = list(_absent(source, relations.frames, labels))
    rest = [
        problem for problem in check_frames(source.frames, largest_force) if not _is_covered(problem, absent)
    ]
    stated = [DataProblem(None, sentence) for sentence in (*source.wrong, *_unconverged(source.unconverged))]
    # Nothing about forces can be concluded from positions in another unit.
    known = not any(problem.message == OTHER_UNIT for problem in rest)
    return stated + absent + rest + (list(_impossible(relations)) if known else [])


def _absent(source: Source, bound: Frames, labels: Mapping[str, str | None]) -> Iterator[DataProblem]:
    """Labels that no frame has, with similar names in the data, or all names.

    bound: frames that are no isolated atoms; these often stand without forces, which are then zero.
    """
    for key, array in (("energy", source.frames.energies), ("forces", bound.forces)):
        asked = str(labels[key])
        if np.isnan(array).all() and array.size and asked not in source.names:
            near = difflib.get_close_matches(asked, source.names, 3, 0.5)
            near += [name for name in source.names if asked.lower() in name.lower() and name not in near]
            there = near or list(source.names)
            names = ", ".join(f"{name} ({source.names[name]} frames)" for name in there) or "no label at all"
            yield DataProblem(None, f"no frame has the {key} label", f"`{asked}`", f"one of: {names}")


def _unconverged(frames: tuple[int, ...]) -> Iterator[str]:
    if frames:
        first = ", ".join(map(str, frames[:SHOWN])) + ", …" * (len(frames) > SHOWN)
        yield (
            f"{len(frames)} frames say that they are not converged (frames {first}): their labels are wrong: "
            "leave these frames out (`leave_out: {frames: …}`)"
        )


def _is_covered(problem: DataProblem, absent: list[DataProblem]) -> bool:
    """True where the message on a label that no frame has covers this problem."""
    message = "".join(one.message for one in absent)
    kind = "energy" if problem.message.startswith("energy label missing") else "forces"
    mine = problem.message.startswith(("energy label missing", "force label missing", "… and"))
    return mine and (f"the {kind} label" in message or (problem.frame is None and bool(absent)))


def _impossible(relations: Relations) -> Iterator[DataProblem]:
    """Labels without any content, and energies that contradict the forces."""
    part = relations.frames
    numbers = part.energies, part.forces, part.positions
    if len(part) < 2 or not part.sizes.all() or not all(np.isfinite(array).all() for array in numbers):
        return
    if not part.forces.any():
        yield DataProblem(
            None, "all forces are zero", f"{len(part)} frames", "forces of the reference method"
        )
    elif len(part) >= FEWEST_ENERGIES and np.ptp(part.energies) == 0.0:
        received = f"{part.energies[0]:.6f} eV in {len(part)} frames"
        yield DataProblem(None, "all energies are equal", received, "each frame's own energy")
    else:
        yield from islice(_contradictions(relations), 1)


def _contradictions(relations: Relations) -> Iterator[DataProblem]:
    """Forces that contradict the energies or the positions, the most certain first."""
    part = relations.frames
    for words in directions.missing(part):
        yield DataProblem(None, "a component of the forces is missing", *words)
    if (fit := relations.consistency) and not fit.is_consistent:
        yield DataProblem(None, "energies and forces contradict each other", *fit.words())
    if fit and fit.is_unrelated:
        yield DataProblem(None, "forces do not belong to the positions", *fit.misfit())
    if (known := relations.bonds) and (words_of := known.contradiction(relations.places)):
        yield DataProblem(None, "forces contradict the distances between atoms", *words_of)
    if order := directions.disorder(part):
        yield DataProblem(None, "forces are those of other atoms", *order)


def remarks(relations: Relations) -> list[str]:
    """Warnings of labels that may be intended, but may mislead."""
    part, places = relations.frames, relations.places
    if not len(part):
        return []
    return [
        *_frozen(part),
        *_periodicity(part),
        *_open_boxes(part),
        *_net_forces(part, places),
        *_doubtful_forces(relations),
        *_doubtful_bonds(relations),
        *_zero_energies(part, places),
        *_zero_forces(part, places),
        *directions.absent(part),
        *_constant_energies(part),
        *_repeated_forces(part, places),
        *zeros.energy_zeros(part),
        *zeros.coarse_energies(part),
        *outliers.sentences(part, places),
    ]


def unchecked(relations: Relations) -> list[str]:
    """Sentences on what no check of these frames can exclude: sign and units of forces, units of energies."""
    part, known = relations.frames, relations.bonds
    if len(part) < 2:
        return []
    sign = known.looked if known and known.is_certain else len(part)
    alone = [f"the sign of forces is checked in {sign} of {len(part)} frames alone"] * (sign < len(part))
    if (fit := relations.consistency) and abs(fit.correlation) >= CORRELATED:
        return alone
    if known and known.is_certain and known.expected and any(energy_spread(part, known)):
        return alone
    near = f"{fit.pairs} pairs" if fit else f"fewer than {FEWEST_PAIRS} pairs"
    rest = "sign and units of forces and energies are not checked"
    if known and known.is_certain:
        rest = (
            f"{known.name} distances in {known.looked} frames confirm the sign of the forces, units of "
            "energies are not checked"
        )
    return [f"{near} of {len(part)} frames within {NEAR_A:g} Å do not relate energies to forces: {rest}"]


def _doubtful_bonds(relations: Relations) -> Iterator[str]:
    """Warning of forces that do not follow the bonds, and of energies that vary less than their bonds."""
    known = relations.bonds
    if known is None:
        return
    if known.is_unrelated:
        yield (
            f"forces may not belong to the positions: correlation {known.correlation:.2f} between length and "
            f"force of {len(known.frame)} {known.name} bonds; expected -0.5 or less: check that the forces "
            "of each frame are its own, in the order of its atoms"
        )
    for formula, energies, expected, slope, error in energy_spread(relations.frames, known):
        if energies < SHARE * expected:
            yield (
                f"energies of {formula} vary by {energies:.2g} eV between frames, those of its {known.name} "
                f"bonds alone by {expected:.2g} eV: are energies in Hartree or Ry, or per atom?"
            )
        elif energies < expected and slope + 3.0 * error < LEAST_SLOPE:
            yield (
                f"energies of {formula} change by {slope:.2g} ± {error:.1g} of those of its {known.name} "
                "bonds; expected about 1: are energies in Ry or Hartree, or per atom?"
            )


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
    """Warning of a composition with frames of both kinds; small molecules beside crystals are usual."""
    kinds, dimensions = periodicities(frames), frames.pbc.sum(axis=1)
    once = {(formula, int(number)) for formula, number in zip(strata(frames), dimensions, strict=True)}
    several = len(once) > len({formula for formula, _ in once})
    large = (dimensions == 0) & (frames.sizes >= FEWEST_ATOMS)
    if len(kinds) > 1 and (several or large.any()):
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


def _open_boxes(frames: Frames) -> Iterator[str]:
    """Warning of frames that are not periodic, although their atoms fill a cell as densely as a liquid."""
    number = sum(_fills_its_cell(frames, int(index)) for index in np.flatnonzero(~frames.pbc.any(axis=1)))
    if number:
        yield (
            f"in {number} of {len(frames)} frames, not periodic, atoms fill the Lattice as densely as a "
            'liquid: is it meant as periodic (pbc="T T T")?'
        )


def _fills_its_cell(frames: Frames, index: int) -> bool:
    cell, atoms = frames.cells[index], int(frames.sizes[index])
    volume = abs(float(np.linalg.det(cell)))
    if atoms < FEWEST_ATOMS or atoms < CONDENSED * volume or volume < 1.0:
        return False
    shares = frames.positions[frames.atoms_of(index)] @ np.linalg.inv(cell)
    return bool((np.ptp(shares, axis=0) > FILLED).all())


def _net_forces(frames: Frames, places: list[int]) -> Iterator[str]:
    """Warning of net forces; frames with atoms of zero force, which are fixed, are left to `_frozen`."""
    if not frames.sizes.all():
        return
    starts = frames.offsets[:-1]
    net = np.linalg.norm(np.add.reduceat(frames.forces, starts), axis=1) / np.sqrt(frames.sizes)
    free = np.logical_and.reduceat(frames.forces.any(axis=1), starts)
    odd = np.flatnonzero((net > NET_FORCE) & free & frames.pbc.all(axis=1))
    if len(odd):
        worst = int(odd[net[odd].argmax()])
        yield (
            f"in {len(odd)} of {len(frames)} frames the forces do not add up to zero: |ΣF|/√N up to "
            f"{net[worst]:.3g} eV/Å (frame {places[worst]}), limit {NET_FORCE:g} eV/Å: without an external "
            "field, check that all atoms and their own forces are there"
        )


def _doubtful_forces(relations: Relations) -> Iterator[str]:
    fit = relations.consistency
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
    formulas = np.array(strata(frames))
    for formula in np.unique(formulas):
        energies = frames.energies[formulas == formula]
        if len(energies) >= FEWEST_ENERGIES and np.ptp(energies) == 0.0 and energies[0] != 0.0:
            yield (
                f"all {len(energies)} energies of {formula} are {energies[0]:.6f} eV: has each frame its own "
                "energy?"
            )


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
