"""Frames that the sets of a split keep, by their numbers of atoms."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlipbench_hpc.data.formulas import atoms_in

Amounts = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Selection:
    """What is kept once all frames are divided, so that sets of several selections are parts of one another.

    train, held_out: by symbol, the numbers of atoms that frames of training sets, and of validation and test,
    may have. equal: element of whose numbers training sets hold equally many frames each (their numbers
    differ by one at most); "" for the shares that the frames have.
    """

    train: Amounts = field(default_factory=dict)
    held_out: Amounts = field(default_factory=dict)
    equal: str = ""

    def learnt(self, strata: Sequence[str], indices: Sequence[int]) -> list[int]:
        """Frames that training sets may hold, of those at `indices`; strata: composition of each frame."""
        return _admitted(strata, indices, self.train)

    def judged(self, strata: Sequence[str], indices: Sequence[int]) -> list[int]:
        """Frames that validation and test may hold, of those at `indices`."""
        return _admitted(strata, indices, self.held_out)

    def first(self, strata: Sequence[str], order: Sequence[int], count: int) -> list[int]:
        """The first `count` frames of an order that a training set may hold.

        Raises ValueError where there are fewer, or where equal numbers cannot be had.
        """
        left = self.learnt(strata, order)
        chosen = (_in_turn(strata, left, self.equal) if self.equal else left)[:count]
        if len(chosen) < count:
            raise ValueError(f"{len(left)} frames are left for training, {count} are needed")
        if self.equal:
            _require_equal(strata, left, chosen, self.equal, self.train.get(self.equal, ()))
        return chosen


EVERYTHING = Selection()


def admits(formula: str, amounts: Amounts) -> bool:
    """True where a composition has one of the stated numbers of atoms of each element."""
    atoms = atoms_in(formula)
    return all(atoms.get(symbol, 0) in numbers for symbol, numbers in amounts.items())


def _admitted(strata: Sequence[str], indices: Sequence[int], amounts: Amounts) -> list[int]:
    if not amounts:
        return list(indices)
    suitable = {formula for formula in set(strata) if admits(formula, amounts)}
    return [index for index in indices if strata[index] in suitable]


def _numbers(strata: Sequence[str], symbol: str) -> dict[str, int]:
    """Atoms of an element in each composition."""
    return {formula: atoms_in(formula).get(symbol, 0) for formula in set(strata)}


def _in_turn(strata: Sequence[str], order: Sequence[int], symbol: str) -> list[int]:
    """One frame of each number of atoms in turn; numbers in the order in which they first occur."""
    numbers, groups = _numbers(strata, symbol), dict[int, list[int]]()
    for index in order:
        groups.setdefault(numbers[strata[index]], []).append(index)
    keyed = [
        (place, turn, index)
        for turn, group in enumerate(groups.values())
        for place, index in enumerate(group)
    ]
    return [index for _place, _turn, index in sorted(keyed)]


def _require_equal(
    strata: Sequence[str], left: Sequence[int], chosen: Sequence[int], symbol: str, asked: Sequence[int]
) -> None:
    """Raise ValueError where the frames of some number of atoms ran out; asked: numbers that are named."""
    numbers = _numbers(strata, symbol)
    there, taken = (Counter(numbers[strata[index]] for index in indices) for indices in (left, chosen))
    for number in asked:
        there.setdefault(number, 0)
    fewest = min(there, key=lambda number: taken[number])
    if max(taken.values()) - taken[fewest] > 1:
        need = -(-len(chosen) // len(there))
        raise ValueError(
            f"{there[fewest]} frames with {symbol}{fewest} are left for training, {need} are needed for "
            f"equally many of each number of {symbol}"
        )
