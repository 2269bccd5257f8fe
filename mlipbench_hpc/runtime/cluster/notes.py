"""Notes that jobs leave when they begin an attempt: on which node, in which block. The driver reads them."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    """Where an attempt began: host as the job names it, block as Parsl numbers it."""

    host: str
    block: str


def leave(path: Path, note: Note) -> None:
    """Written whole or not at all; a disk that is full or away costs the note, not the attempt."""
    with suppress(OSError):
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(json.dumps([note.host, note.block]))
        new.rename(path)


def read(path: Path) -> Note | None:
    """The note; None where it is missing or cannot be read."""
    try:
        host, block = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return Note(str(host), str(block))


def every(folder: Path) -> Iterator[Note]:
    """All that show here now."""
    for path in folder.iterdir():
        if "." not in path.name and (note := read(path)):
            yield note
