"""Kind of a file by its first bytes."""

from pathlib import Path

MAGIC = {
    b"SQLite format 3\0": "an SQLite database",
    b"PK\x03\x04": "a zip archive (as torch and numpy write)",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x93NUMPY": "a numpy array",
    b"CDF": "a NetCDF file",
}
PICKLE_TEXT = (b"(dp", b"(lp", b"(ip", b"cos\n", b"c__", b"ccopy_reg", b"cposix", b"cbuiltins")


def sniff(path: Path) -> str:
    """Kind of a file by its first bytes: `text`, or words for a binary kind; no more is read."""
    if path.is_dir():
        return "a folder"
    with path.open("rb") as stream:
        head = stream.read(4096)
    if (head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5") or head.startswith(PICKLE_TEXT):
        return "a Python pickle"
    for magic, words in MAGIC.items():
        if head.startswith(magic):
            return words
    return "binary data" if b"\0" in head else "text" if head.strip() else "an empty file"
