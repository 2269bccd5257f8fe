"""Splits that cannot be drawn: pure functions of a split and of what the datasets hold."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.campaign.energies import check_energies
from mlipbench_hpc.campaign.facts import DatasetFacts, drawn
from mlipbench_hpc.campaign.potentials import symbols
from mlipbench_hpc.campaign.problem import Mistake, Place, near
from mlipbench_hpc.campaign.spec import Blocks, Split
from mlipbench_hpc.data.formulas import atoms_in
from mlipbench_hpc.data.selection import admits

if TYPE_CHECKING:
    from mlipbench_hpc.data.split import Split as Parts

Facts = Mapping[str, DatasetFacts]


def facts_of(split: Split, facts: Facts) -> DatasetFacts | None:
    """Facts of the frames that a split's sets may hold; None where they are not known, or there are none."""
    divided = _divided_facts(split, facts)
    known = held(split, divided) if divided else None
    return known if known and known.frames else None


def held(split: Split, divided: DatasetFacts) -> DatasetFacts:
    """Of the frames that a split divides, those that one of its sets may hold."""
    if split.restrict is None:
        return divided
    ways = split.restrict.train, split.restrict.held_out
    suitable = {name for name in divided.compositions if any(admits(name, way) for way in ways)}
    chosen = [index for index, formula in enumerate(divided.formulas) if formula in suitable]
    return divided if len(chosen) == divided.frames else divided.select(chosen)


def _divided_facts(split: Split, facts: Facts) -> DatasetFacts | None:
    """Facts of the frames that a split divides; None where they are not known, or there are none."""
    known = drawn(facts[split.dataset], split.only) if split.dataset in facts else None
    return known if known and known.frames else None


@dataclass(frozen=True)
class Sizes:
    """Frames of the held-out sets, and of the pool that members draw from (with groups: at most)."""

    validation: int
    test: int
    pool: int


def sizes_of(split: Split, known: DatasetFacts) -> Sizes:
    """With `sets`, all frames of the words named; known: what the frames hold that the split draws from."""
    if split.sets is None:
        validation, test = split.validation or 0, split.test or 0
        return Sizes(validation, test, known.frames - validation - test)
    words, taken = Counter(known.sets), split.validation or 0
    chosen = (split.sets.validation or [], split.sets.test, split.sets.train)
    validation, test, pool = (sum(words[name] for name in names) for names in chosen)
    return Sizes(validation or taken, test, pool - taken)


def split_parameters(split: Split, train: int, known: DatasetFacts) -> dict[str, Any]:
    """Parameters of a `split` task with `train` frames a member; known: what its whole dataset holds."""
    plain = ("only", "validation", "test", "members", "disjoint", "seed")
    parameters = split.model_dump(include=set(plain)) | {"train": train}
    if split.sets:
        parameters["sets"] = split.sets.model_dump(exclude_none=True)
    if split.group_by:
        blocks = split.group_by if isinstance(split.group_by, Blocks) else None
        parameters["group_by"] = (
            {"block": blocks.block, "gap": blocks.gap} if blocks else {"block": None, "gap": 0}
        )
    if split.restrict:
        parameters["restrict"] = split.restrict.model_dump()
    if split.equal:
        parameters["equal"] = split.equal
    if split.reference_energies:
        parameters["reference_energies"] = split.reference_energies
    if runs := known.runs:
        parameters["runs"] = runs
    return parameters


def check_split(place: Place, split: Split, train: int, facts: Facts) -> Iterator[Mistake]:
    """A split with `train` frames a member (more than at first when a committee grows)."""
    wrong = [*_only((*place, "only"), split, facts), *_sets((*place, "sets"), split, facts)]
    if wrong := wrong or [*_restrict((*place, "restrict"), split, facts), *_equal(place, split, facts)]:
        yield from wrong
    elif known := _divided_facts(split, facts):
        whose = f" with {_counts(split.only)}" if split.only else ""
        wrong = list(_sizes(place, split, train, known, f"`{split.dataset}`{whose}"))
        yield from wrong or _divided(place, split, train, known)
        yield from _references(
            (*place, "reference_energies"), split, facts[split.dataset], held(split, known)
        )


