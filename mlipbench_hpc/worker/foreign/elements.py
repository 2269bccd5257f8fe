"""Atomic numbers from names and types; contradictions are refused."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Ints
from mlipbench_hpc.worker.foreign.record import Labels

OXYGEN = 8
# How near (u, or relative to it) a mass is to an element's, and how far (u) from any other's.
NEAR_U, NEAR, APART_U = 0.01, 1e-3, 0.2
# Symbol of massless sites, as in ASE, and their names in TIP4P and TIP5P of GROMACS and Amber.
VIRTUAL, VIRTUAL_NAMES = "X", re.compile(r"(?:MW|IW|VW|EPW?|LP|X)\d*")
PLAIN = re.compile(r"[A-Z][a-z]?\d*[+-]*")
# Names of ions in CHARMM's force fields.
IONS = {"LIT": "Li", "SOD": "Na", "POT": "K", "RUB": "Rb", "CES": "Cs", "CAL": "Ca", "CLA": "Cl"}


@dataclass(frozen=True)
class Naming:
    """Elements by name from `--elements`, and elements that the request names (with O and H)."""

    elements: Mapping[str, str]
    requested: frozenset[str]
    surfaces: frozenset[str]

    def element(self, name: str) -> str | None:
        """Element of a name: by `--elements`, as a plain symbol, or as the requested one it begins with."""
        if name in self.elements:
            return self.elements[name]
        letters = re.sub(r"[^A-Za-z]", "", name)
        symbol = letters.capitalize()
        # `Na`, `Na3`, `Na+` and `Fe2+`.
        if letters in atomic_numbers and letters != "X" and PLAIN.fullmatch(name):
            return letters
        if symbol in self.requested:
            return symbol
        if VIRTUAL_NAMES.fullmatch(name):
            return VIRTUAL
        if name in IONS:
            return IONS[name]
        return symbol[:1] if symbol[:1] in ("O", "H") else None


@dataclass(frozen=True)
class Species:
    """Atomic numbers (N,), 0 for virtual sites; facts: source; warnings: unused statements of a file."""

    numbers: Ints
    facts: list[str]
    warnings: list[str]


def numbers_of(
    path: Path, own: Labels, topology: Path | None, other: Labels | None, naming: Naming
) -> Species:
    """Atomic numbers from names and types of a trajectory, `own`, and of its topology, `other`, or None.

    Raises InputFailure where a name is of no element, or two of them contradict one another.
    """
    source, labels = (path, own) if other is None or topology is None else (topology, other)
    warnings, words, kind = list[str](), labels.names, labels.kind
    if is_default(labels):
        warnings.append(
            f"{source.name}: its element column says C for every atom, as LAMMPS writes without `dump_modify "
            "element`: types were taken instead"
        )
        words = ()
    if not words and not set(labels.types) & set(naming.elements):
        words, kind = by_masses(labels.masses), "masses"
    if not words:
        words, kind = labels.types, "types"
    if not words:
        raise InputFailure(f"{source}: it names no atoms; pass --topology")
    symbols = resolve(source, words, kind, naming)
    guessed = [f"{name} = {symbol}" for name, symbol in symbols.items() if name != symbol]
    facts = [f"elements from {kind} of {source.name}" + (f": {', '.join(guessed)}" * bool(guessed))]
    if unused := [name for name in naming.elements if name not in symbols and name not in own.types]:
        facts.append(f"--elements: no atom is called {', '.join(unused)}")
    numbers = np.array([atomic_numbers[symbols[word]] for word in words])
    if virtual := [name for name, symbol in symbols.items() if symbol == VIRTUAL]:
        facts.append(
            f"{int((numbers == 0).sum())} virtual sites ({', '.join(virtual)}) are left out, and atoms are "
            "counted without them"
        )
    if other is not None and topology is not None:
        _same_names(path, own, topology, numbers, naming)
    _same_types(path, own, numbers, f"{kind} of {source.name}", naming)
    warnings += [*_ambiguous(symbols, kind, naming), *_names_beside(source, labels, naming)]
    return Species(numbers, facts, warnings)


def by_masses(masses: Sequence[str]) -> tuple[str, ...]:
    """Symbols (N,) of the elements of such masses (u); () where one mass is of no element, or of two.

    Repartitioned masses (3 and 10 u for H and O) and those of united atoms are of none.
    """
    symbols = {}
    for word in dict.fromkeys(masses):
        distances = np.abs(atomic_masses[1:] - float(word))
        if distances.min() > max(NEAR_U, NEAR * float(word)) or (distances < APART_U).sum() > 1:
            return ()
        symbols[word] = chemical_symbols[1 + int(distances.argmin())]
    return tuple(symbols[word] for word in masses)


def _ambiguous(symbols: Mapping[str, str], kind: str, naming: Naming) -> Iterator[str]:
    """Warnings of names that are read as O or H by their first letter, and are symbols of other elements."""
    for name, symbol in symbols.items():
        own = name.title()
        is_guess = kind == "names" and name not in naming.elements and symbol in ("O", "H")
        if is_guess and own in atomic_numbers and own != symbol and own not in ("D", "T"):
            yield f"atoms called {name} are read as {symbol}; if they are {own}, pass --elements {name}={own}"


def _names_beside(source: Path, labels: Labels, naming: Naming) -> Iterator[str]:
    """Warnings of names that are the symbol of another element than the file's element column says.

    CA is an α carbon as well as calcium. Raises InputFailure where a name does not even begin with the
    element, as O beside H.
    """
    if labels.kind != "elements" or is_default(labels):
        return
    for name, element in dict.fromkeys(zip(labels.beside, labels.names, strict=False)):
        own = re.sub(r"[^A-Za-z]", "", name).title()
        if own not in atomic_numbers or own == element or element in naming.elements or element in ("D", "T"):
            continue
        if not own.startswith(element[0]):
            raise InputFailure(
                f"{source}: an atom called {name} has {element} in the element column; correct one of the two"
            )
        yield (
            f"{source.name}: atoms called {name} have {element} in the element column, which is taken; if "
            f"they are {own}, pass --elements {element}={own}"
        )


def is_default(labels: Labels) -> bool:
    """True where an element column is LAMMPS' default, C for every atom, with several types."""
    return set(labels.names) == {"C"} and labels.kind == "elements" and len(set(labels.types)) > 1


