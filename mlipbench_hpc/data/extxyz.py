"""(Extended) XYZ, frame by frame, to the last byte.

ASE's reader ends at a blank line between frames without an error, refuses a whole file for an unused
`stress`, and knows neither D nor `Cu1` nor numbers as species: only its parser of comment lines is used.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from ase.io.extxyz import key_val_str_to_dict
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.lines import complete, decimals
from mlipbench_hpc.data.records import DataError, Record, element, mass_lists, masses_of

BOM = b"\xef\xbb\xbf"
PLAIN = "species:S:1:pos:R:3"
KINDS: dict[str, Any] = {"R": float, "I": float, "S": str, "L": str}
KEY = re.compile(r"(?:^|\s)([A-Za-z_]\w*)\s*=\s*(\"[^\"]*\"|'[^']*'|\{[^}]*\}|\S+)")
# A key without a value, whose value would be the next key for ASE.
EMPTY = re.compile(
    r"""(?<!\S)[A-Za-z_]\w*\s*=(?:\s*(?:""|'')(?!\S)|\s*$|(?=\s+[A-Za-z_]\w*\s*=))""",
)
# Not used here, and renamed because ASE refuses values other than nine numbers.
UNREAD = re.compile(r"(?<!\S)(stress|virials?)(\s*=)")
Columns = dict[str, NDArray[Any]]


@dataclass
class XyzFile:
    """File that is read frame by frame; `read` counts the bytes parsed so far."""

    path: Path
    read: int = 0
    line: int = 0
    species: set[str] = field(default_factory=set)

    def records(self) -> Iterator[Record]:
        """All frames in turn. Raises DataError naming line and cause."""
        size = self.path.stat().st_size
        with self.path.open("rb") as stream:
            while (count := self._count(stream, size)) is not None:
                yield self._frame(stream, count)

    def _next(self, stream: BinaryIO) -> bytes:
        content = stream.readline()
        self.read += len(content)
        self.line += bool(content)
        return content

    def _count(self, stream: BinaryIO, size: int) -> int | None:
        """Number of atoms of the next frame; blank lines before it are skipped. None at the end."""
        content = self._next(stream)
        while content and not content.removeprefix(BOM).strip():
            content = self._next(stream)
        word = content.removeprefix(BOM).strip()
        if not content:
            return None
        if not word.isdigit():
            shown = word[:40].decode("utf-8", "replace")
            raise DataError(f"line {self.line}: {shown!r}, expected the number of atoms of a frame")
        if 4 * int(word) > size - self.read:
            raise DataError(
                f"line {self.line} announces {int(word)} atoms, more than the rest of the file can hold"
            )
        return int(word)

    def _frame(self, stream: BinaryIO, count: int) -> Record:
        comment = self._next(stream).decode("utf-8").strip()
        _require_single(comment, self.line)
        used = EMPTY.sub("", UNREAD.sub(r"unread_\1\2", comment)).strip()
        values: dict[str, Any] = key_val_str_to_dict(used) if used else {}
        first = self.line + 1
        rows = self._rows(stream, count)
        columns = self._columns(str(values.pop("Properties", PLAIN)), rows, first)
        columns |= mass_lists(values)
        cell, pbc = _lattice(values)
        numbers, masses = self._species(columns, count)
        positions = columns.pop("pos", None)
        if positions is None or positions.shape != (count, 3):
            raise DataError(f"line {first - 1}: `Properties` has no pos:R:3")
        return Record(numbers, positions, cell, pbc, masses, values, columns)

    def _rows(self, stream: BinaryIO, count: int) -> list[list[bytes]]:
        """Words of the next `count` lines. Raises DataError where the last may have lost digits."""
        lines = [self._next(stream) for _ in range(count)]
        if lines and lines[-1] and not lines[-1].endswith(b"\n") and not _whole(lines):
            raise DataError(
                f"line {self.line} has no end of line and may have lost digits: restore it, or end that "
                "line where it is whole"
            )
        return [line.split() for line in lines]

    def _columns(self, properties: str, rows: list[list[bytes]], first: int) -> Columns:
        """Columns (N,) or (N, k) of each property."""
        fields = properties.split(":")
        widths = [int(word) for word in fields[2::3]]
        for place, row in enumerate(rows):
            if len(row) < sum(widths):
                what = f"{len(row)} words" if row else "the frame ends"
                raise DataError(f"line {first + place}: {what}, expected {sum(widths)} of atom {place + 1}")
        words = np.array([row[: sum(widths)] for row in rows]).reshape(len(rows), sum(widths)).astype(str)
        stops = np.cumsum(widths)
        return {
            name: _converted(words[:, stop - width : stop], KINDS[kind], name)
            for name, kind, width, stop in zip(fields[::3], fields[1::3], widths, stops, strict=True)
        }

    def _species(self, columns: Columns, count: int) -> tuple[NDArray[np.int64], Floats]:
        """Atomic numbers (N,), and masses (N,) u that the file gives (NaN where it gives none)."""
        words = columns.pop("species", columns.pop("Z", None))
        if words is None:
            raise DataError(f"line {self.line}: `Properties` has neither species:S:1 nor Z:I:1")
        words = words if words.dtype.kind == "U" else words.astype(np.int64).astype(str)
        self.species.update(words.tolist())
        pairs = [element(word) for word in words.tolist()]
        masses = masses_of(columns, count)
        if masses is None:
            masses = np.array([mass for _, mass in pairs], dtype=float)
        return np.array([number for number, _ in pairs], dtype=np.int64), masses


def _whole(lines: list[bytes]) -> bool:
    """True where the last line is the only one, as long or as precise as the others, or ends in integers."""
    rows = [line.decode("utf-8", "replace") for line in lines]
    if len(rows) == 1 or complete(rows):
        return True
    words = [row.split() for row in rows if row.strip()]
    return len({len(row) for row in words}) == 1 and decimals(row[-1] for row in words) == {0}


def _require_single(comment: str, line: int) -> None:
    """Raise DataError where a comment gives a key two different values."""
    values: dict[str, str] = {}
    for key, value in KEY.findall(comment):
        if values.setdefault(key, value) != value:
            raise DataError(
                f"line {line} gives `{key}` twice ({values[key][:30]} and {value[:30]}): leave one out"
            )


def _converted(words: NDArray[np.str_], kind: type, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = words.astype(kind)
    except ValueError as error:
        raise DataError(f"column `{name}`: {error}") from error
    return array[:, 0] if array.shape[1] == 1 else array


def _lattice(values: dict[str, Any]) -> tuple[Floats, NDArray[np.bool_]]:
    """Take Lattice and pbc out of `values`: cell (3, 3), rows are vectors, zero without one; pbc (3,).

    ASE parses the vectors into columns. A Lattice without pbc is periodic. Raises DataError.
    """
    lattice, pbc = values.pop("Lattice", None), values.pop("pbc", None)
    cell = np.zeros((3, 3)) if lattice is None else np.asarray(lattice, dtype=float).T
    flags = np.full(3, lattice is not None) if pbc is None else np.broadcast_to(np.asarray(pbc), 3)
    if flags.dtype.kind not in "bi":
        raise DataError(f"pbc is {pbc!r}, expected three of T and F")
    return cell, flags.astype(bool)
