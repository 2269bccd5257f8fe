"""Reading of labelled frames in the user's formats and units; nothing is ever unpickled or executed."""

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data.deepmd import read_deepmd
from mlipbench_hpc.data.energies import LONELY_A, isolated_atoms
from mlipbench_hpc.data.extxyz import XyzFile
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.records import (
    ISOTOPES,
    DataError,
    Record,
    height_of,
    number_of,
    of_atoms,
    vectors_of,
    word_of,
)
from mlipbench_hpc.data.settings import (
    UNUSED,
    deciding,
    described,
    settings,
    unconverged,
    unused,
    varying,
)
from mlipbench_hpc.data.sniff import sniff
from mlipbench_hpc.data.units import FACTORS, composed, contradictions, stated

__all__ = ["DataError", "Source", "read", "read_structure", "read_structures", "sniff"]
UNLABELLED = {"energy": "", "forces": "", "dipole": ""}
ISOLATED = ("isolatedatom", "isolated_atom")
# Names of velocities in ASE's files.
MOTION = ("momenta", "velocities", "vel", "velo")
# Name of the dipole that a campaign has where it states none.
DIPOLE = "dipole"


@dataclass(frozen=True)
class Source:
    """Content of a file or folder, in Å, eV and eV/Å.

    dipoles (F,) e·Å along z, NaN where unknown. names: number of frames with each number and each vector of
    the atoms. extent: in words, the part that was read and the rest. wrong: sentences about data that no
    model here uses, or that contradict the units; remarks: interpretations that a person should check.
    unconverged: indices in the file of frames that say so of themselves. varying: in words, what differs
    between frames beside the labels and is told to no model.
    """

    frames: Frames
    dipoles: Floats
    names: Mapping[str, int] = field(default_factory=dict)
    extent: str = ""
    wrong: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unconverged: tuple[int, ...] = ()
    varying: str = ""


def read(
    path: Path,
    format: str,
    units: Mapping[str, str],
    labels: Mapping[str, str | None],
    limit: int | None,
    ignore: tuple[str, ...] = (),
) -> Source:
    """Read the first `limit` (default: all) frames of a file or folder, in Å, eV, eV/Å (ase.units: CODATA).

    format: extxyz, ase-db, deepmd-npy. units: {"energy", "force", "dipole"} of the file, and {"position"}
    where that is not Å. labels: {"energy", "forces", "dipole"}, the names in the file, and
    {"trajectory", "set"} where it names those; a missing label becomes NaN. ignore: names of data that no
    model uses and that are to be left out. Raises DataError naming the cause.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    source = READERS[format](path, labels, limit, ignore)
    factors = {name: FACTORS[name][composed(unit)] for name, unit in units.items()}
    length, frames = factors.get("position", 1.0), source.frames
    converted = replace(
        frames,
        positions=frames.positions * length,
        cells=frames.cells * length,
        energies=frames.energies * factors["energy"],
        forces=frames.forces * factors["force"],
    )
    converted = _without_lone_forces(converted)
    wrong = (*source.wrong, *contradictions(source.stated, units), *_near_images(converted, source.isolated))
    dipoles = source.dipoles * factors["dipole"]
    return Source(
        converted,
        dipoles,
        source.names,
        source.extent,
        wrong,
        source.remarks,
        source.unconverged,
        source.varying,
    )


def _near_images(frames: Frames, isolated: tuple[int, ...]) -> Iterator[str]:
    """Sentences on atoms that are named isolated and have images of their own as neighbours."""
    for index in sorted(set(isolated) - set(isolated_atoms(frames).tolist())):
        edges = np.linalg.norm(frames.cells[index][frames.pbc[index]], axis=1)
        yield (
            f"frame {index}: config_type says IsolatedAtom, but its images are {edges.min():.3g} Å away, "
            f"expected more than {LONELY_A:g} Å: compute it in a larger cell, or leave it out"
        )


def _without_lone_forces(frames: Frames) -> Frames:
    """Frames with zero force on isolated atoms, which files often leave out."""
    atoms = frames.offsets[isolated_atoms(frames)]
    if not np.isnan(frames.forces[atoms]).any():
        return frames
    forces = frames.forces.copy()
    forces[atoms] = np.nan_to_num(forces[atoms], nan=0.0)
    return replace(frames, forces=forces)


@dataclass(frozen=True)
class Stated(Source):
    """Source in the file's own units. stated: (name, quantity, unit) of each unit that the file states.

    isolated: indices of the frames that are named isolated atoms.
    """

    stated: tuple[tuple[str, str, str], ...] = ()
    isolated: tuple[int, ...] = ()


def read_structure(path: Path) -> Source:
    """One frame of an extxyz file, in Å, without labels. Raises DataError, also when there are more."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    source = _read_extxyz(path, UNLABELLED, 2, ())
    if len(source.frames) > 1:
        raise DataError(f"{path}: more than one frame; write the one to start from into a file of its own")
    return _unlabelled(source)


