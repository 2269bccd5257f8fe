"""Read labelled frames in the user's formats and units; nothing read here is ever unpickled or executed."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
from ase import Atoms, units

from mlipbench_hpc.data.frames import Floats, Frames, concatenate

ENERGY_EV = {
    "eV": 1.0,
    "meV": 1e-3,
    "Hartree": units.Hartree,
    "kcal/mol": units.kcal / units.mol,
    "kJ/mol": units.kJ / units.mol,
}
FORCE_EV_PER_A = {
    "eV/Å": 1.0,
    "eV/A": 1.0,
    "meV/Å": 1e-3,
    "Hartree/Bohr": units.Hartree / units.Bohr,
    "kcal/mol/Å": units.kcal / units.mol,
    "kJ/mol/nm": units.kJ / units.mol / units.nm,
}
DIPOLE_E_A = {"e·Å": 1.0, "e*A": 1.0, "Debye": units.Debye, "e·Bohr": units.Bohr}
Read = tuple[Frames, Floats]
MAGIC = {
    b"SQLite format 3\0": "an SQLite database",
    b"PK\x03\x04": "a zip archive (as torch and numpy write)",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x93NUMPY": "a numpy array",
    b"CDF": "a NetCDF file",
}
UNLABELLED = {"energy": "", "forces": "", "dipole": ""}
PICKLE_TEXT = (b"(dp", b"(lp", b"(ip", b"cos\n", b"c__", b"ccopy_reg", b"cposix", b"cbuiltins")


class DataError(ValueError):
    """A file cannot be read as what it was said to be."""


def read(path: Path, format: str, units: dict[str, str], labels: dict[str, str], limit: int | None) -> Read:
    """The first `limit` (default: all) frames of a file or folder, in Å, eV and eV/Å (ase.units: CODATA).

    format: extxyz, ase-db, deepmd-npy. units: {"energy", "force", "dipole"} of the file. labels: {"energy",
    "forces", "dipole"}, the names under which the file keeps them; a missing label becomes NaN. Second come
    the z components (F,) of the frames' dipoles, e·Å. Raises DataError naming the cause.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    frames, dipoles = READERS[format](path, labels, limit)
    energy, force = ENERGY_EV[units["energy"]], FORCE_EV_PER_A[units["force"]]
    converted = replace(frames, energies=frames.energies * energy, forces=frames.forces * force)
    return converted, dipoles * DIPOLE_E_A[units["dipole"]]


def read_structure(path: Path) -> Frames:
    """The one frame of an extxyz file, in Å, without labels. Raises DataError, also when there are more."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    frames, _ = _read_extxyz(path, UNLABELLED, 2)
    if len(frames) > 1:
        raise DataError(f"{path}: more than one frame; write the one to start from into a file of its own")
    return frames


def read_structures(path: Path, format: str, limit: int | None) -> Frames:
    """The first `limit` (default: all) frames of a file or folder, in Å; labels in it are left alone.

    format: extxyz, ase-db, deepmd-npy. Raises DataError naming the cause.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    frames, _ = READERS[format](path, UNLABELLED, limit)
    none = np.full(len(frames), np.nan), np.full(frames.forces.shape, np.nan)
    return replace(frames, energies=none[0], forces=none[1])


