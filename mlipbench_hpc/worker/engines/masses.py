"""Heavy hydrogen: mass moved from each oxygen to its hydrogens, which allows a longer timestep.

The total mass of a molecule stays. Averages over positions in the canonical ensemble do not depend on masses,
as far as the timestep is exact; times do, of molecules that turn and of bonds that vibrate (Feenstra, Hess
and Berendsen 1999, doi:10.1002/(SICI)1096-987X(199906)20:8<786::AID-JCC5>3.0.CO;2-B).
"""

import numpy as np
from ase import Atoms
from ase.geometry import get_distances

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints

BOUND_A = 1.5


def with_heavy_hydrogen(atoms: Atoms, mass: float) -> Atoms:
    """Copy in which every H has `mass` u, taken from the nearest O (minimum image).

    Raises InputFailure for an H without an O within 1.5 Å, one that is not lighter, and an O that would
    become lighter than its hydrogens.
    """
    hydrogens, oxygens = (np.flatnonzero(atoms.numbers == number) for number in (1, 8))
    if not len(hydrogens) or not len(oxygens):
        raise InputFailure("hydrogen_mass: the start has no H bound to O")
    positions = atoms.positions
    _, distances = get_distances(positions[hydrogens], positions[oxygens], cell=atoms.cell, pbc=atoms.pbc)
    if (far := distances.min(axis=1) > BOUND_A).any():
        lost = hydrogens[far][:5].tolist()
        raise InputFailure(f"hydrogen_mass: H {lost} are farther than {BOUND_A:g} Å from every O")
    heavy: Atoms = atoms.copy()
    heavy.set_masses(_moved(atoms.get_masses(), hydrogens, oxygens[distances.argmin(axis=1)], mass))
    return heavy


def _moved(masses: Floats, hydrogens: Ints, owners: Ints, mass: float) -> Floats:
    """Masses (N,) u after the move; owners: the O of each H."""
    taken = mass - masses[hydrogens]
    if (taken <= 0).any():
        raise InputFailure(
            f"hydrogen_mass: {mass:g} u, but some H of the start has {masses[hydrogens].max():g} u"
        )
    moved: Floats = masses.copy()
    np.subtract.at(moved, owners, taken)
    moved[hydrogens] = mass
    if (left := moved[owners].min()) < mass:
        raise InputFailure(f"hydrogen_mass: {mass:g} u would leave an O with {left:.3g} u; give less")
    return moved
