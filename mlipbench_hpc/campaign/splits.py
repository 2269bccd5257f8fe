"""Splits that cannot be drawn: pure functions of a split and of what the datasets hold."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from mlipbench_hpc.campaign.facts import DatasetFacts, atoms_in, drawn
from mlipbench_hpc.campaign.potentials import symbols
from mlipbench_hpc.campaign.problem import Mistake, Place, near
from mlipbench_hpc.campaign.spec import Split

Facts = Mapping[str, DatasetFacts]


def facts_of(split: Split, facts: Facts) -> DatasetFacts | None:
    """What the frames hold that a split draws from; None where that is not known, or there are none."""
    held = drawn(facts[split.dataset], split.only) if split.dataset in facts else None
    return held if held and held.frames else None


def check_split(place: Place, split: Split, train: int, facts: Facts) -> Iterator[Mistake]:
    """A split with `train` frames a member (more than at first when a committee grows)."""
    if wrong := list(_only((*place, "only"), split, facts)):
        yield from wrong
    elif held := facts_of(split, facts):
        whose = f" with {_counts(split.only)}" if split.only else ""
        yield from _sizes(place, split, train, held, f"`{split.dataset}`{whose}")


def _only(place: Place, split: Split, facts: Facts) -> Iterator[Mistake]:
    from ase.data import atomic_numbers

    strange = [symbol for symbol in split.only if symbol not in atomic_numbers]
    for symbol in strange:
        hint = near(symbol, atomic_numbers)
        yield Mistake((*place, symbol), "no such element", repr(symbol), "a symbol such as O or Na", hint)
    if strange or split.dataset not in facts or facts_of(split, facts):
        return
    there = "; ".join(_occurring(symbol, facts[split.dataset]) for symbol in split.only)
    message = f"no frame of `{split.dataset}` has so many atoms"
    yield Mistake(place, message, _counts(split.only), f"numbers that occur: {there}")


def _counts(only: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol}{count}" for symbol, count in only.items())


def _occurring(symbol: str, held: DatasetFacts) -> str:
    """Such as `Na0 in 48 frames, Na2 in 50`."""
    found = Counter[int]()
    for formula, frames in held.compositions.items():
        found[atoms_in(formula).get(symbol, 0)] += frames
    first, *others = (f"{symbol}{count} in {frames}" for count, frames in sorted(found.items()))
    return ", ".join([f"{first} frames", *others])


def _sizes(place: Place, split: Split, train: int, held: DatasetFacts, where: str) -> Iterator[Mistake]:
    frames = held.frames
    pool = frames - split.validation - split.test
    need = split.members * train if split.disjoint else train
    have = f"{frames} frames in {where}, {max(pool, 0)} after validation and test"
    if pool < 1:
        received = f"{split.validation} + {split.test} of {frames} frames in {where}"
        yield Mistake(
            (*place, "validation"), "validation and test leave nothing to train on", received, "fewer"
        )
    elif need > pool:
        wanted = f"{split.members} x {train} frames" if split.disjoint else f"{train} frames"
        most = pool // split.members if split.disjoint else pool
        message = (
            "a committee larger than the data allows" if split.disjoint else "more frames than the data has"
        )
        yield Mistake((*place, "train"), message, wanted, f"at most {most} ({have})")
    elif strange := set(held.species) - _learned(split, held):
        message = f"some member may be trained on no frame with {symbols(strange)}"
        yield Mistake((*place, "train"), message, f"{train} frames", "more frames a member")
    elif not split.disjoint and math.comb(pool, train) < split.members:
        received = f"{split.members} members, {train} of {pool} frames each"
        expected = f"at most {math.comb(pool, train)} members, or fewer frames each ({have})"
        yield Mistake((*place, "members"), "a committee larger than the data allows", received, expected)


def _learned(split: Split, held: DatasetFacts) -> set[int]:
    """Species that every member of a split sees in training (shares depend on the strata's sizes alone)."""
    from ase.data import atomic_numbers

    holds = {formula: {atomic_numbers[s] for s in atoms_in(formula)} for formula in held.compositions}
    if all(species == set(held.species) for species in holds.values()):
        return set(held.species)
    from mlipbench_hpc.data.split import split as divide

    strata = [formula for formula, count in held.compositions.items() for _ in range(count)]
    parts = divide(strata, **split.model_dump(exclude={"dataset", "only"}))
    seen = [{number for index in member for number in holds[strata[index]]} for member in parts.members]
    return set.intersection(*seen)