def read_structures(path: Path, format: str, limit: int | None) -> Source:
    """Read the first `limit` (default: all) frames of a file or folder, in Å; labels in it are ignored.

    format: extxyz, ase-db, deepmd-npy. Raises DataError naming the cause.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return _unlabelled(READERS[format](path, UNLABELLED, limit, tuple(UNUSED)))


def _unlabelled(source: Source) -> Source:
    """Positions of a source alone, with a remark where it holds velocities, which are not used."""
    frames, names = source.frames, [name for name in MOTION if name in source.names]
    none = np.full(len(frames), np.nan), np.full(frames.forces.shape, np.nan)
    bare = replace(frames, energies=none[0], forces=none[1])
    unused = [f"`{name}` are not used: MD draws velocities at its temperature" for name in names]
    return Source(bare, source.dipoles, source.names, source.extent, (), (*source.remarks, *unused))


Labels = Mapping[str, str | None]


def _read_extxyz(path: Path, labels: Labels, limit: int | None, ignore: tuple[str, ...]) -> Stated:
    kind = sniff(path)
    if kind != "text":
        raise DataError(f"{path}: this is {kind}, not extxyz text; nothing was loaded from it")
    file = XyzFile(path)
    source = _stack(path, file.records(), labels, limit, ignore)
    left = path.stat().st_size - file.read
    extent = f"{file.read:,} bytes read, {left:,} left" + (f" (frames: {limit})" if left else "")
    return replace(source, extent=extent, remarks=source.remarks + _species_remarks(file.species))


def _species_remarks(words: set[str]) -> tuple[str, ...]:
    isotopes = sorted(words & set(ISOTOPES))
    sites = sorted(word for word in words - set(ISOTOPES) if not word.isalpha())
    taken = [f"species {word} is H of {ISOTOPES[word]:.3f} u" for word in isotopes]
    return tuple(taken + ([f"species such as {sites[0]} are read as their elements"] if sites else []))


def _read_ase_db(path: Path, labels: Labels, limit: int | None, ignore: tuple[str, ...]) -> Stated:
    records = _database_records(path, _database_type(path))
    source = _stack(path, records, labels, limit, ignore)
    with _explained(path, lambda: "rows: "):
        left = sum(1 for _ in records)
    return replace(source, extent=f"{len(source.frames)} rows read, {left} left")


def _database_type(path: Path) -> str:
    """`db` (SQLite) or `json`, by content: ASE would add its tables to an SQLite file without them."""
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


def _database_records(path: Path, kind: str) -> Iterator[Record]:
    from ase.db import connect

    database = connect(str(path), type=kind, use_lock_file=False)
    for row in database.select():
        yield of_atoms(row.toatoms(), {**row.key_value_pairs, **{name: row.data[name] for name in row.data}})


def _stack(
    path: Path, records: Iterator[Record], labels: Labels, limit: int | None, ignore: tuple[str, ...]
) -> Stated:
    whole: list[Record] = []
    with _explained(path, lambda: f"frame {len(whole)}: "):
        whole.extend(islice(records, limit))
    if not whole:
        raise DataError(f"{path}: no frame in it")
    place = -1

    def each(take: Callable[[Record], Any]) -> list[Any]:
        nonlocal place
        values = []
        for place, record in enumerate(whole):  # noqa: B007 - an error names the frame
            values.append(take(record))
        return values

    with _explained(path, lambda: f"labels: frame {place}: "):
        energies = each(lambda record: number_of(record, str(labels["energy"])))
        forces = each(lambda record: vectors_of(record, str(labels["forces"])))
        dipoles, unread = _dipoles(each, str(labels["dipole"]))
        named = each(_names_isolated)
    read_names = {str(name) for name in labels.values() if name}
    differing = varying(whole, (*ignore, *read_names))
    return Stated(
        _frames(whole, np.array(energies), np.concatenate(forces), labels),
        np.array(dipoles),
        dict(_names(whole)),
        wrong=(*unused(whole, ignore), *settings(whole, ignore, differ=True), *deciding(differing)),
        varying=described(differing),
        unconverged=tuple(unconverged(whole)),
        remarks=(*unread, *_remarks(whole, labels), *settings(whole, ignore, differ=False)),
        stated=tuple(_stated(whole, labels)),
        isolated=tuple(np.flatnonzero(named).tolist()),
    )


def _dipoles(
    each: Callable[[Callable[[Record], Any]], list[Any]], name: str
) -> tuple[list[float], list[str]]:
    """The z component of each frame's dipole, and a remark where a dipole that nobody named is no vector."""
    try:
        return each(lambda record: height_of(record, name)), []
    except (TypeError, ValueError) as error:
        if name != DIPOLE:
            raise
        remark = (
            f"dipoles are left out: {error}; state `labels: {{dipole: NAME}}` to use those of another name"
        )
        return each(lambda _record: float("nan")), [remark]


