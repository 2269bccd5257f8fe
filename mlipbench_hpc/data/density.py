"""Local density of atoms, which decides the number of neighbours that a model computes."""

import math

import numpy as np

from mlipbench_hpc.data.frames import Frames

# Å. Larger than the first neighbour shells, and close to the cutoffs in use.
RADIUS = 5.0
FRAMES = 5


def local_density(frames: Frames) -> float:
    """Atoms/Å³ around an atom: its mean number of neighbours within 5 Å, over that sphere's volume.

    Vacuum out of reach of all atoms does not count. Mean over some frames, first and last among them.
    """
    from ase.neighborlist import neighbor_list

    chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
    pairs = sum(len(neighbor_list("i", frames.atoms(int(index)), RADIUS)) for index in chosen)
    return pairs / int(frames.sizes[chosen].sum()) / sphere(RADIUS)


def film_density(atoms: float, volume: float, thickness: float) -> float:
    """Local density of a film: `atoms` fill `volume` (Å³) evenly between faces `thickness` (Å) apart.

    Averaged over the film, a sphere of radius r loses π r⁴ / (2 thickness) of its volume beyond the faces, if
    r is below the thickness.
    """
    inside = 1.0 - 3.0 * min(RADIUS, thickness) / (8.0 * thickness)
    return atoms / volume * inside


def sphere(radius: float) -> float:
    """Volume of a sphere in Å³."""
    return 4.0 / 3.0 * math.pi * radius**3
