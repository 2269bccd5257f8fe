"""Units of users' files: factors to eV, Å and e·Å, and units that a file itself states."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ase import units

ENERGY_EV = {
    "eV": 1.0,
    "meV": 1e-3,
    "Hartree": units.Hartree,
    "Ry": units.Rydberg,
    "kcal/mol": units.kcal / units.mol,
    "kJ/mol": units.kJ / units.mol,
}
FORCE_EV_PER_A = {
    "eV/Å": 1.0,
    "eV/A": 1.0,
    "meV/Å": 1e-3,
    "Hartree/Bohr": units.Hartree / units.Bohr,
    "Ry/Bohr": units.Rydberg / units.Bohr,
    "kcal/mol/Å": units.kcal / units.mol,
    "kJ/mol/nm": units.kJ / units.mol / units.nm,
}
DIPOLE_E_A = {"e·Å": 1.0, "e*A": 1.0, "Debye": units.Debye, "e·Bohr": units.Bohr}
LENGTH_A = {"Å": 1.0, "A": 1.0, "Bohr": units.Bohr, "nm": units.nm}
FACTORS = {"energy": ENERGY_EV, "force": FORCE_EV_PER_A, "dipole": DIPOLE_E_A, "position": LENGTH_A}
ALIASES = {
    "ev": "eV", "mev": "meV", "electronvolt": "eV", "ha": "Hartree", "hartree": "Hartree", "eh": "Hartree",
    "ry": "Ry", "rydberg": "Ry", "kcal": "kcal/mol", "kcal/mol": "kcal/mol", "kj/mol": "kJ/mol",
    "ang": "Å", "angstrom": "Å", "å": "Å", "a": "Å", "bohr": "Bohr", "a0": "Bohr", "nm": "nm",
    "debye": "Debye",
}  # fmt: skip
ATOMIC = {"energy": "Hartree", "force": "Hartree/Bohr", "position": "Bohr", "dipole": "e·Bohr"}
QUANTITIES = {
    "energy": "energy", "energies": "energy", "force": "force", "forces": "force", "dipole": "dipole",
    "pos": "position", "position": "position", "positions": "position", "length": "position",
    "coordinates": "position",
}  # fmt: skip
ASKED = re.compile(r"(?:([a-z]+)[_-])?units?(?:[_-]([a-z]+))?")


def composed(text: str) -> str:
    """Normal form of Å, U+00C5, from the ångström sign or A with a combining ring."""
    return unicodedata.normalize("NFC", text)


def stated(values: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Units that a frame states as (name, quantity, unit): `energy_unit=Hartree`, a label `energy_Ha`.

    The unit is empty where it is unknown here. values: by name beside the frame; names: of the labels read.
    """
    for name, value in values.items():
        if value is True and (unit := _of("energy", name)):  # `energy=-10 a.u.`: a word by itself
            yield name, "energy", unit
        match = ASKED.fullmatch(name.lower())
        word = (match[1] or match[2] or "energy") if match else ""
        quantity = QUANTITIES.get(word, "")
        if quantity:
            yield name, quantity, _of(quantity, str(value))
    for name in names:
        first, _, last = name.lower().partition("_")
        if QUANTITIES.get(first) in ("energy", "force") and _of(QUANTITIES[first], last.replace("_", "/")):
            yield name, QUANTITIES[first], _of(QUANTITIES[first], last.replace("_", "/"))


def _of(quantity: str, word: str) -> str:
    """Unit in the schema's notation; empty for a word that is no unit of this quantity."""
    if word.lower() in ("au", "a.u.", "atomic", "atomic_unit"):
        return ATOMIC.get(quantity, "")
    plain = composed(word).lower()
    parts = [ALIASES.get(part, part) for part in plain.replace("kcal/mol", "kcal").split("/")]
    whole = ALIASES.get(plain, "/".join(parts))
    return whole if whole in FACTORS[quantity] else ""


def contradictions(stated: Iterable[tuple[str, str, str]], units: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each unit that a file states and `units` (by quantity) does not."""
    for name, quantity, unit in dict.fromkeys(stated):
        asked = units.get(quantity, "Å")
        if not unit:
            yield f"the file says by `{name}` in which unit {quantity} is, and the unit is not known here"
        elif FACTORS[quantity][unit] != FACTORS[quantity][composed(asked)]:
            yield f"the file says by `{name}` that {quantity} is in {unit}, `units` says {asked}"