def _frames(records: list[Record], energies: Floats, forces: Floats, labels: Labels) -> Frames:
    offsets = np.concatenate([[0], np.cumsum([len(record.numbers) for record in records])]).astype(np.int64)
    masses = np.concatenate([record.masses for record in records])
    return Frames(
        offsets=offsets,
        numbers=np.concatenate([record.numbers for record in records]),
        positions=np.concatenate([record.positions for record in records]).astype(float),
        cells=np.array([record.cell for record in records], dtype=float),
        pbc=np.array([record.pbc for record in records], dtype=bool),
        energies=energies,
        forces=forces,
        masses=None if np.isnan(masses).all() else masses,
        groups=_words(records, labels.get("trajectory")),
        sets=_words(records, labels.get("set")),
    )


def _words(records: list[Record], name: str | None) -> NDArray[np.str_] | None:
    words = [word_of(record, name) for record in records]
    return np.array(words) if any(words) else None


def _names_isolated(record: Record) -> bool:
    """True for a frame that is named an isolated atom. Raises ValueError where it has other than one atom."""
    isolated = word_of(record, "config_type").lower() in ISOLATED
    if isolated and len(record.numbers) != 1:
        raise ValueError(f"config_type says IsolatedAtom, but it has {len(record.numbers)} atoms")
    return isolated


def _names(records: list[Record]) -> Counter[str]:
    """Numbers of the frame and vectors of the atoms, with the number of frames that carry each."""
    names = Counter[str]()
    for record in records:
        names.update(name for name, value in record.values.items() if _is_number(value))
        names.update(name for name, array in record.columns.items() if array.shape[1:] == (3,))
    return names


def _is_number(value: Any) -> bool:
    return np.ndim(value) == 0 and isinstance(value, int | float | np.integer | np.floating) and (
        not isinstance(value, bool)
    )  # fmt: skip


def _remarks(records: list[Record], labels: Labels) -> Iterator[str]:
    both = sum("free_energy" in record.values and "energy" in record.values for record in records)
    if both and labels["energy"] == "energy":
        yield (
            f"{both} frames have `free_energy` beside `energy`: forces belong to the free energy, and "
            "`energy` may be its value at zero smearing"
        )


def _stated(records: list[Record], labels: Labels) -> Iterator[tuple[str, str, str]]:
    names = [str(labels[key]) for key in ("energy", "forces")]
    for record in records:
        yield from stated(record.values, names)


@contextlib.contextmanager
def _explained(path: Path, where: Callable[[], str]) -> Iterator[None]:
    """Turn any exception of a parser into a DataError: it may fail with anything on foreign bytes."""
    try:
        yield
    except Exception as error:
        if isinstance(error, DataError) and str(error).startswith(str(path)):
            raise
        raise DataError(f"{path}: {where()}{error or type(error).__name__}") from error


def _read_deepmd(path: Path, labels: Labels, limit: int | None, ignore: tuple[str, ...]) -> Stated:
    frames, dipoles, names = read_deepmd(path, ignore)
    used = frames if limit is None else frames.select(np.arange(len(frames))[:limit])
    extent = f"{len(used)} frames read, {len(frames) - len(used)} left"
    return Stated(used, dipoles[:limit], extent=extent, remarks=_species_remarks(names))


READERS: dict[str, Callable[[Path, Labels, int | None, tuple[str, ...]], Stated]] = {
    "extxyz": _read_extxyz,
    "ase-db": _read_ase_db,
    "deepmd-npy": _read_deepmd,
}
