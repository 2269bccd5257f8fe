"""Text files: rows of a frame, and the test of a last row that may be cut."""

import itertools
from collections.abc import Iterable
from typing import TextIO

from mlipbench_hpc.worker.foreign.record import HALF, CutShort

NO_END = "its last line has no end of line and may have lost digits"


def rows_of(stream: TextIO, amount: int) -> list[str]:
    """The next `amount` lines; CutShort where there are fewer, or the last may have lost digits."""
    rows = list(itertools.islice(stream, amount))
    if len(rows) < amount:
        raise CutShort(f"{HALF}: {len(rows)} of {amount} atoms")
    if rows and not rows[-1].endswith("\n") and not complete(rows):
        raise CutShort(NO_END)
    return rows


def complete(rows: list[str]) -> bool:
    """True where a last row without its end of line is as long, or as precise, as all the others."""
    *others, last = (row.rstrip() for row in rows)
    if not others:
        return False
    if {len(row) for row in others} == {len(last)}:
        return True
    words = [row.split() for row in others]
    if {len(row) for row in words} != {len(last.split())}:
        return False
    return decimals(row[-1] for row in words) == decimals([last.split()[-1]]) != {0}


def decimals(words: Iterable[str]) -> set[int]:
    """Numbers of characters after the decimal point, equal for all numbers of one format."""
    return {len(word.partition(".")[2]) for word in words}
