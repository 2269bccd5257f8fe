"""Settings of the reference method that decide the labels of a frame, and that no model here uses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.data.records import Record

# Inputs that no model here has, each with its neutral value.
UNUSED: dict[str, float] = {
    "charge": 0.0, "total_charge": 0.0, "net_charge": 0.0, "system_charge": 0.0, "fparam": np.nan,
    "aparam": np.nan, "electric_field": 0.0, "external_field": 0.0, "efield": 0.0,
}  # fmt: skip
# Other names of such inputs, in any case of letters, which may also be mere records of one setting.
SETTINGS: dict[str, float] = {
    **{name: value for name, value in UNUSED.items() if name not in ("fparam", "aparam")},
    "tot_charge": 0.0, "charge_state": 0.0, "q": 0.0, "nelect": np.nan, "spin": 0.0, "multiplicity": 1.0,
    "e_field": 0.0, "applied_potential": 0.0,
}  # fmt: skip
# Words in a name that make it a setting of the method or the electrode, and those that make it a result.
DECIDING = {
    "charge", "charges", "qtot", "electrons", "nelect", "nelectrons", "potential", "voltage", "field",
    "efield", "functional", "xc", "smearing", "electronic",
}  # fmt: skip
RESULTS = {"energy", "energies", "potentials", "mulliken", "bader", "std", "error", "interatomic"}
# Names that are settings where they take few values, and results where every frame has its own, as the dipole
# moment, the energy or the Fermi level have.
EITHER = {"u", "mu", "sigma", "bias", "fermi", "efermi", "ntot", "ne", "theory"}
FEW = 0.25  # of the number of frames
# Of the words of a name: those of quantities that any model is told or that only name a frame.
HARMLESS = {
    "time", "step", "steps", "timestep", "frame", "frames", "index", "idx", "id", "ids", "uid", "uuid",
    "number", "name", "names", "temperature", "temp", "pressure", "density", "volume", "enthalpy",
    "entropy", "force", "forces", "stress", "virial", "dipole", "config", "type", "formula", "label",
    "source", "file", "filename", "path", "comment", "weight", "pbc", "lattice", "cell", "momenta",
    "momentum", "date", "hash", "group", "set", "split", "trajectory", "iteration", "image", "md", "e",
    "natoms", "atoms", "mass", "masses", "converged", "origin", "virials", "stresses", "smiles",
    "properties",
}  # fmt: skip
# Electrons belong to the composition.
OF_COMPOSITION = {"electrons", "nelect", "nelectrons", "ntot", "ne"}
# Flags of a converged calculation, in lower case.
CONVERGED = {"converged", "scf_converged", "is_converged", "scfconverged", "electronic_converged"}
SHOWN = 8


@dataclass(frozen=True)
class Varying:
    """Different values in words, and the number of frames that were compared."""

    values: tuple[str, ...]
    frames: int


def unused(records: Sequence[Record], ignore: tuple[str, ...]) -> Iterator[str]:
    """Sentences on data that no model here uses, whose neglect would be an invisible error."""
    for name in UNUSED.keys() - set(ignore):
        frames = [
            index for index, record in enumerate(records) if _says_something(record.values.get(name), name)
        ]
        if frames:
            yield (
                f"{len(frames)} frames have `{name}` ({str(records[frames[0]].values[name])[:30]} in frame "
                f"{frames[0]}), which no model here uses: leave such frames out, or state `ignore: [{name}]`"
            )


def unconverged(records: Sequence[Record]) -> Iterator[int]:
    """Indices of frames whose own words say that the reference method did not converge."""
    for index, record in enumerate(records):
        if any(name.lower() in CONVERGED and _is_false(value) for name, value in record.values.items()):
            yield index


def _is_false(value: Any) -> bool:
    """True for F, false, no and 0 as a flag, a number or a word."""
    return np.ndim(value) == 0 and str(value).lower() in ("f", "false", "no", "0", "0.0")


def settings(records: Sequence[Record], ignore: tuple[str, ...], differ: bool) -> Iterator[str]:
    """Sentences on settings that differ between frames, or else on those that are equal in all.

    Names are those of SETTINGS in any case of letters. A frame without the name has its neutral value.
    """
    present = {key.lower() for record in records for key in record.values if key not in UNUSED}
    for name in sorted(present & SETTINGS.keys() - set(ignore)):
        values = [_setting(record, name) for record in records]
        if set(values) <= {"", _neutral(name)}:
            continue
        # The number of electrons belongs to the composition.
        of_composition = name == "nelect"
        owners = [str(sorted(record.numbers.tolist())) if of_composition else "" for record in records]
        differs = len(set(zip(owners, values, strict=True))) > len(set(owners))
        if differs == differ:
            yield _sentence(name, sorted(set(values) - {""}), differs)


def _words(name: str) -> list[str]:
    """Words of a name in lower case: `potential_V`, `electrodePotential` and `n_electrons` have two each."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z]+", " ", name)
    return apart.lower().split()