def _only(place: Place, split: Split, facts: Facts) -> Iterator[Mistake]:
    from ase.data import atomic_numbers

    strange = [symbol for symbol in split.only if symbol not in atomic_numbers]
    for symbol in strange:
        yield _no_element((*place, symbol), symbol)
    if strange or split.dataset not in facts or _divided_facts(split, facts):
        return
    known = facts[split.dataset]
    if absent := [symbol for symbol in split.only if not _has(symbol, known)]:
        for symbol in absent:
            expected = f"one of {symbols(set(known.species))}"
            yield Mistake((*place, symbol), f"no frame of `{split.dataset}` has it", repr(symbol), expected)
        return
    there = "; ".join(_occurring(symbol, known) for symbol in split.only)
    message = f"no frame of `{split.dataset}` has so many atoms"
    yield Mistake(place, message, _counts(split.only), f"numbers that occur: {there}")


def _has(symbol: str, known: DatasetFacts) -> bool:
    """True where some frame has the element."""
    return any(atoms_in(formula).get(symbol, 0) for formula in known.compositions)


def _no_element(place: Place, symbol: str) -> Mistake:
    from ase.data import atomic_numbers

    hint = near(symbol, atomic_numbers)
    return Mistake(place, "no such element", repr(symbol), "a symbol such as O or Na", hint)


def _restrict(place: Place, split: Split, facts: Facts) -> Iterator[Mistake]:
    """Elements that there are not, and numbers of atoms that no frame has."""
    from ase.data import atomic_numbers

    known = _divided_facts(split, facts)
    if split.restrict is None or known is None:
        return
    for key, amounts in split.restrict.model_dump().items():
        for symbol, numbers in amounts.items():
            if symbol not in atomic_numbers:
                yield _no_element((*place, key, symbol), symbol)
                continue
            there = {atoms_in(formula).get(symbol, 0) for formula in known.compositions}
            for index, number in enumerate(numbers):
                if number not in there:
                    expected = f"numbers that occur: {_occurring(symbol, known)}"
                    where = (*place, key, symbol, index)
                    yield Mistake(where, "no frame has so many atoms", f"{symbol}{number}", expected)


def _equal(place: Place, split: Split, facts: Facts) -> Iterator[Mistake]:
    """An element of which all frames have equally many."""
    known = _divided_facts(split, facts)
    if split.equal and known and len({atoms_in(name).get(split.equal, 0) for name in known.compositions}) < 2:
        received = f"{split.equal}: {_occurring(split.equal, known)}"
        yield Mistake(
            (*place, "equal"), "all frames have the same number", received, "another element, or none"
        )


def _sets(place: Place, split: Split, facts: Facts) -> Iterator[Mistake]:
    """Words that no frame carries, and words that are to give two sets."""
    if split.sets is None or split.dataset not in facts:
        return
    words = Counter(facts[split.dataset].sets)
    there = ", ".join(f"{word} ({count})" for word, count in words.items() if word)
    if not there:
        expected = "`labels: {set: …}` of its file, or a dataset with `join`"
        yield Mistake(place, f"the frames of `{split.dataset}` name no set", "no words", expected)
        return
    chosen = split.sets.model_dump(exclude_none=True)
    for name, names in chosen.items():
        for word in [word for word in names if word not in words]:
            yield Mistake(
                (*place, name), "no frame is of this set", repr(word), f"one of {there}", near(word, words)
            )
    used = Counter(word for names in chosen.values() for word in set(names))
    for word in [word for word, count in used.items() if count > 1]:
        yield Mistake(place, "one set of frames is to be two", repr(word), "each word in one of the three")


def unlisted(split: Split, facts: Facts) -> str:
    """Sentence on frames whose word is in none of the three `sets`; empty where there are none."""
    if split.sets is None or split.dataset not in facts:
        return ""
    known = facts[split.dataset]
    listed = {word for words in split.sets.model_dump(exclude_none=True).values() for word in words}
    alone = set(known.isolated)
    words = Counter(
        word for index, word in enumerate(known.sets) if word not in listed and index not in alone
    )
    if not words:
        return ""
    names = ", ".join(f"{word or 'no word'} ({count})" for word, count in sorted(words.items()))
    return (
        f"{words.total()} of {known.frames} frames stand in no set, for their word is not listed: {names}; "
        "add it under `sets`, or leave it so"
    )


def _counts(only: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol}{count}" for symbol, count in only.items())


