"""The force field all reference potentials share, as LAMMPS commands (units real)."""

from dataclasses import dataclass

CUTOFF_A = 9.0


@dataclass(frozen=True)
class Species:
    """mass u, charge e, Lennard-Jones ε kcal/mol and σ Å."""

    mass: float
    charge: float
    epsilon: float
    sigma: float


# Water: SPC/Fw, doi:10.1063/1.2136877. Na+: Joung and Cheatham for SPC/E, doi:10.1021/jp8001614.
# Au: Heinz et al., doi:10.1021/jp801931d (r_min 2.951 Å).
SPECIES = {
    8: Species(15.9994, -0.82, 0.1554253, 3.165492),
    1: Species(1.008, 0.41, 0.0, 1.0),
    11: Species(22.98977, 1.0, 0.3526, 2.1595),
    79: Species(196.96657, 0.0, 5.29, 2.951 / 2 ** (1 / 6)),
}
# By the mixing rule Na+ would stick to bare gold at 1.5-2.4 Å; this pair keeps its water between them.
PAIRS = {(11, 79): (0.05, 3.0)}
BONDS = """
bond_style harmonic
bond_coeff 1 529.581 1.012
angle_style harmonic
angle_coeff 1 37.95 113.24
special_bonds lj/coul 0 0 0
"""
NO_BONDS = "bond_style zero\nbond_coeff *\nangle_style zero\nangle_coeff *"
MANNERS = """
neighbor 1.0 bin
neigh_modify delay 0 every 5 check yes
thermo_modify lost error norm no
"""


def commands(types: dict[int, int], kspace: str) -> str:
    """Masses, charges, pairs, bonds. types: LAMMPS type by atomic number; kspace: style with its accuracy.

    Lennard-Jones is cut and shifted at 9 Å without tail corrections, so that energies and forces belong
    together; pairs without an entry of their own mix by Lorentz and Berthelot.
    """
    lines = [f"mass {own} {SPECIES[number].mass}" for number, own in types.items()]
    lines += [f"set type {own} charge {SPECIES[number].charge}" for number, own in types.items()]
    lines += [f"pair_style lj/cut/coul/long {CUTOFF_A}", "pair_modify shift yes tail no"]
    lines += [
        "pair_coeff {} {} {!r} {!r}".format(*sorted((types[one], types[two])), *_pair(one, two))
        for one in types
        for two in types
        if types[one] <= types[two]
    ]
    return "\n".join([*lines, BONDS if 8 in types else NO_BONDS, f"kspace_style {kspace}", MANNERS])


def _pair(one: int, two: int) -> tuple[float, float]:
    """ε kcal/mol and σ Å of two species."""
    low, high = sorted((one, two))
    if (low, high) in PAIRS:
        return PAIRS[low, high]
    first, second = SPECIES[low], SPECIES[high]
    return (first.epsilon * second.epsilon) ** 0.5, (first.sigma + second.sigma) / 2
