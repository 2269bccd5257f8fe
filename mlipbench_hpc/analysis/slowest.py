"""Slow quantities of an interface, whose correlation limits the number of independent frames of MD."""

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.molecules import ions, molecules_of
from mlipbench_hpc.analysis.slab import Slab
from mlipbench_hpc.analysis.surface import surface
from mlipbench_hpc.analysis.waters import Waters
from mlipbench_hpc.data.frames import Floats, Frames, Ints

ORIENTATION = "P_z"


def slow_quantities(numbers: Ints, positions: Floats, cell: Floats, slab: Sequence[int]) -> dict[str, float]:
    """P_z, and height of each ion above the surface in Å, of a frame: numbers (N,), positions (N, 3) Å.

    slab: atomic numbers of its elements. Empty where there is no surface that water touches.
    """
    try:
        outside = surface(numbers, positions[None], cell, Slab.of(slab))
        every = Waters.assign(numbers, positions, cell, outside)
    except ValueError:
        return {}
    waters = every.intact
    if not outside.faces or not len(waters):
        return {}
    face = outside.faces[0]
    bonds = minimum_image(positions[waters[:, 1:]] - positions[waters[:, :1]], cell)
    bisectors = bonds.sum(axis=1)
    orientation = face.normal * float((bisectors[:, 2] / np.linalg.norm(bisectors, axis=1)).sum())
    atoms = [
        (f"{chemical_symbols[species]} {place}", atom)
        for species, indices in ions(numbers, outside, molecules_of(every, positions, cell)).items()
        for place, atom in enumerate(indices)
    ]
    heights = face.heights(positions[None], cell, np.array([atom for _, atom in atoms], dtype=np.int64))[0]
    return {ORIENTATION: orientation} | {
        f"height of {name}": float(height) for (name, _), height in zip(atoms, heights, strict=True)
    }


def slow_rows(frames: Frames, energies: Floats, slab: Sequence[int]) -> Floats:
    """Energies (F,) eV and every slow quantity as rows (C, F); NaN in frames without the quantity.

    slab: atomic numbers of its elements.
    """
    parts = [
        slow_quantities(
            frames.numbers[frames.atoms_of(index)],
            frames.positions[frames.atoms_of(index)],
            frames.cells[index],
            slab,
        )
        for index in range(len(frames))
    ]
    names = dict.fromkeys(name for part in parts for name in part)
    rows = [[part.get(name, np.nan) for part in parts] for name in names]
    return np.array([energies, *rows], dtype=float)
