"""Text files: rows of a frame."""

import itertools
from typing import TextIO

from mlipbench_hpc.data.lines import complete
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


def shown(line: str) -> str:
    """Begin of a line, for messages; what is no text is not printed."""
    begin = line.strip()[:40]
    return f"`{begin}`" if begin.isprintable() and "\ufffd" not in begin else "no text (another format?)"
