"""Consistency of forces and energies: between near frames the energy changes by minus the forces' work."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.units import ENERGY_EV, FORCE_EV_PER_A, LENGTH_A

# Å. Largest root mean square displacement between two frames that are compared.
NEAR_A = 0.35
FEWEST_PAIRS = 6
CORRELATED = 0.95
CONSISTENT = (0.6, 1.6)
MATCHING = 0.25


@dataclass(frozen=True)
class Consistency:
    """Slope of energy differences over the forces' work, between `pairs` of neighbouring frames."""

    slope: float
    correlation: float
    pairs: int

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
        for mistake, slope in mistakes():
            if abs(np.log(size / slope)) < MATCHING:
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
    """Consistency over successive frames of the same atoms and cell; None where too few are near."""
    pairs = [pair for index in range(len(frames) - 1) if (pair := _pair(frames, index)) is not None]
    if len(pairs) < FEWEST_PAIRS:
        return None
    work, change = np.array(pairs).T
    if not work.any() or not change.any():
        return None
    correlation = float(work @ change / np.sqrt((work @ work) * (change @ change)))
    return Consistency(float(work @ change / (work @ work)), correlation, len(pairs))


def _pair(frames: Frames, index: int) -> tuple[float, float] | None:
    """Work -½ (F + F')·Δr from one frame to the next, and their difference in energy, eV."""
    step = displacement(frames, index, index + 1)
    if step is None or np.sqrt((step**2).sum(axis=1).mean()) > NEAR_A:
        return None
    mean = 0.5 * (frames.forces[frames.atoms_of(index)] + frames.forces[frames.atoms_of(index + 1)])
    return -float((mean * step).sum()), float(frames.energies[index + 1] - frames.energies[index])


def displacement(frames: Frames, index: int, other: int) -> Floats | None:
    """Displacement (N, 3) Å by the shortest way between two frames; None where atoms or cells differ."""
    here, there = frames.atoms_of(index), frames.atoms_of(other)
    pbc = frames.pbc[index]
    same = np.array_equal(frames.numbers[here], frames.numbers[there])
    if not same or not np.allclose(frames.cells[index], frames.cells[other], atol=1e-4):
        return None
    step: Floats = frames.positions[there] - frames.positions[here]
    if pbc.any():
        shares = step @ np.linalg.pinv(frames.cells[index])
        step = step - (np.rint(shares) * pbc) @ frames.cells[index]
    return step
