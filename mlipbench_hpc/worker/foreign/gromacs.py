"""XTC and TRR, decoded by MDAnalysis' library, and GRO.

Headers of XTC and TRR are parsed here, because MDAnalysis does not report half a frame, or steps before
decoding; GRO is read here, because MDAnalysis reads its first frame alone.
"""

import itertools
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.lines import decimals
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.identity import order_of
from mlipbench_hpc.worker.foreign.lines import rows_of, shown
from mlipbench_hpc.worker.foreign.record import (
    BROKEN,
    HALF,
    PS,
    Clock,
    Content,
    CutShort,
    Frame,
    Labels,
    Piece,
)

NM = np.float32(record.NM)
# First number of a frame; XTC_LARGE in files of more than 300 million atoms.
XTC_MAGIC, XTC_LARGE, TRR_MAGIC = 1995, 2023, 1993
XTC_HEAD, FEW_ATOMS = 96, 9
TRR_HEAD, TRR_FIELDS = 92, 13
# Largest serial number of GRO and PDB, after which they begin anew.
SERIALS = 99_999
WHEN = re.compile(r"\bt\s*=\s*([-+\d.eE]+)(?:.*\bstep\s*=\s*(\d+))?")


class Header(NamedTuple):
    """Header of one frame: bytes, atoms, step, time in ps, and True for a frame with positions."""

    size: int
    atoms: int
    step: int
    time: float
    positions: bool


def xtc(path: Path) -> Content:
    """Content of an XTC. Raises InputFailure where it does not begin with a frame."""
    headers, rest = _walk(path, _xtc_header)
    return Content(
        path, "XTC", len(headers), Labels(), _clock(headers), rest,
        lambda size: _xtc_pieces(path, len(headers), size),
    )  # fmt: skip


def trr(path: Path) -> Content:
    """Content of a TRR: its frames with positions. InputFailure where it does not begin with a frame."""
    headers, rest = _walk(path, _trr_header)
    whole = [header for header in headers if header.positions]
    left = len(headers) - len(whole)
    facts = (f"{left} of its {len(headers)} frames hold no positions (velocities or forces alone)",) * bool(
        left
    )
    return Content(
        path, "TRR", len(whole), Labels(), _clock(whole), rest,
        lambda size: record.gather(_trr_frames(path, len(whole)), size, path), facts,
    )  # fmt: skip


def _walk(path: Path, read: Any) -> tuple[list[Header], str]:
    """Headers of all whole frames, and the reason why there are no more."""
    headers, at, size = list[Header](), 0, path.stat().st_size
    with path.open("rb") as stream:
        while at < size:
            stream.seek(at)
            try:
                header = read(stream)
            except (struct.error, ZeroDivisionError):
                return headers, HALF
            if header is None and at == 0:
                raise InputFailure(f"{path}: it does not begin as its format should; is it another format?")
            if header is None:
                return headers, f"no frame begins at byte {at}, where the one before ends"
            if at + header.size > size:
                return headers, HALF
            headers.append(header)
            at += header.size
    return headers, ""


