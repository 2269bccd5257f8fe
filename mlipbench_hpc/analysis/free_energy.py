"""Free energy along a coordinate from the density of what moves along it."""

import numpy as np
from ase.units import kB

from mlipbench_hpc.data.frames import Floats


def free_energy(density: Floats, temperature: float) -> Floats:
    """F = -kT ln(c / max c), eV, (B,), of a density c (B,) of any unit at a temperature in K.

    NaN where the density is not above zero: no frame was there, and F is at least as high as a single one.
    """
    known = np.isfinite(density) & (density > 0)
    relative = np.where(known, density, np.nan) / np.max(density, where=known, initial=0.0)
    return np.asarray(-kB * temperature * np.log(relative))


def free_energy_width(density: Floats, width: Floats, temperature: float) -> Floats:
    """Half width kT δc / c in eV, (B,), of F where that of the density is δc (B,), of the density's unit.

    Linear in δc, so that NaN stands where δc reaches c, or c is not above zero.
    """
    known = np.isfinite(density) & (density > 0) & (width < density)
    ratio = np.divide(width, density, out=np.full(len(density), np.nan), where=known)
    return np.asarray(kB * temperature * ratio)
