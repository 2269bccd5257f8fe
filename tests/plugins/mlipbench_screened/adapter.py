"""Fixed charges that are screened, a repulsion of all pairs, and springs between H and the nearest O."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.potentials.interface import Labelled, Labeller

CHARGES = {1: 0.4, 8: -0.8, 11: 1.0, 79: 0.0}
COULOMB, REPULSION_EV, REPULSION_A = 14.4, 200.0, 0.3
BOND_A, SPRING = 1.0, 20.0


class Screened(Labeller):
    """E = Σ_{i<j} (k q_i q_j e^(-r/λ)/r + A e^(-r/ρ)) + Σ_H s/2 (r_OH - 1 Å)², nearest images."""

    def __init__(self, screening: float) -> None:
        self.screening = screening

    def label(self, frame: Frames, wall: float) -> Labelled:
        apart = frame.positions[:, None] - frame.positions
        apart -= np.rint(apart @ np.linalg.inv(frame.cells[0])) @ frame.cells[0]
        r = np.linalg.norm(apart, axis=-1)
        np.fill_diagonal(r, np.inf)
        energy, slope = self.pairs(frame, r)
        bonds, pull = self.bonds(frame, r)
        unit = np.divide(apart, r[..., None], where=np.isfinite(r)[..., None], out=np.zeros_like(apart))
        forces = -((slope + pull)[..., None] * unit).sum(axis=1)
        return replace(frame, energies=np.array([energy / 2 + bonds]), forces=forces), None

    def pairs(self, frame: Frames, r: Floats) -> tuple[float, Floats]:
        """Twice the energy of all pairs, and dE/dr (N, N) of each."""
        charges = np.array([CHARGES[number] for number in frame.numbers.tolist()])
        coulomb = COULOMB * np.outer(charges, charges) * np.exp(-r / self.screening) / r
        wall = REPULSION_EV * np.exp(-r / REPULSION_A)
        return float((coulomb + wall).sum()), -coulomb * (1 / r + 1 / self.screening) - wall / REPULSION_A

    @staticmethod
    def bonds(frame: Frames, r: Floats) -> tuple[float, Floats]:
        """Energy of the springs, and dE/dr (N, N) between their ends."""
        hydrogens, oxygens = np.flatnonzero(frame.numbers == 1), np.flatnonzero(frame.numbers == 8)
        nearest = oxygens[r[np.ix_(hydrogens, oxygens)].argmin(axis=1)]
        stretch, slope = r[hydrogens, nearest] - BOND_A, np.zeros_like(r)
        slope[hydrogens, nearest] = slope[nearest, hydrogens] = SPRING * stretch
        return float(SPRING / 2 * np.square(stretch).sum()), slope


def labeller(parameters: Mapping[str, Any]) -> Screened:
    return Screened(parameters["screening"])
