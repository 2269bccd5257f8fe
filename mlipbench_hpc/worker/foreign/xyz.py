"""XYZ of every dialect: plain, extended, CP2K's, i-PI's and LAMMPS'.

Our own reader, because ASE refuses species that are no elements and takes five times as long, and MDAnalysis
reads no cell, unit, step or time of a comment; both end at a blank line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.lines import rows_of, shown
from mlipbench_hpc.worker.foreign.record import (
    BOHR,
    PERIODIC,
    PS,
    Clock,
    Content,
    CutShort,
    Frame,
    Labels,
    Periodic,
    Piece,
)

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?"
EXTENDED = re.compile(r"\b(?:Lattice|Properties)\s*=", re.IGNORECASE)
KEYS = re.compile(
    r"([A-Za-z_]\w*)\s*=\s*(\"[^\"]*\"|'[^']*'|\{[^}]*\}|\[[^]]*\]|(?![A-Za-z_]\w*\s*=)[^\s\"]+)"
)
STEP = re.compile(r"(?:\bi\s*=\s*|\b(?:md_?|time)?step\s*[:=]?\s*|\bMD iter:\s*)(\d+)\b", re.IGNORECASE)
TIME = re.compile(rf"\btime\s*[=:]\s*({NUMBER})(?:\s*(fs|ps|ns|as|a\.?u\.?|atomic_units?)\b)?", re.IGNORECASE)
CP2K = re.compile(r"^\s*i\s*=\s*\d+,\s*time\s*=")
IPI_CELL = re.compile(rf"CELL\s*[({{](abcABC|H|GENH)[)}}]:?((?:\s+{NUMBER})+)")
IPI_UNIT = re.compile(r"\b(\w+)\{(\w+)\}")
# Words for lengths in bohr, but not forces (Hartree/Bohr) or an energy in atomic units.
IN_BOHR = re.compile(
    r"(?<![/\w])bohrs?\b(?!\s*(?:\^|-|\*\*))"
    r"|\b(?:positions?|coordinates?|lengths?|units?)\b[^,;]*?\b(?:atomic[_ ]units?|a\.u\.|au\b)",
    re.IGNORECASE,
)
LENGTHS = {
    "angstrom": 1.0, "ang": 1.0, "a": 1.0, "bohr": BOHR, "atomic_unit": BOHR, "au": BOHR, "nanometer": 10.0,
    "nm": 10.0, "picometer": 0.01, "meter": 1e10, "micron": 1e4,
}  # fmt: skip
IPI_POSITIONS = ("positions", "x_centroid", "q", "x")
STEPS, TIMES = ("step", "timestep", "md_step", "mdstep"), ("time", "time_fs", "time_ps", "t")
IDS = ("id", "ids", "identifier", "particle_identifier")
SPECIES = ("species", "element", "elements", "symbols", "type_name")


@dataclass(frozen=True)
class Comment:
    """Values in a frame's comment; factor: its unit of length in Å; columns of species, x, id or -1."""

    cell: Floats | None
    factor: float
    step: int | None
    time: float | None
    unit: float | None
    columns: tuple[int, int, int]
    extended: bool
    periodic: Periodic = PERIODIC


def content(path: Path) -> Content:
    """Content of an XYZ of any dialect. Raises InputFailure."""
    comments, labels, rest = list[Comment](), Labels(), ""
    try:
        for index, (line, rows) in enumerate(blocks(path)):
            comments.append(comment_of(path, index, line))
            if index == 0:
                labels = _labels(path, rows, comments[0])
    except CutShort as error:
        rest = str(error)
    facts = ("lengths in bohr, as its comments say",) if comments and comments[0].factor == BOHR else ()
    return Content(
        path, "extended XYZ" if comments and comments[0].extended else "XYZ", len(comments), labels,
        _clock(comments), rest, lambda size: _pieces(path, comments, size), facts,
        record.periodicity(path, [comment.periodic for comment in comments]),
    )  # fmt: skip


