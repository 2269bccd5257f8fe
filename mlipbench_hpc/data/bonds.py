"""Sign and units of forces from bonds: compressed bonds push their ends apart, with a known stiffness.

No neighbouring frames are needed, as `consistency` needs them. Stretching force constants of H with O, N and
C are 7.8, 6.4 and 4.8 mdyn/Å (Wilson, Decius, Cross: Molecular Vibrations, 1955; 1 mdyn/Å is 6.24 eV/Å²).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames, Ints
from mlipbench_hpc.data.summary import strata
from mlipbench_hpc.data.units import ENERGY_EV, FORCE_EV_PER_A

HYDROGEN = 1
# Length in Å and stiffness in eV/Å² of bonds of H, by the atomic number of the other end.
KNOWN = {8: (0.97, 48.7), 7: (1.01, 40.0), 6: (1.09, 30.0)}
# Å. Largest distance from these lengths; smallest standard deviation of lengths that says anything.
STRETCH_A, LEAST_STRETCH_A = 0.15, 0.003
# Factor within which the stiffness by any method is.
STIFF = 4.0
# Å. Reach of the search for nearest neighbours; first neighbours, in units of the median nearest distance.
REACH_A, FIRST = 3.3, 1.1
# Frames that are looked at, evenly over the data; bonds in all, and in a single frame, that are enough.
MOST_FRAMES, FEWEST, FEWEST_IN_FRAME = 50, 30, 8
# Correlations of force and length: certain, certain in a single frame, and none.
CERTAIN, CERTAIN_IN_FRAME, NONE = 0.5, 0.8, 0.2
# Frames whose energies have a spread; eV, spread of the bonds' energies that says anything; smallest share
# of it that energies have.
FEWEST_FRAMES, LEAST_EV, SHARE = 8, 0.02, 0.3
Table = list[tuple[int, float, float]]


@dataclass(frozen=True)
class Bonds:
    """B bonds between two elements: frame (B,), stretch (B,) Å from the typical length, pull (B,) eV/Å, the
    force that lengthens the bond. expected: stiffness in eV/Å², 0 where only its sign is known.
    """

    name: str
    frame: Ints
    stretch: Floats
    pull: Floats
    expected: float

    @property
    def correlation(self) -> float:
        """Correlation of length and force: negative for forces, 0 where all lengths are equal."""
        return _fit(self.stretch, self.pull)[0]

    @property
    def stiffness(self) -> float:
        """Minus the slope of the force with the length, eV/Å²."""
        return _fit(self.stretch, self.pull)[1]

    @property
    def is_certain(self) -> bool:
        """True where forces follow the lengths clearly, with either sign."""
        return abs(self.correlation) > CERTAIN

    @property
    def is_unrelated(self) -> bool:
        """True where forces are as large as bonds need them, and do not follow their lengths."""
        strong = self.pull.std() > 0.5 * self.expected * self.stretch.std() > 0.0
        return bool(strong) and 0.0 < abs(self.correlation) < NONE

    def is_plausible(self, stiffness: float) -> bool:
        """True where a stiffness in eV/Å² has the right sign, and the right size if that is known."""
        if not self.expected:
            return stiffness > 0.0
        return self.expected / STIFF < stiffness < self.expected * STIFF

    def odd_frames(self) -> list[int]:
        """Indices of frames whose own bonds contradict the expectation."""
        odd = []
        for index in np.unique(self.frame).tolist():
            own = self.frame == index
            correlation, stiffness = _fit(self.stretch[own], self.pull[own])
            certain = own.sum() >= FEWEST_IN_FRAME and abs(correlation) > CERTAIN_IN_FRAME
            if certain and not self.is_plausible(stiffness):
                odd.append(index)
        return odd

    def contradiction(self) -> tuple[str, str] | None:
        """Received and expected stiffness in words, where the forces surely contradict the bonds."""
        odd = self.odd_frames()
        if self.is_certain and not self.is_plausible(self.stiffness):
            value, where = self.stiffness, f"{len(self.frame)} {self.name} distances"
        elif odd:
            own = np.isin(self.frame, odd)
            value = _fit(self.stretch[own], self.pull[own])[1]
            where = f"{self.name} distances of {len(odd)} frames (the first is {odd[0]}), unlike the others"
        else:
            return None
        low, high = self.expected / STIFF, self.expected * STIFF
        limits = f"{low:.3g} to {high:.3g} eV/Å²" if self.expected else "a positive stiffness"
        received = f"a stiffness of {value:.3g} eV/Å² from forces along {where}"
        return received, f"{limits}: {self.explanation(value)}"

    def explanation(self, stiffness: float) -> str:
        """Single mistakes that give such a stiffness, in words."""
        gradients = "the labels are gradients instead of forces"
        if self.is_plausible(-stiffness):
            return gradients
        sign = f", and {gradients}" if stiffness < 0 else ""
        units = [
            f"the file has forces in {unit}{sign}"
            for unit, factor in FORCES.items()
            if self.expected and abs(np.log(abs(stiffness) * factor / self.expected)) < np.log(2.0)
        ]
        return " or ".join(units) or "other units or labels"


FORCES = {
    **{unit: factor for unit, factor in FORCE_EV_PER_A.items() if factor != 1.0},
    "kJ/mol/Å": ENERGY_EV["kJ/mol"],
}


def _fit(stretch: Floats, pull: Floats) -> tuple[float, float]:
    """Correlation, and minus the slope; zeros where stretch (B,) or pull (B,) has no spread."""
    if len(stretch) < 2 or stretch.std() < LEAST_STRETCH_A or pull.std() == 0.0:
        return 0.0, 0.0
    across, along = pull - pull.mean(), stretch - stretch.mean()
    product, square = float(across @ along), float(along @ along)
    return product / float(np.sqrt(square * (across @ across))), -product / square


def bonds(frames: Frames) -> Bonds | None:
    """Bonds of H with O, N or C, whichever are most, else those of nearest neighbours that say most.

    At most 50 frames are looked at, evenly over the data; frame is the index among `frames`. None where
    there are too few bonds.
    """
    known, others = defaultdict[tuple[int, int], Table](list), defaultdict[tuple[int, int], Table](list)
    for index in np.unique(np.linspace(0, len(frames) - 1, MOST_FRAMES).astype(np.int64)).tolist():
        pairs = _Pairs(frames, index)
        for end in KNOWN:
            known[HYDROGEN, end] += pairs.of_hydrogen(end)
        if not any(known.values()):
            for kind in pairs.kinds():
                others[kind] += pairs.nearest(kind)
    usable = [_stacked(kind, table) for kind, table in known.items() if len(table) >= FEWEST]
    if usable:
        return max(usable, key=lambda bonds: len(bonds.frame))
    unknown = [_stacked(kind, table) for kind, table in others.items() if len(table) >= FEWEST]
    return max(unknown, key=lambda bonds: abs(bonds.correlation), default=None)


def _stacked(kind: tuple[int, int], table: Table) -> Bonds:
    from ase.data import chemical_symbols

    frame, stretch, pull = np.array(table).T
    expected = KNOWN[kind[1]][1] if kind[0] == HYDROGEN and kind[1] in KNOWN else 0.0
    name = "-".join(chemical_symbols[number] for number in reversed(kind))
    return Bonds(name, frame.astype(np.int64), stretch, pull, expected)


class _Pairs:
    """Pairs of near atoms of one frame, each in both directions."""

    def __init__(self, frames: Frames, index: int) -> None:
        from ase.neighborlist import neighbor_list

        own = frames.atoms_of(index)
        self.index, self.numbers, self.forces = index, frames.numbers[own], frames.forces[own]
        self.first, self.second, self.length, vector = neighbor_list("ijdD", frames.atoms(index), REACH_A)
        self.direction = vector / np.maximum(self.length, 1e-9)[:, None]
        shortest = np.full(len(self.numbers), np.inf)
        np.minimum.at(shortest, self.first, self.length)
        self.shortest = shortest
        self.ends = self.numbers[self.first], self.numbers[self.second]

    def of_hydrogen(self, end: int) -> Table:
        """Bonds of H with its nearest atom, if that is `end`; the force is that on H, which has one bond."""
        length = KNOWN[end][0]
        chosen = (
            (self.ends[0] == HYDROGEN) & (self.ends[1] == end) & (self.length == self.shortest[self.first])
        )
        chosen &= np.abs(self.length - length) < STRETCH_A
        moved = self.forces[self.first[chosen]].any(axis=1)  # a force of zero is that of a fixed atom
        pull = -(self.forces[self.first[chosen]] * self.direction[chosen]).sum(axis=1)
        return self._table((self.length[chosen] - length)[moved], pull[moved])

    def kinds(self) -> set[tuple[int, int]]:
        """Elements of each atom and its nearest neighbour, ascending."""
        nearest = self.length == self.shortest[self.first]
        rows = zip(*(numbers[nearest].tolist() for numbers in self.ends), strict=True)
        return {(min(row), max(row)) for row in rows}

    def nearest(self, kind: tuple[int, int]) -> Table:
        """First neighbours of one kind: half the difference of their forces, stretch from the mean."""
        of_kind = (self.ends[0] == kind[0]) & (self.ends[1] == kind[1])
        limit = FIRST * np.median(self.shortest[self.first[of_kind]])
        chosen = of_kind & (self.length < limit) & ((kind[0] != kind[1]) | (self.first < self.second))
        first, second, length = self.first[chosen], self.second[chosen], self.length[chosen]
        pull = 0.5 * ((self.forces[second] - self.forces[first]) * self.direction[chosen]).sum(axis=1)
        return self._table(length - length.mean(), pull) if len(length) else []

    def _table(self, stretch: Floats, pull: Floats) -> Table:
        return [(self.index, *row) for row in zip(stretch.tolist(), pull.tolist(), strict=True)]


def energy_spread(frames: Frames, bonds: Bonds) -> Iterator[tuple[str, float, float]]:
    """(composition, spread of the energies, spread of those of its bonds), eV, where the latter is known.

    A bond holds -½ pull · stretch. Whatever else varies only adds to the spread of the energies.
    """
    if not bonds.expected or not bonds.is_plausible(bonds.stiffness):
        return
    energy = np.bincount(bonds.frame, -0.5 * bonds.pull * (bonds.stretch - bonds.stretch.mean()), len(frames))
    formulas, looked = np.array(strata(frames)), np.bincount(bonds.frame, minlength=len(frames)) > 0
    for formula in np.unique(formulas[looked]):
        own = looked & (formulas == formula)
        spread = float(energy[own].std())
        if own.sum() >= FEWEST_FRAMES and spread > LEAST_EV:
            yield str(formula), float(frames.energies[own].std()), spread
