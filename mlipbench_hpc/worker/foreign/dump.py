"""LAMMPS dumps (https://docs.lammps.org/dump.html), with or without their headers UNITS and TIME.

Our own reader, because MDAnalysis accepts rows of equal ids, reads no TIME, and is slower.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.lines import rows_of, shown
from mlipbench_hpc.worker.foreign.record import (
    HALF,
    PERIODIC,
    Clock,
    Content,
    CutShort,
    Frame,
    Labels,
    Periodic,
)

ITEMS = ("TIMESTEP", "TIME", "UNITS", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS")
# Names of coordinates in order of preference; those with s are in units of the cell.
PLACES = (("x", "y", "z"), ("xs", "ys", "zs"), ("xu", "yu", "zu"), ("xsu", "ysu", "zsu"))
# Unit of time in ps, of the systems of units with lengths in Å.
PS = {"metal": 1.0, "real": 1e-3}
Header = dict[str, list[str]]


def content(path: Path) -> Content:
    """Content of a dump. Raises InputFailure where its lengths are not in Å, or its columns name no atoms."""
    headers, labels, rest = list[Header](), Labels(), ""
    try:
        for header, rows in blocks(path):
            if not headers:
                _columns(path, header["ATOMS"])
                labels = _labels(path, header["ATOMS"], rows)
            headers.append(header)
    except CutShort as error:
        rest = str(error)
    units = headers[0].get("UNITS", [""])[0] if headers else ""
    clock = _clock(headers, PS[units] if units else None)
    return Content(
        path, "LAMMPS dump", len(headers), labels, clock, rest,
        lambda size: record.gather(_frames(path, len(headers)), size, path),
        periodic=record.periodicity(path, [_periodic(header["BOX BOUNDS"]) for header in headers]),
    )  # fmt: skip


def _periodic(words: list[str]) -> Periodic:
    """Periodicity by BOX BOUNDS, such as `pp pp ff` (https://docs.lammps.org/boundary.html)."""
    flags = [word for word in words if len(word) == 2 and set(word) <= set("pfsm")]
    if len(flags) != 3:
        return PERIODIC
    a, b, c = (flag == "pp" for flag in flags)
    return a, b, c


def _clock(headers: list[Header], unit: float | None) -> Clock:
    steps = [int(header["TIMESTEP"][0]) for header in headers]
    timed = all("TIME" in header for header in headers) and len(headers) > 0
    times = np.array([float(header["TIME"][0]) for header in headers]) if timed else None
    return Clock(np.array(steps, dtype=np.int64), times, unit)


def blocks(path: Path) -> Iterator[tuple[Header, list[str]]]:
    """Header and rows of each whole frame. Raises CutShort at half a frame, InputFailure for other units."""
    with path.open(errors="replace") as stream:
        while header := _header(path, stream):
            units = header.get("UNITS", ["metal"])[0]
            if units not in PS:
                raise InputFailure(
                    f"{path}: received `ITEM: UNITS {units}`, expected metal or real, with lengths in Å; "
                    "convert it, or write it anew in one of these"
                )
            try:
                atoms, _ = int(header["NUMBER OF ATOMS"][0]), int(header["TIMESTEP"][0])
                header["BOX BOUNDS"]
            except (KeyError, ValueError, IndexError) as error:
                raise InputFailure(
                    f"{path}: a header without TIMESTEP, NUMBER OF ATOMS or BOX BOUNDS"
                ) from error
            yield header, rows_of(stream, atoms)


def _header(path: Path, stream: TextIO) -> Header:
    """Words under each ITEM before the atoms, and those beside ATOMS and BOX BOUNDS; {} at the end."""
    header: Header = {}
    words: list[str] | None = None
    for line in stream:
        if line.startswith("ITEM: "):
            name = next(
                (item for item in ITEMS if line[6:].startswith(f"{item} ") or line[6:].rstrip() == item), ""
            )
            words = header[name] = line[6 + len(name) :].split()
            if name == "ATOMS" and line.endswith("\n"):
                return header
        elif words is not None:
            words += line.split()
        elif line.strip() and not line.endswith("\n"):
            raise CutShort(HALF)
        elif line.strip():
            raise InputFailure(
                f"{path}: received {shown(line)} where a frame should begin with `ITEM: TIMESTEP`: "
                "the frame before has more rows than it says, or this is no dump"
            )
    if header:
        raise CutShort(HALF)
    return header


def _labels(path: Path, columns: list[str], rows: list[str]) -> Labels:
    words = [row.split() for row in rows]
    place = columns.index("id")
    order = order_of(path, 0, np.array([int(row[place]) for row in words], dtype=np.int64))

    def column(name: str) -> tuple[str, ...]:
        if name not in columns:
            return ()
        return tuple(words[index][columns.index(name)] for index in order)

    return Labels(column("element"), "elements", column("type"), masses=column("mass"))


def _frames(path: Path, amount: int) -> Iterator[Frame]:
    for index, (header, rows) in zip(range(amount), blocks(path), strict=False):
        cell, corner = _box(path, header["BOX BOUNDS"])
        columns, scaled = _columns(path, header["ATOMS"])
        place = header["ATOMS"].index("type") if "type" in header["ATOMS"] else None
        numbers = record.numbers_in(path, index, rows, columns if place is None else [*columns, place])
        positions = numbers[:, :3] @ cell if scaled else numbers[:, :3] - corner
        types = None if place is None else tuple(numbers[:, 4].astype(int).tolist())
        yield Frame(positions.astype(np.float32), cell, numbers[:, 3].astype(np.int64), types)


def _box(path: Path, words: list[str]) -> tuple[Floats, Floats]:
    """Cell (3, 3), lower triangular, and its corner (3,), Å (https://docs.lammps.org/Howto_triclinic.html)."""
    numbers = [word for word in words if not word.isalpha()]
    if "abc" in words:
        raise InputFailure(f"{path}: its box is a general triclinic one; expected `triclinic/general no`")
    try:
        rows = np.array(numbers, dtype=float).reshape(3, -1)
        xy, xz, yz = rows[:, 2] if rows.shape[1] > 2 else np.zeros(3)
        low = rows[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
        high = rows[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    except (ValueError, IndexError) as error:
        raise InputFailure(
            f"{path}: received BOX BOUNDS {' '.join(words)}, expected 6 or 9 numbers"
        ) from error
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, low


def _columns(path: Path, columns: list[str]) -> tuple[list[int], bool]:
    """Columns of x, y, z and the id; True where the first three are in units of the cell."""
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
    return [columns.index(name) for name in (*names, "id")], "s" in names[0]
