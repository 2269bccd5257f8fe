"""Numbers with units, as people write them: `0.5 fs`, `300 K`, `4 meV/atom`."""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

UNITS: dict[str, dict[str, float]] = {
    "time": {"fs": 1e-3, "ps": 1.0, "ns": 1e3},
    "duration": {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "days": 86400.0},
    "frequency": {"1/ps": 1.0, "1/fs": 1e3, "/ps": 1.0, "/fs": 1e3},
    "length": {"Å": 1.0, "A": 1.0, "Angstrom": 1.0, "nm": 10.0},
    "temperature": {"K": 1.0},
    "density": {"g/cm3": 1.0, "g/cm^3": 1.0, "kg/m3": 1e-3},
    "energy per atom": {"eV/atom": 1.0, "meV/atom": 1e-3},
    "force": {"eV/Å": 1.0, "eV/A": 1.0, "meV/Å": 1e-3, "meV/A": 1e-3},
    "spring": {"eV/Å²": 1.0, "eV/Å^2": 1.0, "eV/Å2": 1.0, "eV/A^2": 1.0, "eV/A2": 1.0, "meV/Å²": 1e-3},
    "mass": {"u": 1.0, "Da": 1.0},
}
EXAMPLES = {
    "time": "0.5 fs",
    "duration": "30 min",
    "frequency": "0.2 1/ps",
    "length": "6 Å",
    "temperature": "300 K",
    "density": "0.997 g/cm3",
    "energy per atom": "4 meV/atom",
    "force": "100 meV/Å",
    "spring": "1 eV/Å²",
    "mass": "4 u",
}
ENERGIES_EV = {"eV": 1.0, "Hartree": 27.211386245988, "Ry": 13.605693122994}
SMALLEST, LARGEST = 1e-9, 1e9
MINUTE_S = 60.0
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


def parse(kind: str, value: object) -> float:
    """A number with unit as float in ps, s, 1/ps, Å, K, g/cm³, eV/atom, eV/Å, eV/Å² or u.

    Raises ValueError naming what was expected.
    """
    text = composed(value)
    match = re.fullmatch(rf"\s*({NUMBER})\s*(\S+)\s*", text) if isinstance(text, str) else None
    if match is None or match[2] not in UNITS[kind]:
        units = ", ".join(UNITS[kind])
        raise ValueError(f"expected a {kind} with its unit ({units}), such as `{EXAMPLES[kind]}`")
    number = float(match[1]) * UNITS[kind][match[2]]
    if not SMALLEST <= number <= LARGEST:
        raise ValueError(f"expected a sensible {kind} above zero, such as `{EXAMPLES[kind]}`")
    return number


def composed(value: object) -> object:
    """Text in which Å is one letter, U+00C5, whichever of its forms was typed; anything else as it is."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def reference_energy(value: object) -> float:
    """The energy of an atom in eV, of either sign (CODATA 2018); raises ValueError for anything else."""
    match = re.fullmatch(rf"\s*({NUMBER})\s*(\S+)\s*", value) if isinstance(value, str) else None
    if match is None or match[2] not in ENERGIES_EV:
        raise ValueError(f"expected an energy with its unit ({', '.join(ENERGIES_EV)}), such as `-13.6 eV`")
    return float(match[1]) * ENERGIES_EV[match[2]]


def whole_minutes(seconds: float) -> float:
    """The same. Raises ValueError unless a scheduler, which counts whole minutes, keeps it as it is."""
    if seconds < MINUTE_S or seconds % MINUTE_S:
        raise ValueError("expected a walltime of whole minutes, as schedulers count them")
    return seconds


def _reader(kind: str) -> Callable[[object], float]:
    return lambda value: parse(kind, value)


def _schema(kind: str) -> WithJsonSchema:
    units = "|".join(re.escape(unit) for unit in UNITS[kind])
    pattern = rf"^\s*{NUMBER}\s*({units})\s*$"
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [EXAMPLES[kind]]})


Time = Annotated[float, BeforeValidator(_reader("time")), _schema("time")]
Duration = Annotated[float, BeforeValidator(_reader("duration")), _schema("duration")]
Walltime = Annotated[Duration, AfterValidator(whole_minutes)]
Frequency = Annotated[float, BeforeValidator(_reader("frequency")), _schema("frequency")]
Length = Annotated[float, BeforeValidator(_reader("length")), _schema("length")]
Temperature = Annotated[float, BeforeValidator(_reader("temperature")), _schema("temperature")]
Density = Annotated[float, BeforeValidator(_reader("density")), _schema("density")]
EnergyPerAtom = Annotated[float, BeforeValidator(_reader("energy per atom")), _schema("energy per atom")]
Force = Annotated[float, BeforeValidator(_reader("force")), _schema("force")]
Spring = Annotated[float, BeforeValidator(_reader("spring")), _schema("spring")]
Mass = Annotated[float, BeforeValidator(_reader("mass")), _schema("mass")]
ReferenceEnergy = Annotated[
    float,
    BeforeValidator(reference_energy),
    WithJsonSchema(
        {"type": "string", "pattern": rf"^\s*{NUMBER}\s*(eV|Hartree|Ry)\s*$", "examples": ["-13.6 eV"]}
    ),
]
