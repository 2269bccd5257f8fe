"""Division of frames into validation, test and the members' training sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.grouping import Grouping, groups_of
from mlipbench_hpc.data.selection import EVERYTHING, Selection

Strata = Sequence[str]
Parts = dict[str, list[int]]


@dataclass(frozen=True)
class Split:
    """Indices of frames. pool: all frames outside validation and test; members draw from it."""

    validation: list[int]
    test: list[int]
    pool: list[int]
    members: list[list[int]]

    def of(self, indices: list[int]) -> "Split":
        """Split with each number n replaced by indices[n]."""
        parts = (self.validation, self.test, self.pool, *self.members)
        validation, test, pool, *members = ([indices[place] for place in part] for part in parts)
        return Split(validation, test, pool, members)


@dataclass(frozen=True)
class Sizes:
    """Number of frames of each set; validation and test are None where the data name the sets."""

    validation: int | None
    test: int | None
    train: int
    members: int
    disjoint: bool
    seed: int

    @property
    def drawn(self) -> int:
        """Number of frames that the members need together."""
        return self.members * self.train if self.disjoint else self.train


def holding(frames: Frames, only: dict[str, int]) -> list[int]:
    """Frames with exactly the stated number of atoms of each element; only: number of atoms by symbol."""
    from ase.data import atomic_numbers

    matching = np.ones(len(frames), dtype=bool)
    for symbol, count in only.items():
        mine = frames.numbers == atomic_numbers[symbol]
        matching &= np.add.reduceat(mine, frames.offsets[:-1], dtype=int) == count
    return [int(index) for index in np.flatnonzero(matching)]


@dataclass(frozen=True)
class Plan:
    """Division of frames: sizes, either names of the sets or a grouping, and what the sets keep."""

    sizes: Sizes
    sets: Mapping[str, Sequence[str]] | None = None
    grouping: Grouping | None = None
    selection: Selection = EVERYTHING

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Plan":
        """Plan from the parameters of a `split` task."""
        sizes = Sizes(**{field.name: parameters[field.name] for field in fields(Sizes)})
        grouping = parameters.get("group_by")
        selection = Selection(**(parameters.get("restrict") or {}), equal=parameters.get("equal") or "")
        return cls(sizes, parameters.get("sets"), Grouping(**grouping) if grouping else None, selection)


def divide(
    strata: Strata, plan: Plan, labels: Sequence[str] | None = None, runs: Sequence[str] | None = None
) -> Split:
    """Divide frames into sets. labels, runs: (F,) the set and the trajectory that each frame names.

    Without trajectories, blocks are blocks of all frames in their order. Raises ValueError where `split`,
    `split_by_sets` or `split_by_groups` does, and where the data name no sets or trajectories.
    """
    if plan.sets:
        if labels is None:
            raise ValueError(
                "the data name no set of their frames: `labels: {set: …}` of the file, or `join`"
            )
        return split_by_sets(strata, labels, plan.sets, plan.sizes, plan.selection)
    if plan.grouping:
        if (runs is None or not any(runs)) and plan.grouping.block is None:
            raise ValueError(
                "the data name no trajectory of their frames: `labels: {trajectory: …}`, or blocks"
            )
        return split_by_groups(strata, runs or [""] * len(strata), plan.grouping, plan.sizes, plan.selection)
    sizes = plan.sizes
    return split(
        strata, sizes.validation or 0, sizes.test or 0, sizes.train, sizes.members, sizes.disjoint,
        sizes.seed, plan.selection,
    )  # fmt: skip


def split(
    strata: Strata,
    validation: int,
    test: int,
    train: int,
    members: int,
    disjoint: bool,
    seed: int,
    selection: Selection = EVERYTHING,
) -> Split:
    """Validation first, then test, then `members` training sets of `train` frames, stratified and seeded.

    strata: one label (composition) per frame. Held-out sets take the largest-remainder share of each
    stratum. A member's set is a prefix of its own stratified order of the pool: for one seed it is contained
    in every larger one. Unless `disjoint`, member m's set does not depend on how many members there are.
    Where strata tie, the seed decides. selection: what sets keep of this division. Raises ValueError when
    the frames do not suffice, or when two members would get the same set.
    """
    sizes = Sizes(validation, test, train, members, disjoint, seed)
    if validation + test + sizes.drawn > len(strata):
        need = validation + test + sizes.drawn
        raise ValueError(
            f"{len(strata)} frames cannot give {need} (validation {validation}, test {test}, training)"
        )
    groups = _shuffled(strata, list(range(len(strata))), _generator(seed, 0))
    ranks = _ranks(strata, _generator(seed, 3, 0))
    held_out, groups = _take(groups, validation, ranks)
    tested, groups = _take(groups, test, ranks)
    pool = sorted(index for group in groups.values() for index in group)
    return _from_pool(strata, held_out, tested, pool, sizes, selection)


def split_by_sets(
    strata: Strata,
    labels: Sequence[str],
    sets: Mapping[str, Sequence[str]],
    sizes: Sizes,
    selection: Selection = EVERYTHING,
) -> Split:
    """Validation and test are the frames whose label is listed under that name in `sets`; members draw from
    those listed under `train`. labels: (F,) the set that each frame names. Without a list for validation,
    sizes.validation frames of those for training are taken for it first, stratified.

    Raises ValueError when a set is empty, or the frames for training do not suffice.
    """
    parts = {
        name: [index for index, label in enumerate(labels) if label in chosen]
        for name, chosen in sets.items()
    }
    for name, chosen in sets.items():
        if not parts[name]:
            raise ValueError(f"no frame is of the set {' or '.join(chosen)}, which is to give {name}")
    pool, held_out = parts["train"], parts.get("validation")
    if held_out is None:
        groups = _shuffled(strata, pool, _generator(sizes.seed, 0))
        held_out, groups = _take(groups, sizes.validation or 0, _ranks(strata, _generator(sizes.seed, 3, 0)))
        pool = sorted(index for group in groups.values() for index in group)
    return _from_pool(strata, held_out, parts["test"], pool, sizes, selection)


def split_by_groups(
    strata: Strata,
    runs: Sequence[str],
    grouping: Grouping,
    sizes: Sizes,
    selection: Selection = EVERYTHING,
) -> Split:
    """Split as by `split`, with all frames of a group in one of validation, test and pool, or in none.

    runs: (F,) the trajectory of each frame, whose frames follow in order. Groups are taken in an order that
    holds their strata in proportion; frames of the last group beyond the requested number are left out.
    Raises ValueError when the groups do not suffice.
    """
    groups = groups_of(runs, grouping)
    kinds = [" ".join(sorted({strata[index] for index in group})) for group in groups]
    ranks = _ranks(kinds, _generator(sizes.seed, 3, 0))
    order = _interleaved(_shuffled(kinds, list(range(len(groups))), _generator(sizes.seed, 0)), ranks)
    waiting = [groups[place] for place in order]
    held_out = _fill(waiting, sizes.validation or 0, "validation", len(groups))
    tested = _fill(waiting, sizes.test or 0, "test", len(groups))
    pool = sorted(index for group in waiting for index in group)
    return _from_pool(strata, held_out, tested, pool, sizes, selection)


def common(members: Sequence[Sequence[int]]) -> float | None:
    """Share of a member's frames that another member has, on average over pairs; None for one member."""
    pairs = [len(set(a) & set(b)) / len(a) for a, b in combinations(members, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _fill(waiting: list[list[int]], count: int, name: str, groups: int) -> list[int]:
    """First `count` frames of the next groups, which are removed from `waiting`."""
    frames: list[int] = []
    while len(frames) < count and waiting:
        frames += waiting.pop(0)
    if len(frames) < count:
        raise ValueError(f"{groups} groups of frames leave {len(frames)} of {count} frames for {name}")
    return sorted(frames[:count])


def _from_pool(
    strata: Strata,
    validation: list[int],
    test: list[int],
    pool: list[int],
    sizes: Sizes,
    selection: Selection,
) -> Split:
    """The sets as they stay after the selection. Raises ValueError where frames do not suffice."""
    if sizes.drawn > len(pool):
        raise ValueError(f"{len(pool)} frames are left for training, {sizes.drawn} are needed")
    judged, tested = (selection.judged(strata, part) for part in (validation, test))
    if selection.held_out and not (judged and tested):
        raise ValueError("validation or test has no frame with the numbers of atoms that `held_out` states")
    members = training_sets(strata, pool, sizes, selection)
    return Split(judged, tested, selection.learnt(strata, pool), members)


def training_sets(
    strata: Strata, pool: list[int], sizes: Sizes, selection: Selection = EVERYTHING
) -> list[list[int]]:
    """One set of frames for each member, drawn from `pool`. Raises ValueError where two are the same.

    A member's order of the pool is the same whatever the selection keeps of it.
    """
    seed, members = sizes.seed, sizes.members
    if sizes.disjoint:
        parts = _deal(_shuffled(strata, pool, _generator(seed, 1)), members, _generator(seed, 3, 1))
    else:
        parts = [_shuffled(strata, pool, _generator(seed, 2, member)) for member in range(members)]
    ranks = [_ranks(strata, _generator(seed, 3, 2, member)) for member in range(members)]
    orders = [_interleaved(part, rank) for part, rank in zip(parts, ranks, strict=True)]
    drawn = [selection.first(strata, order, sizes.train) for order in orders]
    sets = [sorted(part) for part in drawn]
    _require_different(sets, len(pool))
    return sets


def _require_different(sets: list[list[int]], pool: int) -> None:
    """Raise ValueError where two members have the same frames, because the spread would mean nothing."""
    for first, second in combinations(range(len(sets)), 2):
        if sets[first] == sets[second]:
            raise ValueError(
                f"members {first} and {second} would get the same training set ({len(sets[first])} of {pool} "
                "frames): ask for fewer frames a member, or another seed"
            )


def _generator(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def _ranks(strata: Strata, generator: np.random.Generator) -> dict[str, int]:
    """Random order of the strata, for ties."""
    names = sorted(set(strata))
    return dict(zip(names, generator.permutation(len(names)).tolist(), strict=True))


def _shuffled(strata: Strata, indices: list[int], generator: np.random.Generator) -> Parts:
    """Frames of each stratum in random order."""
    groups: Parts = {name: [] for name in sorted({strata[index] for index in indices})}
    for place in generator.permutation(len(indices)):
        groups[strata[indices[place]]].append(indices[place])
    return groups


def apportion(sizes: dict[str, int], total: int, ranks: Mapping[str, int]) -> dict[str, int]:
    """Divide `total` over strata by largest remainder (Hamilton); ties go to the lowest rank."""
    whole = sum(sizes.values())
    shares = {name: divmod(total * size, whole) for name, size in sizes.items()}
    short = total - sum(share for share, _ in shares.values())
    by_remainder: Callable[[str], tuple[int, int]] = lambda name: (-shares[name][1], ranks[name])  # noqa: E731
    raised = sorted(shares, key=by_remainder)[:short]
    return {name: share + (name in raised) for name, (share, _) in shares.items()}


def _take(groups: Parts, total: int, ranks: Mapping[str, int]) -> tuple[list[int], Parts]:
    shares = apportion({name: len(group) for name, group in groups.items()}, total, ranks)
    taken = sorted(index for name, group in groups.items() for index in group[: shares[name]])
    return taken, {name: group[shares[name] :] for name, group in groups.items() if len(group) > shares[name]}


def _deal(groups: Parts, members: int, generator: np.random.Generator) -> list[Parts]:
    """Deal all strata, one after the other, to the members like cards: hands differ by at most one frame.

    Strata with fewer frames than members come last, as one shuffled stack.
    """
    large = [(name, index) for name, group in groups.items() if len(group) >= members for index in group]
    small = [(name, index) for name, group in groups.items() if len(group) < members for index in group]
    cards = large + [small[place] for place in generator.permutation(len(small))]
    hands = [cards[member::members] for member in range(members)]
    return [{name: [index for own, index in hand if own == name] for name in groups} for hand in hands]


def _interleaved(groups: Parts, ranks: Mapping[str, int]) -> list[int]:
    """Order in which every prefix holds the strata in about their proportions."""
    keyed = [
        ((place + 0.5) / len(group), ranks[name], index)
        for name, group in groups.items()
        for place, index in enumerate(group)
    ]
    return [index for _key, _rank, index in sorted(keyed)]
