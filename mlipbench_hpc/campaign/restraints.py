"""Restraints of heights and heavy hydrogen that cannot work, in what drives MD and what its start holds."""

import math
from collections.abc import Iterator

from mlipbench_hpc.campaign.facts import DatasetFacts, atomic_number
from mlipbench_hpc.campaign.origins import origins
from mlipbench_hpc.campaign.potentials import symbols
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.sources import WALL_GAP_A, empty_above
from mlipbench_hpc.campaign.spec import Campaign, MolecularDynamics, Restraint, Slab

STEPS_A_PERIOD = 20
LIGHTEST_U, HEAVIEST_H_U = 1.008, 6.0
# Å² u/eV is this many ps².
PS2 = 1.0364269574711572e-4
SAME_U = 0.01


def check_restraints(
    place: Place, md: MolecularDynamics, campaign: Campaign, start: DatasetFacts
) -> Iterator[Mistake]:
    """Restrained atoms that are not there, fixed or named twice; no surface; targets or springs that fail."""
    if not md.restraints:
        return
    metals = {atomic_number(metal) for metal in campaign.analysis.profiles.metals if _known(metal)}
    if not metals & set(start.species):
        received, expected = f"a start of {symbols(set(start.species))}", "a slab, above which heights are"
        yield Mistake((*place, "restraints"), "the start has no surface", received, expected)
    seen: set[str | int] = set()
    for index, restraint in enumerate(md.restraints):
        where = (*place, "restraints", index)
        yield from _atoms(where, restraint, md, start, metals)
        yield from _twice(where, restraint, start, seen)
        yield from _height(where, restraint, md, campaign)
        yield from _spring(where, restraint, md)


def _known(symbol: str) -> bool:
    from ase.data import atomic_numbers

    return symbol in atomic_numbers


def _atoms(
    place: Place, restraint: Restraint, md: MolecularDynamics, start: DatasetFacts, metals: set[int]
) -> Iterator[Mistake]:
    where, atoms = (*place, "atoms"), restraint.atoms
    if isinstance(atoms, str):
        if not _known(atoms) or atomic_number(atoms) not in start.species:
            expected = f"one of {symbols(set(start.species) - metals)}, or indices"
            yield Mistake(where, "the start holds no such element", repr(atoms), expected)
        elif atomic_number(atoms) in metals:
            yield Mistake(where, "heights are counted from its atoms", repr(atoms), "atoms outside the slab")
        return
    smallest = min(start.sizes)
    for index, atom in enumerate(atoms):
        if atom >= smallest:
            yield Mistake((*where, index), "no such atom", str(atom), f"0 to {smallest - 1}")
        elif atom in md.fixed_atoms:
            yield Mistake((*where, index), "a fixed atom", str(atom), "an atom that moves")
        elif any(atom in _places(start, metal) for metal in metals):
            message = "heights are counted from atoms of its element"
            yield Mistake((*where, index), message, str(atom), "an atom outside the slab")


def _places(start: DatasetFacts, number: int) -> set[int]:
    """Indices of an element's atoms, where the order of the start's atoms is known."""
    from ase.data import atomic_masses

    found: set[int] = set()
    for runs in start.masses:
        first = 0
        for mass, count in zip(runs[::2], runs[1::2], strict=True):
            if abs(mass - float(atomic_masses[number])) < SAME_U:
                found.update(range(first, first + int(count)))
            first += int(count)
    return found


def _twice(
    place: Place, restraint: Restraint, start: DatasetFacts, seen: set[str | int]
) -> Iterator[Mistake]:
    """Atoms that restraints name twice, by index or element."""
    atoms = restraint.atoms
    names: list[str | int] = [atoms] if isinstance(atoms, str) else [*atoms]
    if isinstance(atoms, str) and _known(atoms):
        names += sorted(_places(start, atomic_number(atoms)))
    if twice := [name for index, name in enumerate(names) if name in seen or name in names[:index]]:
        received = ", ".join(map(str, twice))
        yield Mistake((*place, "atoms"), "restrained twice", received, "one height for each atom")
    seen.update(names)


def _height(
    place: Place, restraint: Restraint, md: MolecularDynamics, campaign: Campaign
) -> Iterator[Mistake]:
    """A target beyond the film; a user's structure is looked at when the run starts."""
    for system in origins(md, campaign):
        if system.slab and restraint.height > (highest := _highest(system.slab)):
            received, expected = f"{restraint.height:g} Å", f"at most {highest:.1f} Å, where the wall stands"
            yield Mistake((*place, "height"), "above the film", received, expected)
            return


def _highest(slab: Slab) -> float:
    """Å from the surface layer of a slab as it is built to the wall above its film."""
    surface = slab.vacuum / 2 + (slab.size[2] - 1) * slab.lattice_constant / 3**0.5
    return empty_above(slab)[0] - surface + WALL_GAP_A


def _spring(place: Place, restraint: Restraint, md: MolecularDynamics) -> Iterator[Mistake]:
    """A spring whose vibration has fewer than 20 timesteps; of atoms by index the lightest is thought of."""
    from ase.data import atomic_masses

    atoms, lightest = restraint.atoms, max(LIGHTEST_U, md.hydrogen_mass or 0.0)
    if isinstance(atoms, str) and atoms != "H":
        lightest = float(atomic_masses[atomic_number(atoms)]) if _known(atoms) else math.inf
    period = 2 * math.pi * math.sqrt(lightest * PS2 / restraint.spring)
    if period < STEPS_A_PERIOD * md.timestep:
        most = lightest * PS2 * (2 * math.pi / (STEPS_A_PERIOD * md.timestep)) ** 2
        received = f"{restraint.spring:g} eV/Å², a period of {1e3 * period:.2g} fs for {lightest:.4g} u"
        expected = f"at most {most:.3g} eV/Å² at a timestep of {1e3 * md.timestep:g} fs"
        yield Mistake((*place, "spring"), "too stiff for the timestep", received, expected)


def check_hydrogen_mass(place: Place, md: MolecularDynamics, start: DatasetFacts) -> Iterator[Mistake]:
    """A mass that is no heavy hydrogen's, or a start without water to take it from."""
    if md.hydrogen_mass is None:
        return
    where, received = (*place, "hydrogen_mass"), f"{md.hydrogen_mass:g} u"
    if not LIGHTEST_U < md.hydrogen_mass <= HEAVIEST_H_U:
        expected = f"more than {LIGHTEST_U:g} u, at most {HEAVIEST_H_U:g} u, which leave O as heavy as H"
        yield Mistake(where, "no mass of heavy hydrogen", received, expected)
    if not {1, 8} <= set(start.species):
        expected = "H bound to O"
        yield Mistake(
            where, "no oxygen to take it from", f"a start of {symbols(set(start.species))}", expected
        )
