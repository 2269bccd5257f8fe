"""Canonical JSON and the sha256 digests made from it."""

import hashlib
import json
from pathlib import Path


def canonical(value: object) -> bytes:
    """The one byte string that stands for a JSON value: sorted keys, no spaces, ASCII.

    Raises ValueError for NaN or infinity, TypeError for anything that is not JSON.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def digest(value: object) -> str:
    """sha256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_digest(root: Path) -> str:
    """sha256 of a file, or of a folder's sorted (relative path, sha256) list: independent of where it lies.

    Raises ValueError when the folder holds a link or anything else that is not a plain file.
    """
    if root.is_file():
        return file_digest(root)
    return digest([[path.relative_to(root).as_posix(), file_digest(path)] for path in plain_files(root)])


def plain_files(root: Path) -> list[Path]:
    """Every file below `root`, sorted; links and devices are refused with ValueError."""
    files = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path}: only plain files and folders are accepted here, no links or devices")
        if path.is_file():
            files.append(path)
    return files