def blocks(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Comment and rows of each whole frame, between blank lines or none. Raises CutShort, InputFailure."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        frame = 0
        for line in stream:
            if not line.strip():
                continue
            if not line.strip().isdecimal():
                raise InputFailure(
                    f"{path}: received {shown(line)} where frame {frame} should begin with its number of "
                    "atoms" + ": the frame before is cut, or has more rows than it says" * (frame > 0)
                )
            if not line.endswith("\n") or not (comment := stream.readline()).endswith("\n"):
                raise CutShort(record.HALF)
            yield comment, rows_of(stream, int(line))
            frame += 1


def comment_of(path: Path, frame: int, line: str) -> Comment:
    """Values of a comment. Raises InputFailure for a cell, unit or quantity that cannot be read."""
    where = f"{path}: frame {frame}"
    if EXTENDED.search(line):
        return _extended(where, line)
    if match := IPI_CELL.search(line):
        return _ipi(where, line, match)
    step, time = STEP.search(line), TIME.search(line)
    unit = None if time is None or time[2] is None else time_unit(time[2])
    return Comment(
        None,
        BOHR if IN_BOHR.search(TIME.sub("", line)) else 1.0,
        int(step[1]) if step else None,
        float(time[1].replace("D", "E").replace("d", "e")) if time else None,
        PS["fs"] if CP2K.match(line) else unit,
        (0, 1, -1),
        False,
    )


def time_unit(word: str) -> float | None:
    """Unit of time in ps, None for an unknown word."""
    word = word.lower().replace(".", "")
    full = {"femtosecond": "fs", "picosecond": "ps", "nanosecond": "ns", "atomic_unit": "au"}
    return PS.get(full.get(word.rstrip("s") if len(word) > 2 else word, word))


def _extended(where: str, line: str) -> Comment:
    keys = {key.lower(): value.strip("\"'{}[]") for key, value in KEYS.findall(line)}
    cell = None
    if "lattice" in keys:
        words = keys["lattice"].replace(",", " ").split()
        try:
            cell = np.array(words, dtype=float).reshape(3, 3)
        except ValueError as error:
            raise InputFailure(f"{where}: Lattice holds {len(words)} words, expected 9 numbers") from error
    length = next(
        (keys[key] for key in ("length_unit", "pos_unit", "units", "unit") if key in keys), "angstrom"
    )
    factor = LENGTHS.get(length.lower().rstrip("s"), 1.0)
    step = next((keys[key] for key in STEPS if key in keys), None)
    time = next((key for key in TIMES if key in keys), None)
    unit = time_unit(keys.get("time_unit", "")) if time else None
    if time in ("time_fs", "time_ps"):
        unit = PS[time[-2:]]
    word = re.fullmatch(rf"({NUMBER})\s*([a-z]*)", keys[time]) if time else None
    return Comment(
        None if cell is None else cell * factor,
        factor,
        int(float(step)) if step and re.fullmatch(NUMBER, step) else None,
        float(word[1]) if word else None,
        time_unit(word[2]) if word and word[2] else unit,
        _columns(where, keys.get("properties", "species:S:1:pos:R:3")),
        True,
        _periodic(keys.get("pbc", "")),
    )


def _periodic(value: str) -> Periodic:
    """Periodicity along the three lattice vectors by the key pbc, such as `T T F`."""
    words = value.replace(",", " ").lower().split()
    if len(words) != 3:
        return PERIODIC
    a, b, c = (word not in ("f", "false", "0") for word in words)
    return a, b, c


def _columns(where: str, properties: str) -> tuple[int, int, int]:
    """Columns of species, positions and ids (-1 where there are none)."""
    words, places, at = properties.split(":"), dict[str, int](), 0
    for name, amount in zip(words[::3], words[2::3], strict=False):
        places[name.lower()] = at
        at += int(amount)
    position = next((places[name] for name in ("pos", "positions") if name in places), None)
    species = next((places[name] for name in (*SPECIES, "z", "numbers") if name in places), None)
    if position is None or species is None:
        raise InputFailure(f"{where}: Properties={properties}, expected species and pos among them")
    return species, position, next((places[name] for name in IDS if name in places), -1)


def _ipi(where: str, line: str, match: re.Match[str]) -> Comment:
    units = dict(IPI_UNIT.findall(line))
    quantity = next((name for name in units if name not in ("cell", "Time", "Step")), "positions")
    if quantity not in IPI_POSITIONS:
        raise InputFailure(f"{where} holds {quantity}, expected positions")
    factor, of_cell = (LENGTHS.get(units.get(name, "atomic_unit").lower()) for name in (quantity, "cell"))
    if factor is None or of_cell is None:
        raise InputFailure(f"{where}: received the units {units}, expected angstrom or atomic_unit")
    values, step = np.array(match[2].split(), dtype=float), re.search(r"Step:\s*(\d+)", line)
    if match[1] == "abcABC" and len(values) >= 6:
        cell = cell_vectors(values[None, :3], values[None, 3:6])[0]
    elif match[1] != "abcABC" and len(values) >= 9:
        cell = values[:9].reshape(3, 3).T  # columns of i-PI's h are the lattice vectors
    else:
        raise InputFailure(f"{where}: CELL({match[1]}) holds {len(values)} numbers")
    return Comment(cell * of_cell, factor, int(step[1]) if step else None, None, None, (0, 1, -1), False)


def _labels(path: Path, rows: list[str], comment: Comment) -> Labels:
    names = [row.split()[comment.columns[0]] if row.strip() else "" for row in rows]
    if (place := comment.columns[2]) >= 0:
        order = order_of(path, 0, record.numbers_in(path, 0, rows, [place])[:, 0].astype(np.int64))
        names = [names[index] for index in order]
    return Labels(tuple(names), "species")


def _clock(comments: list[Comment]) -> Clock:
    steps = [comment.step for comment in comments if comment.step is not None]
    times = [comment.time for comment in comments if comment.time is not None]
    return Clock(
        np.array(steps, dtype=np.int64) if steps and len(steps) == len(comments) else None,
        np.array(times) if times and len(times) == len(comments) else None,
        comments[0].unit if comments else None,
    )


def _pieces(path: Path, comments: list[Comment], size: int) -> Iterator[Piece]:
    return record.gather(_frames(path, comments), size, path)


def _frames(path: Path, comments: list[Comment]) -> Iterator[Frame]:
    for index, (comment, (_, rows)) in enumerate(zip(comments, blocks(path), strict=False)):
        species, place, identifier = comment.columns
        columns = [place, place + 1, place + 2, *([identifier] if identifier >= 0 else [])]
        numbers = record.numbers_in(path, index, rows, columns)
        positions = numbers[:, :3] * comment.factor
        # Plain XYZ is kept in single precision, as other programs read it.
        kind = np.float64 if comment.extended else np.float32
        ids = numbers[:, 3].astype(np.int64) if identifier >= 0 else None
        labels = tuple(row.split(maxsplit=species + 1)[species] for row in rows)
        yield Frame(positions.astype(kind), comment.cell, ids, labels)
