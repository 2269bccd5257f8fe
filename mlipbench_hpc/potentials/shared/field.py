"""Force field of all reference potentials, as LAMMPS commands in any of its units with Å and e."""

from dataclasses import dataclass

from mlipbench_hpc.data.frames import Ints


@dataclass(frozen=True)
class Species:
    """mass u, charge e, Lennard-Jones ε kcal/mol and σ Å."""

    mass: float
    charge: float
    epsilon: float
    sigma: float


# Å. Cutoff of Lennard-Jones and of the real-space part of Coulomb's law; the cards state it too.
CUTOFF_A = 9.0
# Water: SPC/Fw, doi:10.1063/1.2136877. Na+: Joung and Cheatham for SPC/E, doi:10.1021/jp8001614.
# Au: Heinz et al., doi:10.1021/jp801931d (r_min 2.951 Å).
SPECIES = {
    8: Species(15.9994, -0.82, 0.1554253, 3.165492),
    1: Species(1.008, 0.41, 0.0, 1.0),
    11: Species(22.98977, 1.0, 0.3526, 2.1595),
    79: Species(196.96657, 0.0, 5.29, 2.951 / 2 ** (1 / 6)),
}
# By the mixing rule Na+ would bind to bare gold at 1.5-2.4 Å; with this pair its water stays between them.
PAIRS = {(11, 79): (0.05, 3.0)}
# LAMMPS' K of a bond (kcal/mol/Å²) and of an angle (kcal/mol/rad²), with lengths in Å and degrees.
BOND, ANGLE = (529.581, 1.012), (37.95, 113.24)
NO_BONDS = ["bond_style zero", "bond_coeff *", "angle_style zero", "angle_coeff *"]
MANNERS = ["neighbor 1.0 bin", "neigh_modify delay 0 every 5 check yes", "thermo_modify lost error norm no"]
# Room for bonds, angles and special neighbours in create_box.
ROOM = "bond/types 1 angle/types 1 extra/bond/per/atom 2 extra/angle/per/atom 1 extra/special/per/atom 2"


def masses(types: dict[int, int]) -> list[str]:
    """Commands of masses; types: LAMMPS type by atomic number."""
    return [f"mass {own} {SPECIES[number].mass}" for number, own in types.items()]


def interactions(types: dict[int, int], waters: Ints, kspace: str, kcal_mol: float) -> list[str]:
    """Commands for charges, pairs and bonds. waters (M, 3): O, H, H; kspace: style with its accuracy.

    kcal_mol: 1 kcal/mol in LAMMPS' unit of energy. Lennard-Jones is cut and shifted at CUTOFF_A without tail
    corrections, so that energies and forces belong together; pairs without an entry of their own mix by
    Lorentz and Berthelot.
    """
    lines = [f"set type {own} charge {SPECIES[number].charge}" for number, own in types.items()]
    lines += [f"pair_style lj/cut/coul/long {CUTOFF_A}", "pair_modify shift yes tail no"]
    lines += [
        f"pair_coeff {types[first]} {types[second]} {epsilon * kcal_mol!r} {sigma!r}"
        for first in types
        for second in types
        if types[first] <= types[second]
        for epsilon, sigma in [_pair(first, second)]
    ]
    bonds = _bonds(waters, kcal_mol) if len(waters) else NO_BONDS
    return [*lines, f"kspace_style {kspace}", *MANNERS, *bonds]


def _bonds(waters: Ints, kcal_mol: float) -> list[str]:
    """Commands that bond each molecule; the last one also builds the list of excluded pairs."""
    lines = [
        "bond_style harmonic",
        f"bond_coeff 1 {BOND[0] * kcal_mol!r} {BOND[1]}",
        "angle_style harmonic",
        f"angle_coeff 1 {ANGLE[0] * kcal_mol!r} {ANGLE[1]}",
        "special_bonds lj/coul 0 0 0",
    ]
    for oxygen, first, second in waters + 1:
        lines += [f"create_bonds single/bond 1 {oxygen} {end} special no" for end in (first, second)]
        lines.append(f"create_bonds single/angle 1 {first} {oxygen} {second} special no")
    lines[-1] = lines[-1].replace("special no", "special yes")
    return lines


def _pair(first: int, second: int) -> tuple[float, float]:
    """ε kcal/mol and σ Å of two species, by atomic number."""
    low, high = sorted((first, second))
    if (low, high) in PAIRS:
        return PAIRS[low, high]
    a, b = SPECIES[low], SPECIES[high]
    return (a.epsilon * b.epsilon) ** 0.5, (a.sigma + b.sigma) / 2
