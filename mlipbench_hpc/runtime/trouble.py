"""Causes that stop a driver: a full disk, or workers that never stay."""

import shutil
from pathlib import Path

SPARE_BYTES = 1 << 20
OUT_OF_TIME = "the end of its own job"


class Trouble(Exception):
    """Fault that the user of the suite can mend: a message in words, never a traceback."""


class OutOfSpace(Trouble):
    """The store's disk stayed full for longer than the site waits."""


class WorkersLost(Trouble):
    """Parsl's processes die again and again before anything is done."""


def free_bytes(folder: Path) -> int:
    """Bytes an ordinary user may still write."""
    return shutil.disk_usage(folder).free