def _occurring(symbol: str, known: DatasetFacts) -> str:
    """Such as `Na0 in 48 frames, Na2 in 50`."""
    occurring = Counter[int]()
    for formula, frames in known.compositions.items():
        occurring[atoms_in(formula).get(symbol, 0)] += frames
    first, *others = (f"{symbol}{count} in {frames}" for count, frames in sorted(occurring.items()))
    return ", ".join([f"{first} frames", *others])


def _sizes(place: Place, split: Split, train: int, known: DatasetFacts, where: str) -> Iterator[Mistake]:
    sizes = sizes_of(split, known)
    need = split.members * train if split.disjoint else train
    have = f"{known.frames} frames in {where}, {max(sizes.pool, 0)} after validation and test"
    if sizes.pool < 1:
        received = f"{sizes.validation} + {sizes.test} of {known.frames} frames in {where}"
        yield Mistake(
            (*place, "validation"), "validation and test leave nothing to train on", received, "fewer"
        )
    elif need > sizes.pool:
        wanted = f"{split.members} x {train} frames" if split.disjoint else f"{train} frames"
        most = sizes.pool // split.members if split.disjoint else sizes.pool
        message = (
            "a committee larger than the data allows" if split.disjoint else "more frames than the data has"
        )
        yield Mistake((*place, "train"), message, wanted, f"at most {most} ({have})")
    elif not split.disjoint and math.comb(sizes.pool, train) < split.members:
        received = f"{split.members} members, {train} of {sizes.pool} frames each"
        expected = f"at most {math.comb(sizes.pool, train)} members, or fewer frames each ({have})"
        yield Mistake((*place, "members"), "a committee larger than the data allows", received, expected)


def common_frames(split: Split, facts: Facts) -> float | None:
    """Share of a member's training frames that another has, on average; None for one member, or unknown."""
    from mlipbench_hpc.data.split import common

    known = _divided_facts(split, facts)
    return common(_parts(split, split.train, known).members) if known and split.members > 1 else None


def _parts(split: Split, train: int, known: DatasetFacts) -> "Parts":
    """Sets of the members; raises ValueError where there are none."""
    from mlipbench_hpc.data.split import Plan, divide

    plan = Plan.of(split_parameters(split, train, known))
    return divide(known.formulas, plan, known.sets or None, known.groups or None)


def _divided(place: Place, split: Split, train: int, known: DatasetFacts) -> Iterator[Mistake]:
    """The division itself: sets that cannot be had, and species that some member would not see."""
    from ase.data import atomic_numbers

    formulas = known.formulas
    try:
        parts = _parts(split, train, known)
    except ValueError as error:
        yield Mistake(place, str(error))
        return
    numbers = {formula: {atomic_numbers[s] for s in atoms_in(formula)} for formula in known.compositions}
    seen = [set[int]().union(*(numbers[formulas[index]] for index in member)) for member in parts.members]
    if strange := set(held(split, known).species) - seen[0].intersection(*seen):
        message = f"some member may be trained on no frame with {symbols(strange)}"
        yield Mistake((*place, "train"), message, f"{train} frames", "more frames a member")


def _references(
    place: Place, split: Split, everything: DatasetFacts, known: DatasetFacts
) -> Iterator[Mistake]:
    """Species without a reference energy, and absurd ones, where stated or taken from isolated atoms."""
    from ase.data import atomic_numbers

    asked = split.reference_energies
    if isinstance(asked, dict):
        for symbol in [symbol for symbol in asked if symbol not in atomic_numbers]:
            yield Mistake((*place, symbol), "no such element", repr(symbol), "a symbol such as O or Na")
        energies: Mapping[str, float] = asked
    elif asked == "isolated atoms" or (asked is None and everything.isolated):
        formulas = everything.formulas
        singles = [formulas[index] for index in everything.isolated]
        energies = {
            symbol: everything.energies.get(single, math.nan)
            for single in singles
            for symbol in atoms_in(single)
        }
    else:
        return
    if lost := set(known.species) - {atomic_numbers.get(symbol, -1) for symbol in energies}:
        source = "stated" if isinstance(asked, dict) else "isolated atoms"
        expected = "one for each element, or `fit`"
        yield Mistake(place, f"no reference energy of {symbols(lost)}", source, expected)
    else:
        yield from check_energies(place, energies, known)
