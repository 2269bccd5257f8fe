"""Sign and units of forces from bonds: compressed bonds push their ends apart, with a known stiffness.

No neighbouring frames are needed, as `consistency` needs them. Stretching force constants of H with O, N and
C are 7.8, 6.4 and 4.8 mdyn/Å (Wilson, Decius, Cross: Molecular Vibrations, 1955; 1 mdyn/Å is 6.24 eV/Å²).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames, Ints
from mlipbench_hpc.data.stretches import FEWEST_FOR_MEAN, KNOWN, Neighbours, Stretches, of_hydrogen, outward
from mlipbench_hpc.data.summary import strata
from mlipbench_hpc.data.units import ENERGY_EV, FORCE_EV_PER_A

# Å. Smallest standard deviation of lengths that says anything, and that thermal motion exceeds: bonds of
# relaxed structures differ by less, and their residual forces follow no stiffness.
LEAST_STRETCH_A, THERMAL_A = 0.003, 0.012
# Factor within which the stiffness by any method is.
STIFF = 4.0
# Frames in which neighbours of other elements than H are sought; bonds in all, and in a single frame, that
# are enough.
MOST_FRAMES, FEWEST, FEWEST_IN_FRAME = 50, 30, 8
# Correlations of force and length: certain, certain in a single frame, and none.
CERTAIN, CERTAIN_IN_FRAME, NONE = 0.5, 0.8, 0.2
# Bonds of H whose lengths at rest differ little.
ALIKE = "O-H"
# Cosine between forces and displacements from the mean structure from which forces point outward.
OUTWARD = 0.2
# Frames whose energies have a spread; eV, spread of the bonds' energies that says anything; smallest share
# of it that energies have.
FEWEST_FRAMES, LEAST_EV, SHARE = 8, 0.02, 0.3
# Slope of energies over the bonds' energies, plus three standard errors, from which units are doubted. Longer
# O-H bonds have stronger hydrogen bonds, so it may be less than one.
LEAST_SLOPE = 0.6


@dataclass(frozen=True)
class Bonds:
    """B bonds between two elements: frame (B,), stretch (B,) Å from the typical length, pull (B,) eV/Å, the
    force that lengthens the bond. expected: stiffness in eV/Å², 0 where only its sign is known; looked:
    number of frames; outward (F,): cosines as of `outward` of all frames, where only the sign is known;
    bond (B,): as of `Stretches`.
    """

    name: str
    frame: Ints
    stretch: Floats
    pull: Floats
    bond: Ints
    expected: float
    looked: int
    outward: Floats

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

    def comparable(self) -> "Bonds":
        """Bonds whose lengths differ by displacements alone, as the bonds within a frame are compared.

        Those of water are alike. Others of H have lengths of their own in each molecule, by more than
        residual forces stretch them: these are relative to the means of each over three frames or more.
        """
        if not self.expected or self.name == ALIKE:
            return self
        inverse, counts = np.unique(self.bond, return_inverse=True, return_counts=True)[1:]
        own = (counts >= FEWEST_FOR_MEAN)[inverse] & (self.bond >= 0)
        stretch, pull = (
            values - (np.bincount(inverse, values) / counts)[inverse] for values in (self.stretch, self.pull)
        )
        frame, bond = self.frame[own], self.bond[own]
        return replace(self, frame=frame, stretch=stretch[own], pull=pull[own], bond=bond)

    def odd_frames(self) -> list[int]:
        """Indices of frames whose own bonds contradict the expectation as a single mistake would.

        To be asked of `comparable` bonds.
        """
        order = np.argsort(self.frame, kind="stable")
        indices, starts = np.unique(self.frame[order], return_index=True)
        rows = zip(indices.tolist(), np.split(order, starts[1:]), strict=True)
        return [index for index, own in rows if len(own) >= FEWEST_IN_FRAME and self._is_odd(index, own)]

    def _is_odd(self, index: int, own: Ints) -> bool:
        """True where the bonds `own` (K,) of a frame contradict the expectation."""
        correlation, stiffness = _fit(self.stretch[own], self.pull[own])
        if abs(correlation) < CERTAIN_IN_FRAME or self.is_plausible(stiffness):
            return False
        if not self.expected:
            return bool(self.outward[index] > OUTWARD)
        return self.stretch[own].std() > THERMAL_A and self.explanation(stiffness) != UNKNOWN

    @property
    def is_contradictory(self) -> bool:
        """True where all bonds together contradict the expectation, beyond what a static structure can do."""
        if not self.is_certain or self.is_plausible(self.stiffness):
            return False
        if self.expected:
            return bool(self.stretch.std() > THERMAL_A)
        known = self.outward[np.isfinite(self.outward)]
        return len(known) > 0 and bool(np.median(known) > OUTWARD)

    def contradiction(self, places: list[int]) -> tuple[str, str] | None:
        """Received and expected stiffness in words, where the forces surely contradict the bonds.

        places: index in the file of each frame.
        """
        if self.is_contradictory:
            value, where = self.stiffness, f"{len(self.frame)} {self.name} distances"
        elif odd := (part := self.comparable()).odd_frames():
            own = np.isin(part.frame, odd)
            value = _fit(part.stretch[own], part.pull[own])[1]
            first = f"the first is {places[odd[0]]}"
            where = f"{self.name} distances of {len(odd)} frames ({first}), unlike the others"
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
        return " or ".join(units) or UNKNOWN


UNKNOWN = "other units or labels"
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

    frame is the index among `frames`. None where there are too few bonds.
    """
    known, looked = of_hydrogen(frames)
    usable = {end: table for end, table in known.items() if len(table) >= FEWEST}
    if usable:
        end = max(usable, key=lambda end: len(usable[end]))
        return _bonds((1, end), usable[end], KNOWN[end][1], looked, np.zeros(0))
    return _of_others(frames)


