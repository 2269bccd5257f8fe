"""Room on the store's disk."""

import shutil
from pathlib import Path

SPARE_BYTES = 1 << 20


class OutOfSpace(Exception):
    """The store's disk stayed full for longer than the site waits."""


def free_bytes(folder: Path) -> int:
    """Bytes an ordinary user may still write."""
    return shutil.disk_usage(folder).free
