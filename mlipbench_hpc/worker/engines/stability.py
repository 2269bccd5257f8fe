"""Criteria of an unstable simulation: a measured result, with its cause in words."""

from dataclasses import dataclass, field

import numpy as np
from ase.geometry import get_distances

from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.engines.contacts import Contacts
from mlipbench_hpc.worker.engines.system import Sample, System, Thermometer

LOOK_EVERY_PS = 0.01


@dataclass(frozen=True)
class Limits:
    """conserved_energy: eV per atom (of all atoms) from its start; temperature: K; the others: Å."""

    conserved_energy: float
    temperature: float
    hydrogen_oxygen: float | None
    contact: float | None = None

    @staticmethod
    def look_every(timestep: float) -> int:
        """Steps between two checks: at most 10 fs. timestep in ps."""
        return max(1, int(LOOK_EVERY_PS / timestep * (1 + 1e-9)))


@dataclass
class Watch:
    """Check of samples for instability; `reference` is the conserved energy at step 0, eV."""

    system: System
    limits: Limits
    reference: float
    thermometer: Thermometer
    bonds: "Bonds | None" = field(init=False)
    contacts: Contacts | None = field(init=False)

    def __post_init__(self) -> None:
        limit = self.limits.hydrogen_oxygen
        self.bonds = Bonds.of(self.system, limit) if limit is not None else None
        contact = self.limits.contact
        self.contacts = Contacts.of(self.system, contact) if contact is not None else None

    def cause(self, sample: Sample) -> str | None:
        """Cause of an instability at this step, or None."""
        if not (np.isfinite(sample.conserved) and np.isfinite(sample.potential)):
            return f"energy is not a number (potential {sample.potential}, conserved {sample.conserved})"
        return self._moved(sample) or self.hot(sample.momenta) or self._broken(sample) or self._fused(sample)

    def _moved(self, sample: Sample) -> str | None:
        moved = (sample.conserved - self.reference) / len(self.system.start)
        if abs(moved) <= self.limits.conserved_energy:
            return None
        limit = 1000 * self.limits.conserved_energy
        return f"conserved energy moved by {1000 * moved:.3g} meV/atom (limit {limit:g})"

    def hot(self, momenta: Floats) -> str | None:
        """Cause if momenta (M, 3) alone are too large, or None: cheap enough for every step."""
        temperature = self.thermometer.temperature(momenta)
        if temperature <= self.limits.temperature:
            return None
        return f"temperature reached {temperature:.4g} K (limit {self.limits.temperature:g})"

    def _broken(self, sample: Sample) -> str | None:
        longest = self.bonds.longest(sample.positions) if self.bonds else None
        if longest is None or self.bonds is None:
            return None
        atom, distance = longest
        return f"H {atom} is {distance:.3f} Å from its nearest O (limit {self.bonds.limit:g})"

    def _fused(self, sample: Sample) -> str | None:
        nearest = self.contacts.nearest(sample.positions) if self.contacts else None
        if nearest is None or self.contacts is None:
            return None
        one, other, distance = nearest
        names = f"{self.system.symbols[one]} {one} and {self.system.symbols[other]} {other}"
        return f"{names} have come within {distance:.3f} Å of each other (limit {self.contacts.limit:g})"


@dataclass
class Bonds:
    """Owner of each H: the O it was last nearest to, so that most checks cost one subtraction per H.

    hydrogens (H,), oxygens (O,) indices; owners (H,) indices of the O last assigned; limit in Å.
    """

    hydrogens: Ints
    oxygens: Ints
    owners: Ints
    system: System
    limit: float

    @classmethod
    def of(cls, system: System, limit: float) -> "Bonds | None":
        """Check of a system's hydrogens; None where it has no H or no O."""
        numbers = system.start.numbers
        hydrogens, oxygens = np.flatnonzero(numbers == 1), np.flatnonzero(numbers == 8)
        if len(hydrogens) == 0 or len(oxygens) == 0:
            return None
        return cls(hydrogens, oxygens, np.full(len(hydrogens), oxygens[0]), system, limit)

    def longest(self, positions: Floats) -> tuple[int, float] | None:
        """(index, distance in Å) of the H farthest beyond the limit, or None. positions (N, 3) Å."""
        near = self._image_distances(positions) <= self.limit
        lost = np.flatnonzero(~near)
        if len(lost) == 0:
            return None
        nearest = np.array([self._find_owner(int(hydrogen), positions) for hydrogen in lost])
        worst = int(nearest.argmax())
        if nearest[worst] <= self.limit:
            return None
        return int(self.hydrogens[lost[worst]]), float(nearest[worst])

    def _find_owner(self, hydrogen: int, positions: Floats) -> float:
        """Distance in Å to the nearest O under the minimum image, which becomes the owner."""
        cell, pbc = self.system.start.cell, self.system.start.pbc
        place = positions[self.hydrogens[hydrogen]]
        _, distances = get_distances(place[None], positions[self.oxygens], cell=cell, pbc=pbc)
        nearest = int(distances[0].argmin())
        self.owners[hydrogen] = self.oxygens[nearest]
        return float(distances[0, nearest])

    def _image_distances(self, positions: Floats) -> Floats:
        """Distance (H,) in Å to one image of the owner: an upper bound of the minimum image's."""
        vectors = positions[self.hydrogens] - positions[self.owners]
        if self.system.start.cell.rank == 3:
            cell = np.asarray(self.system.start.cell)
            fractions = np.linalg.solve(cell.T, vectors.T).T
            vectors = vectors - (np.rint(fractions) * self.system.start.pbc) @ cell
        distances: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        return distances
