"""Consistency of forces and energies: between near frames the energy changes by minus the forces' work."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.units import ENERGY_EV, FORCE_EV_PER_A, LENGTH_A

# Å. Largest root mean square displacement between two frames that are compared, and of those near enough for
# the trapezoid rule to hold in O-H bonds: these show whether forces belong to the positions at all.
NEAR_A, CLOSE_A = 0.35, 0.1
FEWEST_PAIRS = 6
# Å. Largest difference of equal cells.
SAME_CELL_A = 3e-4
# Frames and atoms of each among which the nearest frame is sought; Å, period of what is not periodic.
MOST_FRAMES, FEW_ATOMS, OPEN_A = 1000, 8, 30.0
# Correlation below which labels are doubted, and refused.
CORRELATED, UNRELATED = 0.95, 0.5
# eV. Smallest change of energy that stands out of the convergence of an SCF; smallest one in units of the
# energies' last digit; share of close pairs whose misfit is the largest, left out as single wrong labels.
LEAST_CHANGE_EV, LAST_DIGITS, SINGLE = 0.01, 5.0, 0.1
CONSISTENT = (0.6, 1.6)
MATCHING = 0.25
Pair = tuple[float, float, float, int]


@dataclass(frozen=True)
class Consistency:
    """Slope of energy differences over the forces' work, between `pairs` of neighbouring frames.

    close: number of pairs within 0.1 Å, and close_correlation that of these, NaN where they decide nothing.
    of_totals: the slope if the energies are per atom, and are multiplied by the numbers of atoms.
    """

    slope: float
    correlation: float
    pairs: int
    close: int
    close_correlation: float
    of_totals: float

    @property
    def is_unrelated(self) -> bool:
        """True where the forces are surely not those of the positions."""
        return self.close_correlation < UNRELATED

    @property
    def is_doubtful(self) -> bool:
        """True where the forces fit the positions less well than those of any frame by itself."""
        return self.close_correlation < CORRELATED

    def misfit(self) -> tuple[str, str]:
        """Received correlation, and the expected one with possible explanations."""
        return (
            f"correlation {self.close_correlation:.2f} between energy differences and the work of the "
            f"forces, {self.close} pairs of frames within {CLOSE_A:g} Å",
            f"{CORRELATED:g} or more: check that energy and forces of each frame are its own, and that "
            "forces have the order of its atoms",
        )

    @property
    def is_consistent(self) -> bool:
        """True where the slope is about one, or the correlation is too small for a judgement."""
        low, high = CONSISTENT
        return abs(self.correlation) < CORRELATED or low < self.slope < high

    def words(self) -> tuple[str, str]:
        """Received slope, and its expected value with possible explanations."""
        received = (
            f"energy differences are {self.slope:.3g} times the work of the forces, between {self.pairs} "
            "pairs of neighbouring frames"
        )
        return received, "1: " + (" or ".join(self._explanations()) or "other units, labels or structures")

    def _explanations(self) -> Iterator[str]:
        """Single mistakes that give such a slope."""
        gradients = "the labels are gradients instead of forces"
        size = abs(self.slope)
        if self.slope < 0 and CONSISTENT[0] < size < CONSISTENT[1]:
            yield gradients
            return
        every = [(abs(np.log(size / slope)), mistake) for mistake, slope in mistakes()]
        every.append((abs(np.log(abs(self.of_totals))), "energies per atom"))
        for distance, mistake in sorted(every):
            if distance < MATCHING:
                yield f"the file has {mistake}" + (f", and {gradients}" if self.slope < 0 else "")


def mistakes() -> Iterator[tuple[str, float]]:
    """Units that a file may have instead of the stated eV, eV/Å and Å, and the slope from each."""
    for energy in ("Hartree", "Ry", "kcal/mol", "kJ/mol"):
        yield f"energies in {energy}", 1.0 / ENERGY_EV[energy]
    for force in ("Hartree/Bohr", "Ry/Bohr", "kcal/mol/Å", "kJ/mol/nm"):
        yield f"forces in {force}", FORCE_EV_PER_A[force]
    both = FORCE_EV_PER_A["Hartree/Bohr"] / ENERGY_EV["Hartree"]
    yield "energies in Hartree and forces in Hartree/Bohr (or Ry and Ry/Bohr)", both
    yield "positions in Bohr", LENGTH_A["Bohr"]


def consistency(frames: Frames) -> Consistency | None:
    """Consistency over near frames of the same atoms and cell, successive ones or else the nearest in any
    order; None where too few are near.
    """
    pairs = _compared(frames, ((index, index + 1) for index in range(len(frames) - 1)))
    if len(pairs) < FEWEST_PAIRS:
        pairs = _compared(frames, _nearest(frames))
    if len(pairs) < FEWEST_PAIRS:
        return None
    distance, work, change, atoms = np.array(pairs).T
    if not work.any() or not change.any():
        return None
    close = distance < CLOSE_A
    return Consistency(
        float(work @ change / (work @ work)),
        _cosine(work, change),
        len(pairs),
        int(close.sum()),
        _close_correlation(work[close], change[close], frames.energies),
        float(work @ (atoms * change) / (work @ work)),
    )


def _cosine(work: Floats, change: Floats) -> float:
    return float(work @ change / np.sqrt((work @ work) * (change @ change)))


def _close_correlation(work: Floats, change: Floats, energies: Floats) -> float:
    """Correlation without the tenth of the pairs that fit worst; NaN where changes (P,) eV are too small."""
    if len(work) < FEWEST_PAIRS:
        return float("nan")
    order = np.argsort(np.abs(change - work))[: int(np.ceil((1 - SINGLE) * len(work)))]
    work, change = work[order], change[order]
    digit = float(np.diff(np.unique(energies)).min(initial=np.inf))
    least = max(LEAST_CHANGE_EV, LAST_DIGITS * digit)
    if np.sqrt((change**2).mean()) < least or not work.any():
        return float("nan")
    return _cosine(work, change)


def _compared(frames: Frames, pairs: Iterable[tuple[int, int]]) -> list[Pair]:
    """`_pair` of all pairs that are near."""
    return [known for pair in pairs if (known := _pair(frames, *pair)) is not None]


def _nearest(frames: Frames) -> list[tuple[int, int]]:
    """Each frame with the nearest one of the same composition and cell, among the first thousand of these.

    Distances are those of a few atoms, as phases in the cell: a file may hold a run in any order.
    """
    groups: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for index in range(len(frames)):
        groups[frames.formula(index), np.round(frames.cells[index], 3).tobytes()].append(index)
    pairs = set[tuple[int, int]]()
    for group in groups.values():
        some = group[:MOST_FRAMES]
        if len(some) > 1:
            phases = np.array([_phases(frames, index) for index in some])
            partners = cKDTree(phases).query(phases, 2)[1].tolist()
            pairs |= {(some[min(row)], some[max(row)]) for row in partners}
    return sorted(pairs)


def _phases(frames: Frames, index: int) -> Floats:
    own = frames.atoms_of(index)
    positions = frames.positions[own][:: max(1, -(-int(frames.sizes[index]) // FEW_ATOMS))]
    whole = frames.pbc[index].all()
    shares = positions @ np.linalg.pinv(frames.cells[index] if whole else OPEN_A * np.eye(3))
    angles = 2.0 * np.pi * shares.ravel()
    return np.concatenate([np.cos(angles), np.sin(angles)])


def _pair(frames: Frames, index: int, other: int) -> Pair | None:
    """Distance (Å) of two frames, work -½ (F + F')·Δr and difference in energy, eV, and number of atoms."""
    step = displacement(frames, index, other)
    if step is None or (distance := float(np.sqrt((step**2).sum(axis=1).mean()))) > NEAR_A:
        return None
    mean = 0.5 * (frames.forces[frames.atoms_of(index)] + frames.forces[frames.atoms_of(other)])
    work = -float((mean * step).sum())
    return distance, work, float(frames.energies[other] - frames.energies[index]), len(step)


def displacement(frames: Frames, index: int, other: int) -> Floats | None:
    """Displacement (N, 3) Å by the shortest way between two frames; None where atoms or cells differ."""
    here, there = frames.atoms_of(index), frames.atoms_of(other)
    pbc = frames.pbc[index]
    same = np.array_equal(frames.numbers[here], frames.numbers[there])
    if not same or not (np.abs(frames.cells[index] - frames.cells[other]) <= SAME_CELL_A).all():
        return None
    step: Floats = frames.positions[there] - frames.positions[here]
    if pbc.any():
        shares = step @ _inverse(frames.cells[index].tobytes())
        step = step - (np.rint(shares) * pbc) @ frames.cells[index]
    return step


@lru_cache(maxsize=16)
def _inverse(cell: bytes) -> Floats:
    """Pseudoinverse of a cell (3, 3) Å, which frames share."""
    return np.asarray(np.linalg.pinv(np.frombuffer(cell).reshape(3, 3)), dtype=np.float64)
