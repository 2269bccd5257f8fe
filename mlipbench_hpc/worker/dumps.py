"""LAMMPS dumps (https://docs.lammps.org/dump.html), with or without their headers UNITS and TIME."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats

HALF = "half a frame at the end"
ITEMS = ("TIMESTEP", "TIME", "UNITS", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS")
# The first of these that the columns have is taken; those with s are in units of the cell.
PLACES = (("x", "y", "z"), ("xs", "ys", "zs"), ("xu", "yu", "zu"), ("xsu", "ysu", "zsu"))
# Units whose lengths are in Å, and ps in their unit of time.
PS = {"metal": 1.0, "real": 1e-3}
Header = dict[str, list[str]]


def frames(path: Path) -> Iterator[tuple[NDArray[np.float32], Floats, float | None]]:
    """Positions (N, 3) Å by id, from the box's corner, cell (3, 3) Å, and ps where UNITS and TIME say them.

    Raises InputFailure where what a file says is no Å, and EOFError or ValueError at half a frame.
    """
    units = ""
    with path.open() as stream:
        while header := _header(stream):
            units = header.get("UNITS", [units])[0]
            if units and units not in PS:
                raise InputFailure(
                    f"{path}: received `ITEM: UNITS {units}`, expected metal or real, with lengths in Å; "
                    "convert it, or write it anew in one of these"
                )
            cell, corner = _box(path, header["BOX BOUNDS"])
            places, scaled = _positions(path, header["ATOMS"], int(header["NUMBER OF ATOMS"][0]), stream)
            time = float(header["TIME"][0]) * PS[units] if units and "TIME" in header else None
            found = places @ cell if scaled else places - corner
            yield found.astype(np.float32), cell, time


def symbols(path: Path) -> tuple[tuple[str, ...], str]:
    """Elements or types of the first frame, by id, and which of these; ("",) where there are neither."""
    with path.open() as stream:
        header = _header(stream)
        columns = header["ATOMS"]
        amount = int(header["NUMBER OF ATOMS"][0])
        rows = [row.split() for row in itertools.islice(stream, amount)]
    column = next((name for name in ("element", "type") if name in columns), None)
    if column is None:
        return ("",), "nothing"
    if "id" in columns:  # else they are refused when their places are read
        rows.sort(key=lambda row: int(row[columns.index("id")]))
    return tuple(row[columns.index(column)] for row in rows), f"{column}s"


def count(path: Path, atoms: int) -> tuple[int, bool]:
    """Whole frames of so many atoms, and whether half a one follows."""
    whole, rows, begun, line = 0, 0, False, b""
    with path.open("rb") as stream:
        for line in stream:
            if line.startswith(b"ITEM:"):
                begun, rows = True, 0 if line.startswith(b"ITEM: ATOMS") else -atoms
            elif begun and line.endswith(b"\n"):
                rows += 1
                if rows == atoms:
                    whole, begun = whole + 1, False
    return whole, begun or not line.endswith(b"\n")


def _header(stream: TextIO) -> Header:
    """Words under each ITEM above the atoms, and beside it for ATOMS and BOX BOUNDS; {} at the end."""
    found: Header = {}
    words: list[str] = []
    for line in stream:
        if line.startswith("ITEM: "):
            name = next(
                (one for one in ITEMS if line[6:].startswith(f"{one} ") or line[6:].rstrip() == one), ""
            )
            words = found[name] = line[6 + len(name) :].split()
            if name == "ATOMS":
                return found
        else:
            words += line.split()
    if found:
        raise EOFError(HALF)
    return found


def _box(path: Path, words: list[str]) -> tuple[Floats, Floats]:
    """Cell (3, 3) Å, lower triangular, and its corner (3,) Å (https://docs.lammps.org/Howto_triclinic.html)."""
    numbers = [word for word in words if not word.isalpha()]
    if "abc" in words:
        raise InputFailure(f"{path}: its box is a general triclinic one; expected `triclinic/general no`")
    rows = np.array(numbers, dtype=float).reshape(3, -1)
    xy, xz, yz = rows[:, 2] if rows.shape[1] > 2 else np.zeros(3)
    low = rows[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high = rows[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, low


def _positions(path: Path, columns: list[str], atoms: int, stream: TextIO) -> tuple[Floats, bool]:
    """(N, 3) by id, and whether they are in units of the cell."""
    names = next((names for names in PLACES if set(names) <= set(columns)), None)
    if names is None:
        raise InputFailure(
            f"{path}: its columns are {' '.join(columns)}, expected x y z, xs ys zs, or unwrapped"
        )
    if "id" not in columns:
        raise InputFailure(
            f"{path}: its columns are {' '.join(columns)}, without id: LAMMPS writes rows in any order, so "
            "atoms cannot be followed; write it anew with id among its columns"
        )
    asked = [columns.index(name) for name in (*names, "id")]
    rows = np.loadtxt(itertools.islice(stream, atoms), usecols=asked, comments=None, ndmin=2)
    if len(rows) < atoms:
        raise EOFError(HALF)
    return rows[np.argsort(rows[:, 3], kind="stable")][:, :3], "s" in names[0]