def _xtc_header(stream: BinaryIO) -> Header | None:
    """Layout: https://manual.gromacs.org/current/reference-manual/file-formats.html#xtc."""
    content = stream.read(XTC_HEAD)
    (magic,) = struct.unpack(">i", content[:4])
    if magic not in (XTC_MAGIC, XTC_LARGE):
        return None
    atoms, step, time = struct.unpack(">2if", content[4:16])
    if atoms <= FEW_ATOMS:
        return Header(56 + 12 * atoms, atoms, step, time, True)
    kind, begin = (">i", 92) if magic == XTC_MAGIC else (">q", 96)
    (compressed,) = struct.unpack(kind, content[88:begin])
    return Header(begin + -(-compressed // 4) * 4, atoms, step, time, True)


def _trr_header(stream: BinaryIO) -> Header | None:
    """Layout: https://manual.gromacs.org/current/reference-manual/file-formats.html#trr."""
    content = stream.read(TRR_HEAD)
    if struct.unpack(">i", content[:4])[0] != TRR_MAGIC:
        return None
    fields = struct.unpack(f">{TRR_FIELDS}i", content[24:76])
    box, x, v, f, atoms, step = fields[2], *fields[7:10], fields[10], fields[11]
    real = box // 9 or (x or v or f) // (3 * atoms)
    (time,) = struct.unpack(">d" if real == 8 else ">f", content[76 : 76 + real])
    return Header(76 + 2 * real + sum(fields[:10]), atoms, step, time, x > 0)


def _clock(headers: list[Header]) -> Clock:
    steps = np.array([header.step for header in headers], dtype=np.int64)
    return Clock(steps, np.array([header.time for header in headers]), PS["ps"])


def _in_angstrom(positions: record.Positions, boxes: Floats) -> Piece:
    """Positions and boxes in nm converted to Å; a box of zeros is no cell."""
    cells = record.NM * boxes.astype(float)
    np.multiply(positions, NM, out=positions)
    return Piece(positions, cells if cells.any(axis=(1, 2)).all() else None)


def _xtc_pieces(path: Path, frames: int, size: int) -> Iterator[Piece]:
    """Pieces of an XTC by MDAnalysis' decoder alone; a universe would take as long again."""
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    with XTCFile(str(path)) as file:
        for start in range(0, frames, size):
            positions = np.empty((min(size, frames - start), file.n_atoms, 3), dtype=np.float32)
            boxes: list[Floats] = []
            try:
                for row in positions:
                    boxes.append(file.read_direct_x(row).box)
            except (StopIteration, *BROKEN) as error:
                if boxes:
                    yield _in_angstrom(positions[: len(boxes)], np.array(boxes))
                raise CutShort(f"frame {start + len(boxes)} cannot be decoded: {error}") from error
            yield _in_angstrom(positions, np.array(boxes))


def _trr_frames(path: Path, amount: int) -> Iterator[Frame]:
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile

    with TRRFile(str(path)) as file:
        for frame in file:
            if frame.hasx:
                piece = _in_angstrom(frame.x[None].copy(), frame.box[None])
                yield Frame(piece.positions[0], None if piece.cells is None else piece.cells[0])
                amount -= 1
            if amount == 0:
                return


def gro(path: Path) -> Content:
    """Content of a GRO of any number of frames. Raises InputFailure."""
    return titled(path, "GRO", gro_blocks(path), _gro_labels, _gro_frames)


def _gro_labels(path: Path, rows: list[str]) -> Labels:
    names = tuple(row[10:15].strip() for row in rows)
    ids = serials([row[15:20] for row in rows])
    order = range(len(rows)) if ids is None else order_of(path, 0, ids)
    return Labels(tuple(names[index] for index in order), "names")


def gro_blocks(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Title, rows of the atoms and words of the box (nm) of each whole frame."""
    with path.open(errors="replace") as stream:
        frame = 0
        for title in stream:
            if not title.strip():
                continue
            line = stream.readline()
            if not line.endswith("\n"):
                raise CutShort(HALF)
            if not line.strip().isdecimal():
                raise InputFailure(
                    f"{path}: frame {frame}: received {shown(line)} under the title, expected a "
                    "number of atoms"
                )
            rows = rows_of(stream, int(line))
            words = (last := stream.readline()).split()
            whole = last.endswith("\n") or (rows and len(words) in (3, 9) and len(decimals(words)) == 1)
            if not whole:
                raise CutShort(HALF)
            yield title, rows, words
            frame += 1


def serials(words: list[str]) -> Ints | None:
    """Serial numbers (N,) of atoms; None where there are more atoms than numbers, or no numbers."""
    if len(words) > SERIALS or not all(word.strip().isdecimal() for word in words):
        return None
    return np.array(words, dtype=np.int64)


def titled(
    path: Path,
    kind: str,
    blocks: Iterable[tuple[str, list[str], object]],
    labels_of: Callable[[Path, list[str]], Labels],
    frames: Callable[[Path, int], Iterator[Frame]],
) -> Content:
    """Content of a file whose titles may state times, and whose first frame's rows name the atoms."""
    titles, labels, rest = list[str](), Labels(), ""
    try:
        for title, rows, _ in blocks:
            if not titles:
                labels = labels_of(path, rows)
            titles.append(title)
    except CutShort as error:
        rest = str(error)
    return Content(
        path, kind, len(titles), labels, clock_of_titles(titles), rest,
        lambda size: record.gather(frames(path, len(titles)), size, path),
    )  # fmt: skip


def clock_of_titles(titles: list[str]) -> Clock:
    """Steps and times from titles of GROMACS, `t= 0.05 step= 25`, in ps."""
    matches = [WHEN.search(title) for title in titles]
    whole = [match for match in matches if match]
    if not whole or len(whole) < len(titles):
        return Clock()
    steps = [match[2] for match in whole if match[2]]
    return Clock(
        np.array(steps, dtype=np.int64) if len(steps) == len(titles) else None,
        np.array([match[1] for match in whole], dtype=float),
        PS["ps"],
    )


def _gro_frames(path: Path, amount: int) -> Iterator[Frame]:
    for index, (_, rows, words) in zip(range(amount), gro_blocks(path), strict=False):
        first = rows[0][20:]
        width = first.index(".", first.index(".") + 1) - first.index(".")
        edges = [20 + k * width for k in range(4)]
        parts = [" ".join(row[low:high] for low, high in itertools.pairwise(edges)) for row in rows]
        positions = record.numbers_in(path, index, parts, [0, 1, 2]).astype(np.float32) * NM
        labels = tuple(row[10:15].strip() for row in rows)
        yield Frame(positions, _gro_cell(path, index, words), serials([row[15:20] for row in rows]), labels)


def _gro_cell(path: Path, index: int, words: list[str]) -> Floats | None:
    """Cell (3, 3) Å from v1x v2y v3z [v1y v1z v2x v2z v3x v3y] nm."""
    try:
        values = record.NM * np.array(words, dtype=float)
    except ValueError as error:
        raise InputFailure(f"{path}: frame {index}: its box is {' '.join(words)}") from error
    if len(values) not in (3, 9):
        raise InputFailure(f"{path}: frame {index}: its box has {len(values)} numbers, expected 3 or 9 in nm")
    cell = np.diag(values[:3])
    if len(values) > 3:
        cell[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]] = values[3:]
    return cell if cell.any() else None