def resolve(source: Path, words: tuple[str, ...], kind: str, naming: Naming) -> dict[str, str]:
    """Element of each name or type. Raises InputFailure where there is none."""
    names = list(dict.fromkeys(words))
    symbols = {name: naming.element(name) for name in names}
    charges = {name: int(name) for name in names if name.isdecimal() and int(name) < len(chemical_symbols)}
    surfaces = {atomic_numbers[symbol] for symbol in naming.surfaces}
    # LAMMPS writes its types into the same column: numbers count as atomic numbers only if plausible. Types
    # are so where some exceed the number of types.
    beyond = bool(surfaces) and len(charges) == len(names) and max(charges.values(), default=0) > len(names)
    plausible = kind == "species" or (kind == "types" and beyond)
    if plausible and {OXYGEN, *surfaces} <= set(charges.values()):
        symbols |= {
            name: chemical_symbols[charge]
            for name, charge in charges.items()
            if symbols[name] is None and charge
        }
    unknown = [name for name, symbol in symbols.items() if symbol is None]
    # NA may be a nitrogen, CL a carbon: they count as ions where all unknown names are such symbols.
    if kind in ("names", "species") and all(
        name.isupper() and name.title() in atomic_numbers for name in unknown
    ):
        symbols |= {name: name.title() for name in unknown}
        unknown = []
    if unknown:
        raise InputFailure(
            f"{source}: no element for {kind} {', '.join(unknown[:8])}; pass --elements "
            + " ".join(f"{name}=…" for name in unknown[:8])
            + f", with symbols {_example(unknown, names)}"
        )
    return {name: str(symbol) for name, symbol in symbols.items()}


def _example(unknown: list[str], names: list[str]) -> str:
    """`NAME=Symbol` of a name by its letters, of what may be atomic numbers, else no example.

    Numbers may be these where O's is among them, or all exceed it and the number of types.
    """
    for name in unknown:
        symbol = re.sub(r"[^A-Za-z]", "", name).capitalize()
        if symbol in atomic_numbers:
            return f"such as {name}={symbol}"
    charges = [int(name) for name in names if name.isdecimal() and 0 < int(name) < len(chemical_symbols)]
    if len(charges) == len(names) and (OXYGEN in charges or min(charges) > max(OXYGEN, len(names))):
        words = (f"{name}={chemical_symbols[int(name)]}" for name in unknown)
        return f"such as {' '.join(words)}, if they are atomic numbers"
    return "of elements"


def _same_names(path: Path, own: Labels, topology: Path, numbers: Ints, naming: Naming) -> None:
    """Check that those names of the trajectory that are elements agree with the topology."""
    if len(own.names) != len(numbers) or is_default(own):
        return
    symbols = {name: naming.element(name) for name in set(own.names)}
    for index, name in enumerate(own.names):
        symbol = symbols[name]
        if symbol is not None and atomic_numbers[symbol] != numbers[index]:
            raise InputFailure(
                f"{path}: atom {index + 1} is {symbol}, in {topology} it is "
                f"{chemical_symbols[numbers[index]]}: "
                "its atoms are in another order, or of another system"
            )


def _same_types(path: Path, own: Labels, numbers: Ints, source: str, naming: Naming) -> None:
    """Check that atoms of one type are of one element, the one of `--elements`."""
    if len(own.types) != len(numbers):
        return
    types = np.array(own.types)
    for kind in dict.fromkeys(own.types):
        symbols = [chemical_symbols[number] for number in np.unique(numbers[types == kind])]
        if len(symbols) > 1:
            raise InputFailure(
                f"{path}: atoms of type {kind} are {' and '.join(symbols)} by {source}: its atoms are in "
                "another order than the ids, or of another system"
            )
        if naming.elements.get(kind, symbols[0]) != symbols[0]:
            raise InputFailure(
                f"--elements: received `{kind}={naming.elements[kind]}`, but atoms of type {kind} are "
                f"{symbols[0]} by {source}; correct one of the two"
            )