def _of_others(frames: Frames) -> Bonds | None:
    """Bonds of nearest neighbours, in 50 frames evenly over the data and where forces point outward.

    Frames whose forces point inward are looked at without them.
    """
    cosine = outward(frames)
    even = np.linspace(0, len(frames) - 1, MOST_FRAMES).astype(np.int64)
    chosen = np.union1d(even, np.flatnonzero(cosine > OUTWARD)[:MOST_FRAMES]).tolist()
    tables = defaultdict[tuple[int, int], list[Stretches]](list)
    for index in chosen:
        near = Neighbours(frames, index)
        for kind in near.kinds():
            tables[kind].append(near.nearest(kind))
    looked = len(np.union1d(chosen, np.flatnonzero(np.isfinite(cosine))))
    joined = {kind: Stretches.join(parts) for kind, parts in tables.items()}
    every = [
        _bonds(kind, table, 0.0, looked, cosine) for kind, table in joined.items() if len(table) >= FEWEST
    ]
    return max(every, key=lambda bonds: abs(bonds.correlation), default=None)


def _bonds(kind: tuple[int, int], table: Stretches, expected: float, looked: int, cosine: Floats) -> Bonds:
    from ase.data import chemical_symbols

    name = "-".join(chemical_symbols[number] for number in reversed(kind))
    return Bonds(name, table.frame, table.stretch, table.pull, table.bond, expected, looked, cosine)


def energy_spread(frames: Frames, bonds: Bonds) -> Iterator[tuple[str, float, float, float, float]]:
    """(composition, spread of the energies, spread of those of its bonds), eV, where the latter is known.

    Then the slope of the energies over those of the bonds, and its standard error.

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
            slope, error = _slope(energy[own], frames.energies[own])
            yield str(formula), float(frames.energies[own].std()), spread, slope, error


def _slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope of y (K,) over x (K,) by least squares, and its standard error."""
    across, along = y - y.mean(), x - x.mean()
    square = float(along @ along)
    slope = float(across @ along) / square
    rest = across - slope * along
    return slope, float(np.sqrt(rest @ rest / (len(x) - 2) / square))
