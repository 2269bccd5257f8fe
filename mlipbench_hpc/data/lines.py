"""The last row of a text file, which may be cut within a number."""

from collections.abc import Iterable, Sequence


def complete(rows: Sequence[str]) -> bool:
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
