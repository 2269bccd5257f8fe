"""Profiles along z, per frame and averaged (shared definitions: density, orientation, concentration, P_z)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.slab import Face, faces
from mlipbench_hpc.analysis.waters import Waters, ions
from mlipbench_hpc.data.frames import Floats, Ints

# Mass of a water molecule in g per cm³/Å³, and one particle per Å³ in mol/L.
WATER_G_PER_CM3 = 29.91461129513685
MOL_PER_L = 1660.5390671738467
DENSITY, ORIENTATION, COUNTED, DIPOLE = "density", "orientation", "counted", "dipole"
COSINE, CONCENTRATION = "cosine", "concentration-"
Samples = dict[str, Floats]


@dataclass
class Profiler:
    """What one frame of an interface contributes to each profile.

    z (B,) bin centres in Å, bins half-open between k·width; faces: () where z starts at the cell's origin.
    `per_frame` gives samples whose time average is the profile: "density" (F, B) g/cm³, and with a slab
    "orientation" (F, B) g/cm³ (weight cos θ), "counted" (F, B) g/cm³ (intact molecules alone) and "dipole"
    (F, 1), P_z; for each ion species "concentration-X" (F, B) mol/L. Two faces share the weight: the profile
    is the symmetrised one, cos θ against each face's own outward normal.
    """

    cell: Floats
    width: float
    faces: tuple[Face, ...]
    waters: Waters
    ions: dict[str, Ints]
    moved: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @classmethod
    def of(
        cls, numbers: Ints, positions: NDArray[np.floating], cell: Floats, metal: int, width: float
    ) -> "Profiler":
        """From the first frame: numbers (N,), positions (N, 3) Å, cell (3, 3) Å lower triangular, width Å.

        Raises ValueError for a cell without volume or not lower triangular, and where the metal has no
        surface.
        """
        if not np.linalg.det(cell) > 0 or np.triu(cell, 1).any():
            raise ValueError(
                f"profiles need a periodic cell with a along x and b in the xy plane, got {cell}"
            )
        found = faces(numbers, positions, cell, metal)
        species = {
            f"{CONCENTRATION}{chemical_symbols[z]}": np.flatnonzero(numbers == z)
            for z in ions(numbers, metal)
        }
        waters = Waters.assign(numbers, positions, cell)
        return cls(np.asarray(cell, dtype=float), width, found, waters, species)

    @property
    def first_bin(self) -> int:
        """k of the first bin, which begins at k·width."""
        low = -self.cell[2, 2] / 4 if self.faces else 0.0
        return int(np.floor(low / self.width))

    @property
    def bins(self) -> int:
        """Number of bins that cover one period of the cell."""
        high = self.cell[2, 2] * (0.75 if self.faces else 1.0)
        return int(np.ceil(high / self.width)) - self.first_bin

    @property
    def z(self) -> Floats:
        """Bin centres (B,) Å."""
        return np.asarray((self.first_bin + np.arange(self.bins) + 0.5) * self.width, dtype=float)

    def per_frame(self, positions: NDArray[np.floating]) -> Samples:
        """The samples of frames (F, N, 3) Å; also notes which hydrogens have changed owner there."""
        slice_volume = self.cell[0, 0] * self.cell[1, 1] * self.width
        found = {DENSITY: WATER_G_PER_CM3 / slice_volume * self._counts(positions, self.waters.oxygens)}
        for name, atoms in self.ions.items():
            found[name] = MOL_PER_L / slice_volume * self._counts(positions, atoms)
        if self.faces:
            cosines = self.waters.cosines(positions, self.cell)
            oxygens = self.waters.intact[:, 0]
            found[COUNTED] = WATER_G_PER_CM3 / slice_volume * self._counts(positions, oxygens)
            weighted = self._counts(positions, oxygens, cosines)
            found[ORIENTATION] = WATER_G_PER_CM3 / slice_volume * weighted
            found[DIPOLE] = cosines.sum(axis=1, keepdims=True)
            self.moved = np.union1d(self.moved, self.waters.changed(positions, self.cell))
        return found

    def _counts(self, positions: NDArray[np.floating], atoms: Ints, cosines: Floats | None = None) -> Floats:
        """Atoms in each bin (F, B), weighted with the cosine (F, len(atoms)) to each face's own normal."""
        if not self.faces:
            length = float(self.cell[2, 2])
            z = np.asarray(positions[:, atoms, 2], dtype=float)
            return self._histogram(np.mod(z, length), None)
        total = np.zeros((len(positions), self.bins))
        for face in self.faces:
            weights = None if cosines is None else face.normal * cosines
            total += self._histogram(face.heights(positions, self.cell, atoms), weights)
        return total / len(self.faces)

    def _histogram(self, z: Floats, weights: Floats | None) -> Floats:
        """(F, B) of z (F, K) Å."""
        bin_of = np.clip(np.floor(z / self.width).astype(np.int64) - self.first_bin, 0, self.bins - 1)
        flat = bin_of + self.bins * np.arange(len(z))[:, None]
        counts = np.bincount(
            flat.ravel(), None if weights is None else weights.ravel(), minlength=len(z) * self.bins
        )
        return np.asarray(counts.reshape(len(z), self.bins), dtype=float)


def column_of(name: str) -> str:
    """What a profile is called in tables, with its unit."""
    if name == COSINE:
        return name
    return f"{name}_mol_per_L" if name.startswith(CONCENTRATION) else f"{name}_g_per_cm3"


def pieces(frames: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` frames."""
    for start in range(0, frames, size):
        yield slice(start, min(start + size, frames))


def ratio(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Ratio of two block-averaged profiles and its standard error, (B,) each; NaN where `below` is empty.

    above, below (N, B): block means. The error is that of a ratio of means, from the residuals
    above - R·below (Cochran, Sampling Techniques, eq. 6.13), so that an empty block does no harm.
    """
    mean = below.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(mean > 0, above.mean(axis=0) / mean, np.nan)
        residual = above - value * below
        spread = residual.std(axis=0, ddof=1) / np.sqrt(len(above))
        return value, np.where(mean > 0, spread / mean, np.nan)
