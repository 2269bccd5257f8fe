"""XDATCAR. Our own reader, because ASE reads the whole file into memory and drops configuration numbers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.worker.foreign import record
from mlipbench_hpc.worker.foreign.lines import rows_of
from mlipbench_hpc.worker.foreign.record import HALF, Clock, Content, CutShort, Frame, Labels

BEGINS = re.compile(r"\s*(?:Direct|Konfig)[^=\d]*(?:=\s*(\d+))?")
# Ending of a POTCAR's name after the element, such as Pt_pv or O_s/3a1b.
POTCAR = re.compile(r"(?<=[a-zA-Z])[_/].*")


class Header(NamedTuple):
    """Cell (3, 3) Å and species (N,) of the configurations below it."""

    cell: Floats
    species: tuple[str, ...]


def content(path: Path) -> Content:
    """Content of an XDATCAR. Raises InputFailure."""
    numbers, labels, rest = list[str | None](), Labels(), ""
    try:
        for header, number, _ in blocks(path):
            labels = labels if numbers else Labels(header.species, "species")
            numbers.append(number)
    except CutShort as error:
        rest = str(error)
    steps = [int(number) for number in numbers if number is not None]
    clock = Clock(np.array(steps, dtype=np.int64)) if steps and len(steps) == len(numbers) else Clock()
    return Content(
        path, "XDATCAR", len(numbers), labels, clock, rest,
        lambda size: record.gather(_frames(path, len(numbers)), size, path),
    )  # fmt: skip


def blocks(path: Path) -> Iterator[tuple[Header, str | None, list[str]]]:
    """Header, number and rows (fractional) of each whole configuration; a header holds until the next.

    Early versions of VASP separate configurations by a blank line. A number by itself below it is the scale
    of another header, whose title is blank.
    """
    header: Header | None = None
    with path.open(errors="replace") as stream:
        for line in stream:
            match = BEGINS.match(line)
            if header is not None and match:
                yield header, match[1], rows_of(stream, len(header.species))
                continue
            below = stream.readline()
            if header is None or line.strip() or len(below.split()) == 1:
                header = _header(path, line, below, stream)
            elif below.strip():
                yield header, None, [below, *rows_of(stream, len(header.species) - 1)]


def _header(path: Path, title: str, scale_line: str, stream: TextIO) -> Header:
    """Header with this title, whose scale has been read."""
    lines = [scale_line, *(stream.readline() for _ in range(5))]
    if not lines[-1].endswith("\n"):
        raise CutShort(HALF)
    try:
        scale, cell = float(lines[0]), np.array([line.split() for line in lines[1:4]], dtype=float)
        amounts = [int(word) for word in lines[5].split()]
        symbols = [POTCAR.sub("", word) for word in lines[4].split()]
        species = tuple(name for name, n in zip(symbols, amounts, strict=True) for _ in range(n))
    except ValueError as error:
        place = f"`{title.strip()}`" if title.strip() else "a blank title"
        raise InputFailure(
            f"{path}: under {place} expected a scale, three vectors, species and their numbers: {error}"
        ) from error
    factor = scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
    return Header(factor * cell, species)


def _frames(path: Path, amount: int) -> Iterator[Frame]:
    for index, (header, _, rows) in zip(range(amount), blocks(path), strict=False):
        fractions = record.numbers_in(path, index, rows, [0, 1, 2])
        yield Frame(fractions @ header.cell, header.cell, labels=header.species)
