"""Divide frames into validation, test and the members' training sets; reference energies per species."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Frames


@dataclass(frozen=True)
class Split:
    """Indices of frames. pool: all that are neither validation nor test; members draw from it."""

    validation: list[int]
    test: list[int]
    pool: list[int]
    members: list[list[int]]

    def of(self, indices: list[int]) -> "Split":
        """The same split where its numbers count along `indices`."""
        parts = (self.validation, self.test, self.pool, *self.members)
        validation, test, pool, *members = ([indices[place] for place in part] for part in parts)
        return Split(validation, test, pool, members)


def holding(frames: Frames, only: dict[str, int]) -> list[int]:
    """Frames with exactly so many atoms of each element; only: number of atoms by symbol."""
    from ase.data import atomic_numbers

    found = np.ones(len(frames), dtype=bool)
    for symbol, count in only.items():
        mine = frames.numbers == atomic_numbers[symbol]
        found &= np.add.reduceat(mine, frames.offsets[:-1], dtype=int) == count
    return [int(index) for index in np.flatnonzero(found)]


def split(
    strata: list[str], validation: int, test: int, train: int, members: int, disjoint: bool, seed: int
) -> Split:
    """Validation first, then test, then `members` training sets of `train` frames, stratified and seeded.

    strata: one label (composition) per frame. Held-out sets take the largest-remainder share of each
    stratum. A member's set is a prefix of its own stratified order of the pool: for one seed it is contained
    in every larger one. Unless `disjoint`, member m's set does not depend on how many members there are.
    Raises ValueError when the frames do not suffice.
    """
    need = validation + test + (members * train if disjoint else train)
    if need > len(strata):
        raise ValueError(
            f"{len(strata)} frames cannot give {need} (validation {validation}, test {test}, training)"
        )
    groups = _shuffled(strata, list(range(len(strata))), _generator(seed, 0))
    held_out, groups = _take(groups, validation)
    tested, groups = _take(groups, test)
    pool = sorted(index for group in groups.values() for index in group)
    if disjoint:
        parts = _deal(_shuffled(strata, pool, _generator(seed, 1)), members)
    else:
        parts = [_shuffled(strata, pool, _generator(seed, 2, member)) for member in range(members)]
    return Split(held_out, tested, pool, [sorted(_interleaved(part)[:train]) for part in parts])


def _generator(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def _shuffled(strata: list[str], indices: list[int], generator: np.random.Generator) -> dict[str, list[int]]:
    """Each stratum's frames in random order."""
    order = [indices[i] for i in generator.permutation(len(indices))]
    names = sorted({strata[index] for index in indices})
    return {name: [index for index in order if strata[index] == name] for name in names}


def apportion(sizes: dict[str, int], total: int) -> dict[str, int]:
    """Share `total` out over strata by largest remainder (Hamilton); ties go to the first name."""
    whole = sum(sizes.values())
    shares = {name: divmod(total * size, whole) for name, size in sizes.items()}
    short = total - sum(share for share, _ in shares.values())
    lucky = sorted(shares, key=lambda name: (-shares[name][1], name))[:short]
    return {name: share + (name in lucky) for name, (share, _) in shares.items()}


def _take(groups: dict[str, list[int]], total: int) -> tuple[list[int], dict[str, list[int]]]:
    shares = apportion({name: len(group) for name, group in groups.items()}, total)
    taken = sorted(index for name, group in groups.items() for index in group[: shares[name]])
    return taken, {name: group[shares[name] :] for name, group in groups.items() if len(group) > shares[name]}


def _deal(groups: dict[str, list[int]], members: int) -> list[dict[str, list[int]]]:
    """Deal all strata, one after the other, to the members like cards: hands differ by at most one frame."""
    cards = [(name, index) for name, group in groups.items() for index in group]
    hands = [cards[member::members] for member in range(members)]
    return [{name: [index for own, index in hand if own == name] for name in groups} for hand in hands]


def _interleaved(groups: dict[str, list[int]]) -> list[int]:
    """One order whose every prefix holds the strata in about their proportions."""
    keyed = [
        ((place + 0.5) / len(group), name, index)
        for name, group in groups.items()
        for place, index in enumerate(group)
    ]
    return [index for _key, _name, index in sorted(keyed)]


def reference_energies(frames: Frames, indices: list[int]) -> dict[int, float]:
    """Energy per atom of each species, eV by atomic number, by least squares over the frames at `indices`.

    Minimises Σ_f (E_f − Σ_Z n_fZ e_Z)². Where the compositions do not determine it (pure water: only
    2 e_H + e_O is known) the solution of least norm is taken: any solution gives the same sum for such
    compositions, and this one shares it out in proportion to the numbers of atoms.
    """
    species = frames.species()
    counts = np.zeros((len(indices), len(species)))
    for row, index in enumerate(indices):
        found = Counter(int(number) for number in frames.numbers[frames.atoms_of(index)])
        counts[row] = [found[number] for number in species]
    solution, *_ = np.linalg.lstsq(counts, frames.energies[np.asarray(indices)], rcond=1e-10)
    return dict(zip(species, (float(value) for value in solution), strict=True))
