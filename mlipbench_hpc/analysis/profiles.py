"""Profiles along z, per frame and averaged (shared definitions: density, orientation, concentration, P_z)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import LONGEST_OH
from mlipbench_hpc.analysis.molecules import Molecules, ions, molecules_of
from mlipbench_hpc.analysis.slab import Face, Slab
from mlipbench_hpc.analysis.surface import Surface, surface
from mlipbench_hpc.analysis.waters import LONGEST_FIRST_OH, Waters
from mlipbench_hpc.data.frames import Floats, Ints

# Mass of a water molecule in g per cm³/Å³, and one particle per Å³ in mol/L.
WATER_G_PER_CM3 = 29.91461129513685
MOL_PER_L = 1660.5390671738467
# Atoms of a surface layer in the frames in which they are outside it, as a species.
ABSENT = "absent"
DENSITY, ORIENTATION, TOTAL_ORIENTATION = "density", "orientation", "total_orientation"
ORIENTATION_WIDTH = "total_orientation_width"
# Part of a bin that may be missing from a whole one by rounding.
EDGE = 1e-9
Samples = dict[str, Floats]


@dataclass
class Profiler:
    """Geometry, waters and ions of an interface, and bins along z; `fused` computes the profiles.

    z (B,) bin centres in Å, bins half-open between k·width, whole ones only; surface: without faces where z
    starts at the cell's origin.
    Profiles: "density" g/cm³ of water, and with a slab "orientation" g/cm³ (weight cos θ) and
    "total_orientation", P_z; of every other kind of oxygen that occurs its density as if it were water's
    (`waters.KINDS`, g/cm³); for each ion species "concentration-X" mol/L. Two faces share the weight: the
    profile is the symmetrised one, cos θ against each face's own outward normal. ions: atoms by
    symbol; molecules: others than water by formula, whose centres have a profile "concentration-FORMULA".
    waters: of the first frame; owners: of later frames of one reading (see `ownership`).
    apart: Å between two faces, across the water. frozen: waters of the first frame are waters in all frames.
    """

    cell: Floats
    width: float
    surface: Surface
    waters: Waters
    ions: dict[str, Ints]
    owners: object | None = None
    apart: float | None = None
    frozen: bool = False
    molecules: dict[str, Molecules] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        numbers: Ints,
        positions: NDArray[np.floating],
        cell: Floats,
        slab: int | Sequence[int] | Slab,
        width: float,
        frozen: bool = False,
    ) -> "Profiler":
        """Profiler from the first frame or frames: numbers (N,), positions (N, 3) or (F, N, 3) Å, width Å.

        cell (3, 3) Å, lower triangular; slab: its element or elements. All frames determine the faces, the
        first one the molecules; frozen: bonds are at most 1.3 Å, and molecules stay in all frames, as in the
        paper. Raises ValueError for a cell without volume or not lower triangular, and where `surface` does.
        """
        if not np.linalg.det(cell) > 0 or np.triu(cell, 1).any():
            raise ValueError(
                f"profiles need a periodic cell with a along x and b in the xy plane, got {cell}"
            )
        frames = np.reshape(positions, (-1, *positions.shape[-2:]))
        outside = surface(numbers, frames, cell, Slab.of(slab))
        longest = LONGEST_OH if frozen else LONGEST_FIRST_OH
        waters = Waters.assign(numbers, frames[0], cell, outside, longest)
        others = molecules_of(waters, frames[0], cell)
        single = ions(numbers, outside, others)
        species = {chemical_symbols[z]: atoms for z, atoms in single.items()}
        apart = distance(frames, cell, outside.faces) if len(outside.faces) == 2 else None
        lattice = np.asarray(cell, dtype=float)
        return cls(lattice, width, outside, waters, species, None, apart, frozen, others)

    @property
    def faces(self) -> tuple[Face, ...]:
        """Faces that heights are measured from; () without a slab."""
        return self.surface.faces

    @property
    def counted(self) -> dict[str, Ints]:
        """Atoms of which there is a concentration, by name: ions, then the centres of molecules."""
        return self.ions | {formula: group.centres for formula, group in self.molecules.items()}

    @property
    def first_bin(self) -> int:
        """Index k of the first whole bin of the period, which begins at k·width."""
        low = -self.cell[2, 2] / 4 if self.faces else 0.0
        return int(np.ceil(low / self.width - EDGE))

    @property
    def bins(self) -> int:
        """Number of whole bins in one period of the cell; atoms beyond them are not counted."""
        high = self.cell[2, 2] * (0.75 if self.faces else 1.0)
        return max(1, int(np.floor(high / self.width + EDGE)) - self.first_bin)

    @property
    def z(self) -> Floats:
        """Bin centres (B,) Å."""
        return np.asarray((self.first_bin + np.arange(self.bins) + 0.5) * self.width, dtype=float)


def distance(positions: NDArray[np.floating], cell: Floats, faces: tuple[Face, ...]) -> float:
    """Distance in Å from the first of two faces outward to the second, mean over frames (F, N, 3) Å."""
    apart = faces[0].normal * (faces[1].planes(positions, cell) - faces[0].planes(positions, cell))
    return float(np.mod(apart, cell[2, 2]).mean())


def concentration(symbol: str) -> str:
    """Name of the concentration profile of one species of ions."""
    return f"concentration-{symbol}"


def pieces(frames: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` frames."""
    for start in range(0, frames, size):
        yield slice(start, min(start + size, frames))


def ratio(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Ratio of two block-averaged profiles and its standard error, (B,) each; NaN where `below` is empty.

    above, below (N, B): block means. The error is that of a ratio of means, from the residuals
    above - R·below (Cochran, Sampling Techniques, eq. 6.13), so that an empty block does no harm; it is not
    known, NaN, where fewer than two blocks have anything.
    """
    mean = below.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(mean > 0, above.mean(axis=0) / mean, np.nan)
        residual = above - value * below
        spread = residual.std(axis=0, ddof=1) / np.sqrt(len(above))
        return value, np.where((below > 0).sum(axis=0) > 1, spread / mean, np.nan)