def sniff(path: Path) -> str:
    """What the first bytes say: `text`, or words for a binary kind; the file is not otherwise touched."""
    if path.is_dir():
        return "a folder"
    with path.open("rb") as stream:
        head = stream.read(4096)
    if (head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5") or head.startswith(PICKLE_TEXT):
        return "a Python pickle"
    for magic, words in MAGIC.items():
        if head.startswith(magic):
            return words
    return "binary data" if b"\0" in head else "text" if head.strip() else "an empty file"


def _read_extxyz(path: Path, labels: dict[str, str], limit: int | None) -> Read:
    kind = sniff(path)
    if kind != "text":
        raise DataError(f"{path}: this is {kind}, not extxyz text; nothing was loaded from it")
    return _stack(path, _text_images(path, limit), labels, limit)


def _text_images(path: Path, limit: int | None) -> Iterator[Atoms]:
    from ase.io.extxyz import read_xyz

    _check_first_count(path)
    # The open file is given, not its name: ASE would read `data.xyz@3` as frame 3 of data.xyz.
    with path.open(encoding="utf-8") as stream:
        yield from cast(Iterable[Atoms], read_xyz(stream, index=slice(0, limit)))


def _check_first_count(path: Path) -> None:
    """Raise DataError when the first frame announces more atoms than fit: reading would not end."""
    with path.open("rb") as stream:
        first = stream.readline(64).strip()
    if first.isdigit() and 4 * int(first) > path.stat().st_size:
        raise DataError(f"{path}: its first line announces {int(first)} atoms, more than it can hold")


def _read_ase_db(path: Path, labels: dict[str, str], limit: int | None) -> Read:
    return _stack(path, _database_images(path, _database_type(path)), labels, limit)


def _database_type(path: Path) -> str:
    """`db` (SQLite) or `json`, by content: an SQLite file without ASE's tables would be given them by ASE."""
    kind = sniff(path)
    if kind == "an SQLite database":
        address = f"{path.resolve().as_uri()}?mode=ro"
        with (
            _explained(path, lambda: "damaged database: "),
            contextlib.closing(sqlite3.connect(address, uri=True)) as base,
        ):
            tables = {row[0] for row in base.execute("select name from sqlite_master")}
        if "systems" in tables:
            return "db"
        raise DataError(f"{path}: an SQLite database without the table `systems`: it is not an ASE database")
    if kind == "text" and isinstance(_json(path), dict):
        return "json"
    raise DataError(
        f"{path}: this is {kind}, not an ASE database (SQLite or JSON); nothing was loaded from it"
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: neither SQLite nor valid JSON, so not an ASE database: {error}") from error


def _database_images(path: Path, kind: str) -> Iterator[Atoms]:
    from ase.db import connect

    database = connect(str(path), type=kind, use_lock_file=False)
    for row in database.select():
        image = row.toatoms()
        image.info.update(row.key_value_pairs)
        image.info.update({name: row.data[name] for name in row.data})
        yield image


def _stack(path: Path, images: Iterator[Atoms], labels: dict[str, str], limit: int | None) -> Read:
    kept: list[Atoms] = []
    with _explained(path, lambda: f"frame {len(kept)}: "):
        kept.extend(islice(images, limit))
    if not kept:
        raise DataError(f"{path}: no frame in it")
    with _explained(path, lambda: "labels: "):
        energies = [_energy(image, labels["energy"]) for image in kept]
        forces = [_forces(image, labels["forces"], index) for index, image in enumerate(kept)]
        dipoles = [_dipole(image, labels["dipole"], index) for index, image in enumerate(kept)]
    return Frames.from_atoms(kept, np.array(energies), np.concatenate(forces)), np.array(dipoles)


@contextlib.contextmanager
def _explained(path: Path, where: Callable[[], str]) -> Iterator[None]:
    """A parser may fail with anything on foreign bytes: whatever it raises becomes one DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path}: {where()}{error or type(error).__name__}") from error


def _label(image: Atoms, name: str) -> Any:
    """ASE moves labels it knows by name into a calculator; all others stay in info or arrays."""
    results = image.calc.results if image.calc is not None else {}
    for place in (results, image.info, image.arrays):
        if name in place:
            return place[name]
    return None


def _energy(image: Atoms, name: str) -> float:
    value = _label(image, name)
    return float("nan") if value is None else float(value)


def _forces(image: Atoms, name: str, index: int) -> Floats:
    value = _label(image, name)
    if value is None:
        return np.full((len(image), 3), np.nan)
    forces = np.asarray(value, dtype=float)
    if forces.shape != (len(image), 3):
        raise ValueError(f"frame {index}: `{name}` has shape {forces.shape}, expected {(len(image), 3)}")
    return forces


def _dipole(image: Atoms, name: str, index: int) -> float:
    """The z component of a vector."""
    value = _label(image, name)
    if value is None:
        return float("nan")
    dipole = np.asarray(value, dtype=float)
    if dipole.shape != (3,):
        raise ValueError(f"frame {index}: `{name}` has shape {dipole.shape}, expected (3,): a vector")
    return float(dipole[2])


def _read_deepmd(path: Path, _labels: dict[str, str], limit: int | None) -> Read:
    if not path.is_dir():
        raise DataError(f"{path}: this is {sniff(path)}, not a folder in the deepmd-npy layout")
    systems = sorted(found.parent for found in path.rglob("type.raw"))
    if not systems:
        raise DataError(f"{path}: no type.raw in or below it: not the deepmd-npy layout")
    found = [_deepmd_set(system, part) for system in systems for part in _sets(system)]
    frames, dipoles = concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])
    return (frames if limit is None else frames.select(np.arange(len(frames))[:limit])), dipoles[:limit]


def _sets(system: Path) -> list[Path]:
    sets = sorted(path for path in system.glob("set.*") if path.is_dir())
    if not sets:
        raise DataError(f"{system}: no set.* folder in it")
    if any((part / "real_atom_types.npy").exists() for part in sets):
        raise DataError(f"{system}: mixed types are not read; convert to one folder per composition")
    return sets


def _deepmd_set(system: Path, part: Path) -> Read:
    """One set.*: coord (F, 3N) Å, box (F, 9) Å, energy (F,), force (F, 3N), dipole (F, 3); no virials."""
    numbers = _deepmd_numbers(system)
    width = 3 * len(numbers)
    positions = _array(part / "coord.npy", width)
    count = len(positions)
    periodic = not (system / "nopbc").exists()
    box = _array(part / "box.npy", 9, count) if periodic else np.zeros((count, 9))
    energies = _array(part / "energy.npy", 1, count, optional=True)
    forces = _array(part / "force.npy", width, count, optional=True)
    dipoles = _array(part / "dipole.npy", 3, count, optional=True)
    frames = Frames(
        offsets=np.arange(count + 1, dtype=np.int64) * len(numbers),
        numbers=np.tile(numbers, count),
        positions=positions.reshape(-1, 3),
        cells=box.reshape(-1, 3, 3),
        pbc=np.full((count, 3), periodic),
        energies=energies.reshape(-1),
        forces=forces.reshape(-1, 3),
    )
    return frames, dipoles[:, 2]


def _deepmd_numbers(system: Path) -> "np.ndarray[Any, np.dtype[np.int64]]":
    from ase.data import atomic_numbers

    names = system / "type_map.raw"
    if not names.is_file():
        raise DataError(f"{system}: type_map.raw is missing, so its types have no names")
    try:
        symbols = names.read_text().split()
        types = [int(word) for word in (system / "type.raw").read_text().split()]
        if min(types) < 0:
            raise IndexError(min(types))
        return np.array([atomic_numbers[symbols[index]] for index in types], dtype=np.int64)
    except (ValueError, IndexError, KeyError) as error:
        raise DataError(f"{system}: type.raw and type_map.raw do not fit each other: {error!r}") from error


def _array(path: Path, width: int, count: int | None = None, optional: bool = False) -> Floats:
    """A (count, width) array from an .npy file, pickles refused; NaN when it is optional and absent."""
    if optional and not path.exists():
        return np.full((count or 0, width), np.nan)
    try:
        array = np.asarray(np.load(path, allow_pickle=False), dtype=float)
        array = array.reshape(len(array), -1)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not readable as a numeric .npy array: {error}") from error
    if array.shape[1] != width or (count is not None and len(array) != count):
        raise DataError(f"{path}: received shape {array.shape}, expected ({count or 'frames'}, {width})")
    return array


READERS: dict[str, Callable[[Path, dict[str, str], int | None], Read]] = {
    "extxyz": _read_extxyz,
    "ase-db": _read_ase_db,
    "deepmd-npy": _read_deepmd,
}