def varying(records: Sequence[Record], ignore: tuple[str, ...]) -> dict[str, Varying]:
    """Numbers, vectors and words beside the frames that differ between them, by name.

    Those whose name says that they are a time, a label or a name of the frame are left out, as are frames
    of isolated atoms, which are computed otherwise.
    """
    whole = [record for record in records if len(record.numbers) > 1]
    names = dict.fromkeys(key for record in whole for key in record.values)
    known = {*SETTINGS, *UNUSED, *(name.lower() for name in ignore)} | CONVERGED
    found: dict[str, Varying] = {}
    for name in names:
        words = set(_words(name))
        harmless = words & RESULTS or (words & HARMLESS and not words & (DECIDING | EITHER))
        if name.lower() in known or harmless:
            continue
        values = [_plain(record.values.get(name), len(record.numbers)) for record in whole]
        if None in values or not _differ(name, whole, values):
            continue
        found[name] = Varying(tuple(sorted({str(value) for value in values})), len(whole))
    return found


def _differ(name: str, records: Sequence[Record], values: Sequence[str | None]) -> bool:
    of_composition = bool(set(_words(name)) & OF_COMPOSITION)
    owners = [str(sorted(record.numbers.tolist())) if of_composition else "" for record in records]
    given = [(owner, "" if value == "0.0" else value) for owner, value in zip(owners, values, strict=True)]
    return len(set(given)) > len(set(owners))


def _plain(value: Any, atoms: int) -> str | None:
    """A number, a word or a short vector as text, "" for nothing; None for what describes each atom."""
    if value is None:
        return ""
    if np.size(value) > 3 or (np.ndim(value) and len(value) == atoms):
        return None
    try:
        return str(np.asarray(value, dtype=float).tolist())
    except (TypeError, ValueError):
        return str(value)[:30]


def deciding(differing: Mapping[str, Varying]) -> Iterator[str]:
    """Sentences on values that decide the labels by their names, and that differ between frames."""
    for name, values in differing.items():
        words = set(_words(name))
        few = len(values.values) <= FEW * values.frames
        if words & DECIDING or (few and words & EITHER):
            yield _sentence(name, [value for value in values.values if value], True)


def described(differing: Mapping[str, Varying]) -> str:
    """What differs between frames and is told to no model, in words; empty for nothing."""
    parts = [f"{name} ({len(values.values)} values)" for name, values in differing.items()]
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return ", ".join(parts[:SHOWN]) + more


def _sentence(name: str, values: list[str], differs: bool) -> str:
    if differs:
        return (
            f"`{name}` differs between frames ({', '.join(values[:3])}), and no model here uses it: leave "
            f"such frames out, or state `ignore: [{name}]`"
        )
    return (
        f"`{name}` is {', '.join(values[:3])} in these frames, and no model here uses it: the model holds "
        "for this value alone"
    )


def _neutral(name: str) -> str:
    return "" if np.isnan(SETTINGS[name]) else str(SETTINGS[name])


def _setting(record: Record, name: str) -> str:
    """Value of a setting, the neutral one where the frame has none."""
    key = next((key for key in record.values if key.lower() == name and key not in UNUSED), None)
    if key is None:
        return _neutral(name)
    value: Any = record.values[key]
    try:
        numbers = np.unique(np.asarray(value, dtype=float))
    except (TypeError, ValueError):
        return str(value)[:30]
    return str(float(numbers[0])) if len(numbers) == 1 else str(np.asarray(value).tolist())[:30]


def _says_something(value: Any, name: str) -> bool:
    if value is None:
        return False
    try:
        return bool(np.any(np.asarray(value, dtype=float) != UNUSED[name]))
    except (TypeError, ValueError):
        return True
